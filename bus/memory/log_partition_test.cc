#include "bus/memory/log_partition.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "bus/random.h"

namespace millrace::bus {
namespace {

std::vector<int64_t> Offsets(const LogPartition& log, int64_t from) {
  std::vector<int64_t> offsets;
  while (from < log.end()) {
    const LogPartition::Slice slice = log.Read(from, 1000);
    for (const Delivery& d : slice.records) offsets.push_back(d.offset);
    from = slice.next;
  }
  return offsets;
}

TEST(LogPartitionTest, KeepsEverythingOfAMessage) {
  SegmentPool pool(4096);
  LogPartition log(pool);
  HeaderBuilder headers;
  headers.Add("h", "1").Add("h", std::nullopt).Add("h", std::string_view("\xff\0", 2));
  const Message full{.key = "k", .body = std::string_view("b\0\xfe", 3), .headers = headers.View(), .timestamp_ms = 42};
  const Message null{};
  const Message empty{.key = "", .body = "", .headers = {}, .timestamp_ms = -1};
  EXPECT_EQ(log.Append(full), 0);
  EXPECT_EQ(log.Append(null), 1);
  EXPECT_EQ(log.Append(empty), 2);
  const LogPartition::Slice slice = log.Read(0, 10);
  ASSERT_EQ(slice.records.size(), 3u);
  EXPECT_TRUE(SameContent(slice.records[0].message, full));
  EXPECT_TRUE(SameContent(slice.records[1].message, null));
  EXPECT_TRUE(SameContent(slice.records[2].message, empty));
  EXPECT_FALSE(slice.records[1].message.key.has_value());
  EXPECT_TRUE(slice.records[2].message.body.has_value());
  EXPECT_EQ(slice.records[2].sequence, 2u);
  EXPECT_EQ(slice.next, 3);
}

TEST(LogPartitionTest, ReadsStopAtMaxAndAtSegments) {
  SegmentPool pool(1024);
  LogPartition log(pool);
  const std::string body(100, 'x');
  for (int i = 0; i < 20; ++i) log.Append({.body = body});
  EXPECT_EQ(log.Read(0, 2).records.size(), 2u);
  EXPECT_EQ(log.Read(0, 2).next, 2);
  const size_t first = log.Read(0, 100).records.size();
  EXPECT_GT(first, 2u);
  EXPECT_LT(first, 20u);
  EXPECT_EQ(Offsets(log, 0).size(), 20u);
  EXPECT_EQ(Offsets(log, 13).front(), 13);
  EXPECT_TRUE(log.Read(20, 5).records.empty());
  EXPECT_EQ(log.Read(20, 5).next, 20);
}

TEST(LogPartitionTest, AMessageLargerThanASegmentGetsItsOwn) {
  SegmentPool pool(1024);
  LogPartition log(pool);
  const std::string large(10'000, 'x');
  log.Append({.body = "a"});
  log.Append({.body = large});
  log.Append({.body = "b"});
  ASSERT_EQ(Offsets(log, 0).size(), 3u);
  EXPECT_EQ(log.Read(1, 1).records[0].message.body, large);
}

TEST(LogPartitionTest, WhatIsHeldOutlivesTheLog) {
  SegmentPool pool(1024);
  LogPartition::Slice held;
  {
    LogPartition log(pool);
    log.Append({.body = "kept"});
    held = log.Read(0, 1);
    log.DropBefore(1);
    for (int i = 0; i < 100; ++i) {
      log.Append({.body = "other"});
      log.DropBefore(log.end());
    }
  }
  EXPECT_EQ(held.records[0].message.body, "kept");
}

TEST(LogPartitionTest, ALogThatIsAlwaysEmptiedUsesOneSegmentOverAgain) {
  SegmentPool pool(4096);
  LogPartition log(pool);
  const char* place = nullptr;
  for (int i = 0; i < 1000; ++i) {
    log.Append({.body = "x"});
    const char* at = log.Read(log.start(), 1).segment->data();
    EXPECT_TRUE(place == nullptr || place == at);
    place = at;
    log.DropBefore(log.end());
  }
  EXPECT_EQ(log.records(), 1000u);
  EXPECT_EQ(log.bytes(), 0u);
}

// Against a map from offsets to bodies: appends, gaps, drops, trims, reads.
TEST(LogPartitionTest, BehavesAsAMapOfOffsets) {
  const Random random(11);
  for (uint64_t c = 0; c < 50; ++c) {
    SegmentPool pool(2048, 4);
    LogPartition log(pool);
    std::map<int64_t, std::string> model;
    int64_t start = 0, end = 0;
    if (random.Below(1, {c}, 2) == 0) log.ResetTo(start = end = 1000);
    for (uint64_t step = 0; step < 300; ++step) {
      const uint64_t what = random.Below(2, {c, step}, 20);
      if (what < 12) {
        const std::string body(random.Below(3, {c, step}, 300), static_cast<char>('a' + step % 26));
        EXPECT_EQ(log.Append({.body = body}), end);
        model[end++] = body;
      } else if (what < 14) {
        const int64_t gap = 1 + static_cast<int64_t>(random.Below(4, {c, step}, 5));
        log.AppendGap(gap);
        end += gap;
      } else if (what < 16) {
        const int64_t to =
            start - 2 + static_cast<int64_t>(random.Below(5, {c, step}, static_cast<uint64_t>(end - start) + 5));
        log.DropBefore(to);
        start = std::max(start, std::min(to, end));
        model.erase(model.begin(), model.lower_bound(start));
      } else if (what == 16) {
        log.DropBefore(log.TrimPoint(3000));
        EXPECT_GE(log.start(), start);
        start = log.start();
        model.erase(model.begin(), model.lower_bound(start));
      } else {
        int64_t at = start + static_cast<int64_t>(random.Below(6, {c, step}, static_cast<uint64_t>(end - start) + 1));
        uint64_t before = log.RecordsBefore(at);
        EXPECT_EQ(log.records() - before, static_cast<uint64_t>(std::distance(model.lower_bound(at), model.end())));
        uint64_t bytes = 0;
        for (auto it = model.lower_bound(at); it != model.end(); ++it)
          bytes += LogPartition::Footprint({.body = it->second});
        EXPECT_EQ(log.position() - log.PositionOf(at), bytes);
        auto expected = model.lower_bound(at);
        while (at < end) {
          const LogPartition::Slice slice = log.Read(at, 1 + random.Below(7, {c, step}, 10));
          for (const Delivery& d : slice.records) {
            ASSERT_NE(expected, model.end());
            EXPECT_EQ(d.offset, expected->first);
            EXPECT_EQ(d.message.body, expected->second);
            ++expected;
          }
          ASSERT_GT(slice.next, at);
          at = slice.next;
        }
        EXPECT_EQ(expected, model.end());
      }
      EXPECT_EQ(log.start(), start);
      EXPECT_EQ(log.end(), end);
    }
  }
}

}  // namespace
}  // namespace millrace::bus
