#include "stages/property/reso_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "stages/property/feed_input.h"
#include "stages/property/reso_scan.h"
#include "stages/property/reso_walk.h"

namespace millrace::property {
namespace {

using Strings = std::vector<std::string>;

// Hands out few bytes at a time, so that every state is interrupted everywhere.
class StingyBytes final : public FeedBytes {
 public:
  StingyBytes(std::string bytes, size_t give) : bytes_(std::move(bytes)), give_(give) {}
  uint64_t size() const override { return bytes_.size(); }
  absl::StatusOr<std::string_view> View(uint64_t offset, size_t want) override {
    return std::string_view(bytes_).substr(offset, std::max(want, give_));
  }

 private:
  const std::string bytes_;
  const size_t give_;
};

struct Taken {
  Strings elements;
  std::optional<std::string> rest;
  std::string next_link;
};

Taken Take(const std::string& text, size_t give = 1 << 20) {
  StingyBytes bytes(text, give);
  ResoPage page(&bytes);
  Taken taken;
  while (true) {
    auto piece = page.Next();
    EXPECT_TRUE(piece.ok());
    if (piece->kind == ResoPage::Kind::kEnd) break;
    if (piece->kind == ResoPage::Kind::kElement) {
      EXPECT_EQ(piece->index, taken.elements.size());
      EXPECT_FALSE(taken.rest.has_value());
      taken.elements.emplace_back(piece->text);
    } else {
      EXPECT_FALSE(taken.rest.has_value()) << "once";
      taken.rest = std::string(piece->text);
    }
  }
  taken.next_link = page.next_link();
  return taken;
}

TEST(ResoPage, TakesElementsAsTheyStand) {
  const std::string text =
      "\xef\xbb\xbf {\"@odata.context\":\"x\", \"value\" : [ {\"a\":1} ,{\"b\":[{\"c\":\"}]\\\"{\"}]},\n\"text\", 12, "
      "null,[1,[2]] ] , "
      "\"@odata.nextLink\":\"https:\\/\\/api/p?2\" }\n";
  for (size_t give : {1, 2, 3, 10, 1000}) {
    const Taken taken = Take(text, give);
    EXPECT_EQ(taken.elements,
              (Strings{"{\"a\":1}", "{\"b\":[{\"c\":\"}]\\\"{\"}]}", "\"text\"", "12", "null", "[1,[2]]"}));
    EXPECT_EQ(taken.rest, std::nullopt);
    EXPECT_EQ(taken.next_link, "https://api/p?2");
  }
}

TEST(ResoPage, MembersInAnyOrder) {
  const Taken taken =
      Take(R"({"@odata.nextLink":"p2.json","@odata.count":12,"meta":{"value":[9]},"value":[{"x":"y"}],"more":[[]]})");
  EXPECT_EQ(taken.elements, Strings{R"({"x":"y"})"});
  EXPECT_EQ(taken.rest, std::nullopt);
  EXPECT_EQ(taken.next_link, "p2.json");
}

TEST(ResoPage, EmptyValueIsAPageWithNothing) {
  const Taken taken = Take(R"({"value":[]})");
  EXPECT_TRUE(taken.elements.empty());
  EXPECT_EQ(taken.rest, std::nullopt);
}

TEST(ResoPage, WhatIsNoPageIsOnePiece) {
  for (const std::string& text : Strings{"", "not json", "[1,2]", "{\"error\":{\"code\":500}}", "{\"value\":{}}",
                                         "{\"value\" [1]}", "{\"a\":1 \"value\":[]}", "{value:[1]}", "{\"value\":7,",
                                         std::string(10'000, '['), std::string(300, '\0'), "{", "{}", "{\"a"}) {
    for (size_t give : {1, 1000}) {
      const Taken taken = Take(text, give);
      EXPECT_TRUE(taken.elements.empty()) << text;
      EXPECT_EQ(taken.rest, text);
    }
  }
}

TEST(ResoPage, APageThatStopsGivesWhatCameBefore) {
  const std::string text = R"({"value":[{"a":1},{"b":"two"},{"c":[3]}],"@odata.nextLink":"n"})";
  for (size_t size = 0; size < text.size(); ++size) {
    const std::string cut = text.substr(0, size);
    const Taken taken = Take(cut, 1 + size % 5);
    ASSERT_TRUE(taken.rest.has_value()) << "cut at " << size;
    for (const std::string& element : taken.elements) EXPECT_NE(cut.find(element), std::string::npos);
    const size_t whole = std::count(cut.begin(), cut.end(), '}');
    EXPECT_EQ(taken.elements.size(), std::min<size_t>(whole, 3)) << "cut at " << size;
    EXPECT_EQ(cut.substr(size - taken.rest->size()), *taken.rest) << "everything from the break on";
  }
}

TEST(ResoPage, JunkBehindThePageIsTold) {
  const Taken taken = Take(R"({"value":[{"a":1}]} trailing)");
  EXPECT_EQ(taken.elements.size(), 1u);
  ASSERT_TRUE(taken.rest.has_value());
}

TEST(ResoPage, NestingOfAnyDepthIsOneElement) {
  const std::string deep = "{\"a\":" + std::string(10'000, '[') + std::string(10'000, ']') + "}";
  const Taken taken = Take("{\"value\":[{\"x\":1}," + deep + ",{\"y\":2}]}", 100);
  EXPECT_EQ(taken.elements, (Strings{"{\"x\":1}", deep, "{\"y\":2}"}));
  // Without its ends it is the rest of the page.
  const Taken open = Take("{\"value\":[{\"x\":1},{\"a\":" + std::string(10'000, '['));
  EXPECT_EQ(open.elements.size(), 1u);
  EXPECT_EQ(open.rest->size(), 10'000u + 5);
}

TEST(ResoPage, AHugeElementIsCutAndTheNextIsThere) {
  const std::string huge = "{\"a\":\"" + std::string(2'000'000, 'x') + "\"}";
  StingyBytes bytes("{\"value\":[" + huge + ",{\"b\":2}]}", 4096);
  ResoPage page(&bytes);
  auto piece = page.Next();
  EXPECT_EQ(piece->text, huge.substr(0, kRecordBytesMax));
  EXPECT_EQ(piece->whole_bytes, huge.size());
  piece = page.Next();
  EXPECT_EQ(piece->text, "{\"b\":2}");
}

TEST(ResoPage, ResumesBehindEveryElement) {
  const std::string text = R"({"@odata.nextLink":"n","value":[{"a":1},{"b":2},{"c":3}]})";
  const Strings all = Take(text).elements;
  StingyBytes bytes(text, 7);
  ResoPage page(&bytes);
  for (size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(page.Next()->kind, ResoPage::Kind::kElement);
    ResoPage resumed(&bytes);
    ASSERT_TRUE(resumed.Resume(page.offset(), page.elements()).ok());
    for (size_t j = i + 1; j < all.size(); ++j) {
      auto piece = resumed.Next();
      EXPECT_EQ(piece->text, all[j]);
      EXPECT_EQ(piece->index, j);
    }
    EXPECT_EQ(resumed.Next()->kind, ResoPage::Kind::kEnd);
    EXPECT_EQ(resumed.next_link(), "n");
  }
  ResoPage wrong(&bytes);
  EXPECT_FALSE(wrong.Resume(1'000'000, 3).ok());
}

TEST(FindPlainMember, FindsWhatCanBeAKey) {
  EXPECT_EQ(FindPlainMember(R"({"a":1,"ListingKey" : "K-1"})", "ListingKey"), "K-1");
  EXPECT_EQ(FindPlainMember(R"({"ListingKey":4711})", "ListingKey"), "4711");
  EXPECT_EQ(FindPlainMember(R"({"SourceListingKey":"no","x":"ListingKey","ListingKey":"yes"})", "ListingKey"), "yes");
  EXPECT_EQ(FindPlainMember(R"({"ListingKey":"esc\"aped"})", "ListingKey"), std::nullopt);
  EXPECT_EQ(FindPlainMember(R"({"ListingKey":{"a":1}})", "ListingKey"), std::nullopt);
  EXPECT_EQ(FindPlainMember(R"({"ListingKey")", "ListingKey"), std::nullopt);
  EXPECT_EQ(FindPlainMember(R"({"ListingKey":)", "ListingKey"), std::nullopt);
  EXPECT_EQ(FindPlainMember(R"({"ListingKey":"open)", "ListingKey"), std::nullopt);
  EXPECT_EQ(FindPlainMember("", "ListingKey"), std::nullopt);
}

Strings Walked(Strings names, const std::vector<std::string>& links) {
  ResoWalk walk(std::move(names));
  Strings order;
  for (size_t i = 0; walk.page().has_value() && i < 100; ++i) {
    EXPECT_EQ(walk.ordinal(), i);
    order.emplace_back(*walk.page());
    EXPECT_TRUE(walk.Advance(i < links.size() ? links[i] : "").ok());
  }
  return order;
}

TEST(ResoWalk, FollowsLinksThenNames) {
  EXPECT_EQ(Walked({"page-10.json", "page-2.json", "page-1.json"}, {}),
            (Strings{"page-1.json", "page-2.json", "page-10.json"}));
  EXPECT_EQ(Walked({"a.json", "b.json", "c.json"}, {"c.json"}), (Strings{"a.json", "c.json", "b.json"}));
  EXPECT_EQ(Walked({"a.json", "b.json"}, {"a.json", "./a.json"}), (Strings{"a.json", "b.json"})) << "a circle ends";
  EXPECT_EQ(Walked({"a.json", "b.json"}, {"https://api.example/p?skip=100"}), (Strings{"a.json", "b.json"}));
  EXPECT_EQ(Walked({"a.json", "b.json"}, {"../../etc/passwd"}), (Strings{"a.json", "b.json"}));
}

TEST(ResoWalk, AMissingPageIsAnError) {
  ResoWalk walk({"a.json"});
  const absl::Status status = walk.Advance("b.json");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(status.message()).find("b.json"), std::string::npos);
}

TEST(ResoWalk, NaturalOrder) {
  EXPECT_TRUE(NaturalLess("p2", "p10"));
  EXPECT_TRUE(NaturalLess("p02", "p10"));
  EXPECT_FALSE(NaturalLess("p10", "p2"));
  EXPECT_TRUE(NaturalLess("p", "p1"));
  EXPECT_TRUE(NaturalLess("p01", "p1") != NaturalLess("p1", "p01")) << "never equal where the names are not";
  EXPECT_FALSE(NaturalLess("same", "same"));
}

}  // namespace
}  // namespace millrace::property
