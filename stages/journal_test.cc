#include "stages/journal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "stages/durable_file.h"

namespace millrace::stages {
namespace {

std::string NewPath(const std::string& name) {
  const std::string folder = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder + "/journal";
}

std::vector<std::string> Ids(const std::string& path) {
  std::vector<std::string> ids;
  auto extent = ReadJournal(path, [&](std::string_view id) { ids.emplace_back(id); });
  EXPECT_TRUE(extent.ok()) << extent.status();
  if (extent.ok()) {
    EXPECT_EQ(extent->records, ids.size());
  }
  return ids;
}

void Write(const std::string& path, const std::vector<std::string>& ids) {
  auto journal = Journal::Open(path);
  ASSERT_TRUE(journal.ok()) << journal.status();
  for (const std::string& id : ids) (*journal)->Append(id);
  ASSERT_TRUE((*journal)->Sync().ok());
  EXPECT_EQ((*journal)->bytes(), std::filesystem::file_size(path));
}

TEST(Journal, KeepsIdsOfAnyBytesInOrder) {
  const std::string path = NewPath("any");
  const std::vector<std::string> ids = {"a", "", std::string("\0\xff\n", 3), std::string(Journal::kIdBytesMax, 'x'),
                                        "a"};
  Write(path, ids);
  EXPECT_EQ(Ids(path), ids);
  Write(path, {"later"});
  EXPECT_EQ(Ids(path).size(), 6u);
}

TEST(Journal, WhatWasNotFlushedIsNotThere) {
  const std::string path = NewPath("unflushed");
  {
    auto journal = Journal::Open(path);
    (*journal)->Append("flushed");
    ASSERT_TRUE((*journal)->Flush().ok());
    EXPECT_EQ(Ids(path).size(), 1u);  // a reader beside the writer
    (*journal)->Append("lost with the process");
  }
  EXPECT_EQ(Ids(path), std::vector<std::string>{"flushed"});
}

// A crash can cut the file anywhere: what was whole before the cut stays, and writing goes on behind it.
TEST(Journal, ATornTailIsCutAtEveryLength) {
  const std::string path = NewPath("torn");
  const std::vector<std::string> ids = {"king_county:1:aa", "b", "vancouver:22:cc"};
  Write(path, ids);
  const std::string whole = *ReadWholeFile(path, 1 << 20);
  for (size_t length = 0; length < whole.size(); ++length) {
    ASSERT_TRUE(WriteFileAtomically(path, whole.substr(0, length)).ok());
    size_t kept = 0, end = 8;
    while (kept < ids.size() && end + 8 + ids[kept].size() <= length) end += 8 + ids[kept++].size();
    {
      auto journal = Journal::Open(path);
      ASSERT_TRUE(journal.ok()) << "at length " << length << ": " << journal.status();
      EXPECT_EQ((*journal)->records(), kept) << "at length " << length;
      EXPECT_EQ((*journal)->cut_bytes(), length < 8 ? length : length - end);
    }
    Write(path, {"after"});
    std::vector<std::string> expected(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(kept));
    expected.push_back("after");
    EXPECT_EQ(Ids(path), expected) << "at length " << length;
  }
}

TEST(Journal, GarbageBehindTheLastWholeRecordIsCut) {
  const std::string path = NewPath("garbage");
  for (const std::string& garbage :
       {std::string(100, '\0'), std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9), std::string(300'000, 'g')}) {
    Write(path, {"one", "two"});
    const size_t before = Ids(path).size();
    ASSERT_TRUE(WriteFileAtomically(path, *ReadWholeFile(path, 1 << 20) + garbage).ok());
    auto journal = Journal::Open(path);
    ASSERT_TRUE(journal.ok());
    EXPECT_EQ((*journal)->cut_bytes(), garbage.size());
    EXPECT_EQ(Ids(path).size(), before);
  }
}

TEST(Journal, AFlippedBitEndsIt) {
  const std::string path = NewPath("flipped");
  Write(path, {"one", "two", "three"});
  std::string bytes = *ReadWholeFile(path, 1 << 20);
  bytes[8 + 11 + 9] ^= 1;  // in "two"
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  EXPECT_EQ(Ids(path), std::vector<std::string>{"one"});
}

TEST(Journal, WhatWasOnTheDiskIsNotCutBecauseItCannotBeRead) {
  const std::string path = NewPath("kept");
  Write(path, {"one", "two", "three"});
  std::string bytes = *ReadWholeFile(path, 1 << 20);
  bytes[8 + 11 + 9] ^= 1;  // in "two"
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  const absl::Status opened = Journal::Open(path, bytes.size()).status();
  EXPECT_TRUE(absl::IsDataLoss(opened)) << opened;
  EXPECT_EQ(*ReadWholeFile(path, 1 << 20), bytes) << "left as it is, for whoever can mend it";
  EXPECT_TRUE(Journal::Open(path).ok()) << "nothing of it was promised";
}

TEST(Journal, ReadsMoreThanAChunk) {
  const std::string path = NewPath("large");
  std::vector<std::string> ids;
  for (int i = 0; i < 50'000; ++i) ids.push_back("record:" + std::to_string(i));
  Write(path, ids);
  EXPECT_EQ(Ids(path), ids);
}

TEST(Journal, RefusesWhatIsNoJournal) {
  const std::string path = NewPath("foreign");
  ASSERT_TRUE(WriteFileAtomically(path, "id,date,price\n1,2,3\n").ok());
  auto journal = Journal::Open(path);
  EXPECT_EQ(journal.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*ReadWholeFile(path, 100), "id,date,price\n1,2,3\n") << "untouched";
}

TEST(Journal, OneRunAtATime) {
  const std::string path = NewPath("two_runs");
  auto first = Journal::Open(path);
  ASSERT_TRUE(first.ok());
  auto second = Journal::Open(path);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << second.status();
}

// A limit on the size of files stands in for a disk that fills up: writes are cut short, then refused.
TEST(Journal, AFullDiskIsSaidOnceAndForAll) {
  const std::string path = NewPath("full");
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  {
    auto journal = Journal::Open(path);
    ASSERT_TRUE(journal.ok()) << journal.status();
    (*journal)->Append("fits");
    ASSERT_TRUE((*journal)->Sync().ok());
    const rlimit small{.rlim_cur = 30, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    (*journal)->Append("does not fit any more");
    EXPECT_EQ((*journal)->Sync().code(), absl::StatusCode::kResourceExhausted);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    (*journal)->Append("the hole stays");
    EXPECT_EQ((*journal)->Sync().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ((*journal)->records(), 1u);
  }
  EXPECT_EQ(std::filesystem::file_size(path), 30u) << "a torn tail";
  Write(path, {"goes on"});
  EXPECT_EQ(Ids(path), (std::vector<std::string>{"fits", "goes on"}));
}

}  // namespace
}  // namespace millrace::stages
