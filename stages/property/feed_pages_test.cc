#include "stages/property/feed_pages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "stages/durable_file.h"

namespace millrace::property {
namespace {

std::string Folder(const std::string& name) {
  const std::string folder = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

void Put(const std::string& path, const std::string& content) {
  ASSERT_TRUE(stages::WriteFileAtomically(path, content).ok());
}

struct Read {
  std::string id, key, body, type, subject, cut, position;
  bool operator==(const Read&) const = default;
};

std::vector<Read> ReadAll(FeedInput* input) {
  std::vector<Read> all;
  while (true) {
    auto next = input->Next();
    EXPECT_TRUE(next.ok()) << next.status();
    if (!next.ok() || *next == nullptr) return all;
    const FeedRecord& r = **next;
    all.push_back({std::string(r.id), std::string(r.key.value_or("(none)")), std::string(r.body), std::string(r.type),
                   std::string(r.subject), std::string(r.headers.Find(kHeaderCut).value_or("")),
                   std::string(input->position())});
  }
}

std::unique_ptr<PagesInput> Open(const std::string& path) {
  auto pages = OpenResoFiles(path);
  EXPECT_TRUE(pages.ok()) << pages.status();
  return std::make_unique<PagesInput>("reso", std::move(*pages));
}

TEST(PagesInput, AFolderOfPages) {
  const std::string folder = Folder("pages");
  Put(folder + "/page-1.json", R"({"value":[{"ListingKey":"a"},{"ListingKey":"b"}],"@odata.nextLink":"page-3.json"})");
  Put(folder + "/page-2.json", R"({"value":[{"NoKey":1}]})");
  Put(folder + "/page-3.json", R"({"value":[{"ListingKey":"c"}],"@odata.nextLink":"https://api.example/?page=9"})");
  Put(folder + "/notes.txt", "no page");
  auto input = Open(folder);
  const std::vector<Read> all = ReadAll(input.get());
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].subject, "page-1.json#0");
  EXPECT_EQ(all[0].key, "a");
  EXPECT_EQ(all[0].type, kRawReso);
  EXPECT_EQ(all[0].id.substr(0, 19), "reso:page-1.json:0:");
  EXPECT_EQ(all[2].subject, "page-3.json#0");
  EXPECT_EQ(all[3].subject, "page-2.json#0");
  EXPECT_EQ(all[3].key, "(none)");
  for (size_t i = 0; i < all.size(); ++i) {
    auto again = Open(folder);
    ASSERT_TRUE(again->Seek(all[i].position).ok());
    EXPECT_EQ(ReadAll(again.get()), std::vector<Read>(all.begin() + static_cast<ptrdiff_t>(i) + 1, all.end()));
  }
}

TEST(PagesInput, BrokenPagesAreRecordsAndTheRestGoesOn) {
  const std::string folder = Folder("broken");
  const std::string deep = "{\"value\":[{\"ListingKey\":\"k\",\"a\":" + std::string(10'000, '[') +
                           std::string(10'000, ']') + "},{\"ListingKey\":\"l\"}]}";
  Put(folder + "/1.json", "<html>502 Bad Gateway</html>");
  Put(folder + "/2.json", R"({"@odata.nextLink":"4.json","value":[{"ListingKey":"a"},{"ListingK)");
  Put(folder + "/3.json", "");
  Put(folder + "/4.json", deep);
  Put(folder + "/5.json", std::string(10'000, '['));
  Put(folder + "/6.json", R"({"value":[{"ListingKey":")" + std::string(2'000'000, 'x') + R"("},{"ListingKey":"z"}]})");
  auto input = Open(folder);
  const std::vector<Read> all = ReadAll(input.get());
  std::vector<std::string> subjects;
  for (const Read& read : all) subjects.push_back(read.subject);
  EXPECT_EQ(subjects, (std::vector<std::string>{"1.json#rest", "2.json#0", "2.json#rest", "4.json#0", "4.json#1",
                                                "3.json#rest", "5.json#rest", "6.json#0", "6.json#1"}));
  EXPECT_EQ(all[0].type, kRawPage);
  EXPECT_EQ(all[0].body, "<html>502 Bad Gateway</html>");
  EXPECT_EQ(all[2].body, "{\"ListingK");
  EXPECT_EQ(all[5].body, "");
  EXPECT_EQ(all[7].body.size(), kRecordBytesMax);
  EXPECT_NE(all[7].cut, "");
  EXPECT_EQ(all[8].key, "z");
  for (size_t i = 0; i < all.size(); ++i) {
    auto again = Open(folder);
    ASSERT_TRUE(again->Seek(all[i].position).ok());
    EXPECT_EQ(ReadAll(again.get()), std::vector<Read>(all.begin() + static_cast<ptrdiff_t>(i) + 1, all.end())) << i;
  }
}

TEST(PagesInput, ASingleFile) {
  const std::string folder = Folder("single");
  Put(folder + "/answer", R"({"value":[{"ListingKey":"a"}],"@odata.nextLink":"next"})");
  EXPECT_EQ(ReadAll(Open(folder + "/answer").get()).size(), 1u);
}

TEST(PagesInput, WhatCannotBeReadIsSaidClearly) {
  const std::string folder = Folder("wrong");
  EXPECT_EQ(OpenResoFiles(folder + "/none.json").status().code(), absl::StatusCode::kNotFound);
  const auto none = OpenResoFiles(folder);
  EXPECT_EQ(none.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(none.status().message()).find("holds no pages"), std::string::npos);
  Put(folder + "/empty.json", "");
  const auto empty = OpenResoFiles(folder + "/empty.json");
  EXPECT_EQ(empty.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(empty.status().message()).find("empty.json is empty"), std::string::npos);
  Put(folder + "/empty.json", R"({"value":[],"@odata.nextLink":"lost.json"})");
  auto input = Open(folder);
  const auto next = input->Next();
  (void)next;
  // One file beside nothing: its link is where it came from. With two, a missing one is missed.
  Put(folder + "/other.json", R"({"value":[]})");
  EXPECT_EQ(Open(folder)->Next().status().code(), absl::StatusCode::kNotFound);
}

TEST(PagesInput, ChangedPagesAreNotGoneOnWith) {
  const std::string folder = Folder("changed");
  Put(folder + "/1.json", R"({"value":[{"ListingKey":"a"},{"ListingKey":"b"}]})");
  auto input = Open(folder);
  ASSERT_TRUE(input->Next().ok());
  const std::string position(input->position());
  Put(folder + "/1.json", R"({"value":[{"ListingKey":"A"},{"ListingKey":"b"}]})");
  EXPECT_EQ(Open(folder)->Seek(position).code(), absl::StatusCode::kInvalidArgument);
  Put(folder + "/1.json", R"({"value":[{"ListingKey":"a"},{"ListingKey":"b"}]})");
  EXPECT_TRUE(Open(folder)->Seek(position).ok());
  Put(folder + "/2.json", R"({"value":[]})");
  EXPECT_EQ(Open(folder)->Seek(position).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(input->Seek("junk").ok());
}

// The generator's pages, straight and through files: the same records, as many of each kind as it says.
TEST(PagesInput, GeneratedPagesComeApartAsCounted) {
  const GeneratorOptions options{.seed = 7, .count = 5'050, .page_size = 20};
  const Generator generator(options);
  PagesInput generated("generate", OpenGenerator(options));
  const std::vector<Read> all = ReadAll(&generated);
  const GeneratorCounts counts = generator.Count();
  ASSERT_EQ(all.size(), counts.records);
  uint64_t rests = 0;
  std::set<std::string> ids;
  for (size_t i = 0; i < all.size(); ++i) {
    std::string text;
    generator.WriteRecord(i, &text);
    EXPECT_EQ(all[i].body, text);
    rests += all[i].type == kRawPage;
    EXPECT_EQ(all[i].type == kRawPage, generator.KindOf(i) == GeneratedKind::kTruncated);
    if (all[i].type == kRawReso) {
      EXPECT_EQ(all[i].key, "G7-" + std::to_string(generator.ListingOf(i)));
    }
    ids.insert(all[i].id);
  }
  EXPECT_GT(rests, 0u);
  EXPECT_EQ(rests, counts.truncated);
  EXPECT_EQ(ids.size(), all.size());

  const std::string folder = Folder("generated");
  std::string page;
  for (uint64_t p = 0; p < generator.pages(); ++p) {
    generator.WritePage(p, &page);
    Put(folder + "/" + Generator::PageName(p), page);
  }
  const std::vector<Read> from_files = ReadAll(Open(folder).get());
  ASSERT_EQ(from_files.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(from_files[i].body, all[i].body);

  for (size_t i = 0; i < all.size(); i += 97) {
    PagesInput again("generate", OpenGenerator(options));
    ASSERT_TRUE(again.Seek(all[i].position).ok());
    const std::vector<Read> rest = ReadAll(&again);
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + static_cast<ptrdiff_t>(i) + 1, all.end()));
  }
  PagesInput other("generate", OpenGenerator({.seed = 8, .count = 5'050, .page_size = 20}));
  EXPECT_EQ(other.Seek(all[5].position).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace millrace::property
