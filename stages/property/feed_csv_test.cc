#include "stages/property/feed_csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "stages/durable_file.h"

namespace millrace::property {
namespace {

constexpr CsvFormat kSmall = {.header = "id,text", .type = "test.raw"};

std::string Put(const std::string& name, const std::string& content) {
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  EXPECT_TRUE(stages::WriteFileAtomically(path, content).ok());
  return path;
}

struct Read {
  std::string id, key, body, subject, cut, position;
  bool operator==(const Read&) const = default;
};

std::vector<Read> ReadAll(FeedInput* input) {
  std::vector<Read> all;
  while (true) {
    auto next = input->Next();
    EXPECT_TRUE(next.ok()) << next.status();
    if (!next.ok() || *next == nullptr) return all;
    const FeedRecord& r = **next;
    all.push_back({std::string(r.id), std::string(r.key.value_or("(none)")), std::string(r.body),
                   std::string(r.subject), std::string(r.headers.Find(kHeaderCut).value_or("")),
                   std::string(input->position())});
  }
}

std::vector<Read> ReadFile(const std::string& content) {
  auto input = CsvInput::Open("in", kSmall, Put("file.csv", content));
  EXPECT_TRUE(input.ok()) << input.status();
  return input.ok() ? ReadAll(input->get()) : std::vector<Read>();
}

TEST(CsvInput, RecordsWithIdKeyAndPlace) {
  const std::vector<Read> all = ReadFile("id,text\r\n7,a\r\n\r\n\"8\",\"b\nc\"\r\n9,d");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].body, "7,a");
  EXPECT_EQ(all[0].key, "7");
  EXPECT_EQ(all[0].subject, "file.csv:2");
  EXPECT_EQ(all[0].id.substr(0, 5), "in:2:");
  EXPECT_EQ(all[0].id.size(), 5u + 16);
  EXPECT_EQ(all[1].key, "8");
  EXPECT_EQ(all[1].subject, "file.csv:4");
  EXPECT_EQ(all[2].body, "9,d");
  EXPECT_EQ(all[2].subject, "file.csv:6");
}

TEST(CsvInput, AHeaderAloneHasNoRecords) {
  EXPECT_TRUE(ReadFile("id,text\n").empty());
  EXPECT_TRUE(ReadFile("id,text").empty());
  EXPECT_EQ(ReadFile("\xef\xbb\xbfid,text\n1,a\n").size(), 1u) << "behind a byte order mark";
}

TEST(CsvInput, WhatIsNoSuchFileIsSaidClearly) {
  const auto missing = CsvInput::Open("in", kSmall, "/nowhere/at/all.csv");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(missing.status().message()).find("/nowhere/at/all.csv"), std::string::npos);

  const auto empty = CsvInput::Open("in", kSmall, Put("empty.csv", ""));
  EXPECT_EQ(empty.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(empty.status().message()).find("empty.csv is empty"), std::string::npos) << empty.status();

  const auto header = CsvInput::Open("in", kSmall, Put("other.csv", "id;text\x1b[31m\n1;2\n"));
  EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(header.status().message())
                .find("other.csv:1: wrong header: expected \"id,text\", found \"id;text?[31m\""),
            std::string::npos)
      << header.status();

  EXPECT_EQ(CsvInput::Open("in", kSmall, std::string(getenv("TEST_TMPDIR"))).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CsvInput, ALineOfTenMegabytesIsCutAndTheRestGoesOn) {
  const std::string line = "1," + std::string(10'000'000, 'x');
  for (const std::string& text :
       {"id,text\n" + line + "\n2,b\n", "id,text\n0,a\n" + line + "\r\n2,b", "id,text\n" + line}) {
    const std::vector<Read> all = ReadFile(text);
    const auto cut = std::find_if(all.begin(), all.end(), [](const Read& r) { return !r.cut.empty(); });
    ASSERT_NE(cut, all.end());
    EXPECT_EQ(cut->body, line.substr(0, kRecordBytesMax));
    EXPECT_EQ(cut->key, "1");
    EXPECT_EQ(std::stoull(cut->cut) / 10, 1'000'000u);
    EXPECT_NE(cut->cut.find(" file.csv:"), std::string::npos);
    if (text.back() != 'x') {
      EXPECT_EQ(all.back().body, "2,b");
    }
  }
}

TEST(CsvInput, AQuoteLeftOpenBreaksOneRecord) {
  std::string text = "id,text\n1,\"open\n";
  for (int i = 2; i < 50'000; ++i) text += std::to_string(i) + ",some text on this line\n";
  const std::vector<Read> all = ReadFile(text);
  ASSERT_EQ(all.size(), 49'999u);
  EXPECT_EQ(all[0].body, "1,\"open");
  EXPECT_EQ(all[1].key, "2");
}

TEST(CsvInput, NulBytesAndInvalidUtf8PassThrough) {
  const std::vector<Read> all = ReadFile(std::string("id,text\n1,a\0b\n2,\xff\n", 18));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].body, std::string("1,a\0b", 5));
  EXPECT_EQ(all[1].body, "2,\xff");
}

TEST(CsvInput, GoesOnFromEveryPosition) {
  const std::string path =
      Put("resume.csv", "id,text\n1,a\n2,\"b\nb\"\n\n" + ("3," + std::string(1'000'000, 'x')) + "\n4,\"open\n5,e\n");
  auto input = CsvInput::Open("in", kSmall, path);
  ASSERT_TRUE(input.ok());
  const std::vector<Read> all = ReadAll(input->get());
  ASSERT_EQ(all.size(), 5u);
  for (size_t i = 0; i < all.size(); ++i) {
    auto again = CsvInput::Open("in", kSmall, path);
    ASSERT_TRUE((*again)->Seek(all[i].position).ok());
    EXPECT_EQ(ReadAll(again->get()), std::vector<Read>(all.begin() + static_cast<ptrdiff_t>(i) + 1, all.end()));
  }
  ASSERT_TRUE((*input)->Seek("").ok());
  EXPECT_EQ(ReadAll(input->get()), all);
  EXPECT_EQ((*input)->Progress(), 1.0);
}

TEST(CsvInput, AnotherFileIsNotGoneOnWith) {
  auto input = CsvInput::Open("in", kSmall, Put("changed.csv", "id,text\n1,a\n2,b\n"));
  const std::vector<Read> all = ReadAll(input->get());
  for (const std::string content : {"id,text\n1,a\n2,b\n3,c\n", "id,text\n1,a\n", "id,text\n1,X\n2,b\n"}) {
    auto other = CsvInput::Open("in", kSmall, Put("changed.csv", content));
    const absl::Status sought = (*other)->Seek(all[0].position);
    EXPECT_EQ(sought.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(sought.message()).find("changed.csv is not what it was"), std::string::npos) << sought;
  }
  for (const std::string junk : {"junk", "1.2 x", " ", "99 99 99"}) EXPECT_FALSE((*input)->Seek(junk).ok());
}

TEST(CsvInput, AFileThatShrinksWhileItIsReadIsAnError) {
  std::string text = "id,text\n";
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + ",text\n";
  const std::string path = Put("shrinks.csv", text);
  auto input = CsvInput::Open("in", kSmall, path);
  ASSERT_TRUE((*input)->Next().ok());
  std::filesystem::resize_file(path, 1000);
  while (true) {
    auto next = (*input)->Next();
    if (!next.ok()) {
      EXPECT_EQ(next.status().code(), absl::StatusCode::kInvalidArgument) << next.status();
      break;
    }
    ASSERT_NE(*next, nullptr) << "the end must not look like the end";
  }
}

// The facts that the data's SOURCE.txt states.
TEST(CsvInput, KingCountyHasItsRecords) {
  auto input =
      CsvInput::Open("king_county", kKingCountyFormat, "stages/property/data/us_king_county_sales/kc_house_data.csv");
  ASSERT_TRUE(input.ok()) << input.status();
  std::set<std::string> ids, keys;
  for (const Read& read : ReadAll(input->get())) {
    ids.insert(read.id);
    keys.insert(read.key);
    EXPECT_EQ(read.key.size(), 10u);
  }
  EXPECT_EQ(ids.size(), 21'613u);
  EXPECT_EQ(keys.size(), 21'436u);
}

TEST(CsvInput, VancouverHasItsRecords) {
  auto input = CsvInput::Open("vancouver", kVancouverFormat,
                              "stages/property/data/ca_vancouver_building_permits/building_permits.csv");
  ASSERT_TRUE(input.ok()) << input.status();
  std::set<std::string> ids, keys;
  for (const Read& read : ReadAll(input->get())) {
    ids.insert(read.id);
    keys.insert(read.key);
  }
  EXPECT_EQ(ids.size(), 20'680u);
  EXPECT_EQ(keys.size(), 20'680u);
}

}  // namespace
}  // namespace millrace::property
