#include "ops/record_sorter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "bus/random.h"

namespace millrace::ops {
namespace {

std::vector<std::string> Sorted(size_t memory_bytes, const std::vector<std::string>& records) {
  RecordSorter sorter(testing::TempDir(), memory_bytes);
  for (const std::string& record : records) EXPECT_TRUE(sorter.Add(record).ok());
  std::vector<std::string> sorted;
  EXPECT_TRUE(sorter.ForEach([&](std::string_view record) { sorted.emplace_back(record); }).ok());
  return sorted;
}

TEST(RecordSorterTest, SortsAsUnsignedBytesWithShortBeforeLong) {
  const std::vector<std::string> records = {"b",  "",  "a",        "\xff",     std::string("a\0", 2),
                                            "ab", "a", "abcdefgh", "abcdefghi"};
  const std::vector<std::string> expected = {"",          "a", "a",   std::string("a\0", 2), "ab", "abcdefgh",
                                             "abcdefghi", "b", "\xff"};
  EXPECT_EQ(Sorted(1 << 20, records), expected);
  EXPECT_EQ(Sorted(1, records), expected) << "each record a run of its own";
}

TEST(RecordSorterTest, EmptyInAndOut) { EXPECT_TRUE(Sorted(1 << 20, {}).empty()); }

TEST(RecordSorterTest, RunsOnDiskGiveWhatMemoryGives) {
  const Random random(3);
  std::vector<std::string> records;
  for (uint64_t i = 0; i < 5000; ++i) {
    std::string record(random.Below(1, {i}, 40), '\0');
    for (size_t j = 0; j < record.size(); ++j) record[j] = static_cast<char>(random.Below(2, {i, j}, 3));
    records.push_back(record);
  }
  records.push_back(std::string(100'000, 'x'));  // longer than a reader's buffer
  std::vector<std::string> expected = records;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Sorted(1 << 10, records), expected);
  EXPECT_EQ(Sorted(1 << 26, records), expected);
}

TEST(RecordSorterTest, LeavesNoFileAndSaysWhereItCouldNotWrite) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "sorter";
  std::filesystem::create_directory(folder);
  RecordSorter sorter(folder.string(), 1);
  EXPECT_TRUE(sorter.Add("a").ok());
  EXPECT_TRUE(sorter.Add("b").ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder));

  RecordSorter nowhere((folder / "none").string(), 1);
  EXPECT_TRUE(nowhere.Add("a").ok());
  const absl::Status status = nowhere.Add("b");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_NE(std::string(status.message()).find((folder / "none").string()), std::string::npos);
  EXPECT_EQ(nowhere.ForEach([](std::string_view) {}), status);
}

}  // namespace
}  // namespace millrace::ops
