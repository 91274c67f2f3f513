#include "bus/memory/log_isolation.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "bus/random.h"

namespace millrace::bus {
namespace {

struct Partition {
  SegmentPool pool{512};
  LogPartition log{pool};
  LogIsolation isolation;

  int64_t Put(uint64_t producer) {
    const int64_t offset = log.Append({.body = "body"});
    if (producer != 0) isolation.Append(producer, offset);
    return offset;
  }
  void End(uint64_t producer, bool commit) {
    if (commit) {
      isolation.Commit(producer);
    } else {
      isolation.Abort(producer);
    }
    log.AppendGap(1);
  }
  std::vector<int64_t> Seen(int64_t from = 0, size_t max = 1000) {
    std::vector<int64_t> offsets;
    for (int64_t at = std::max(from, log.start()), before = -1; at != before;) {
      before = at;
      const LogPartition::Slice slice = isolation.Read(log, at, max);
      for (const Delivery& d : slice.records) offsets.push_back(d.offset);
      at = slice.next;
    }
    return offsets;
  }
};

TEST(LogIsolationTest, NothingBehindAnOpenTransactionIsSeen) {
  Partition p;
  p.Put(0);
  p.Put(7);
  p.Put(0);
  EXPECT_EQ(p.isolation.StableEnd(p.log), 1);
  EXPECT_EQ(p.Seen(), (std::vector<int64_t>{0}));
  EXPECT_EQ(p.isolation.VisibleFrom(p.log, 0), 1u);
  p.End(7, true);
  EXPECT_EQ(p.Seen(), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(p.isolation.Read(p.log, 0, 100).next, 4) << "behind the marker";
}

TEST(LogIsolationTest, AbortedRecordsAreLeftOut) {
  Partition p;
  for (const uint64_t producer : {7u, 0u, 7u, 7u, 8u, 7u}) p.Put(producer);
  p.End(7, false);
  EXPECT_EQ(p.Seen(), (std::vector<int64_t>{1}));
  p.End(8, true);
  EXPECT_EQ(p.Seen(), (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(p.isolation.VisibleFrom(p.log, 2), 1u);
  EXPECT_EQ(p.isolation.Read(p.log, 2, 100).next, 8);
  EXPECT_EQ(p.isolation.Read(p.log, 5, 100).next, 8) << "a reader of nothing but aborted records gets on";
  EXPECT_TRUE(p.isolation.Read(p.log, 5, 100).records.empty());
}

TEST(LogIsolationTest, AReaderAtTheLastStableOffsetWaits) {
  Partition p;
  p.Put(7);
  const LogPartition::Slice slice = p.isolation.Read(p.log, 0, 100);
  EXPECT_TRUE(slice.records.empty());
  EXPECT_EQ(slice.next, 0);
}

// Against a model that knows of each record whose it is and what became of that.
TEST(LogIsolationTest, SeesWhatAModelSees) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Random random(seed);
    Partition p;
    std::map<int64_t, uint64_t> open;  // offset → producer
    std::set<int64_t> committed, aborted;
    int64_t start = 0;
    for (uint64_t step = 0; step < 120; ++step) {
      const uint64_t kind = random.Below(1, {step}, 10);
      const uint64_t producer = random.Below(2, {step}, 4);
      if (kind < 6) {
        const int64_t offset = p.Put(producer);
        if (producer == 0) {
          committed.insert(offset);
        } else {
          open[offset] = producer;
        }
      } else if (kind < 9 && producer > 0) {
        const bool commit = random.Below(3, {step}, 2) == 0;
        p.End(producer, commit);
        for (auto at = open.begin(); at != open.end();) {
          if (at->second != producer) {
            ++at;
            continue;
          }
          (commit ? committed : aborted).insert(at->first);
          at = open.erase(at);
        }
      } else if (kind == 9) {
        start += static_cast<int64_t>(random.Below(4, {step}, 5));
        p.log.DropBefore(start);
        start = p.log.start();
        p.isolation.DropBefore(start);
      }
      // Of an open transaction whose first records are gone the rest still holds readers back from there.
      const int64_t stable = open.empty() ? p.log.end() : open.begin()->first;
      const int64_t from = start + static_cast<int64_t>(random.Below(5, {step}, 20));
      if (from > p.log.end()) continue;
      std::vector<int64_t> expected;
      for (const int64_t offset : committed) {
        if (offset >= from && offset < stable) expected.push_back(offset);
      }
      ASSERT_EQ(p.Seen(from, 1 + random.Below(6, {step}, 6)), expected) << "seed " << seed << " step " << step;
      ASSERT_EQ(p.isolation.VisibleFrom(p.log, from), expected.size()) << "seed " << seed << " step " << step;
      if (!expected.empty() || from >= stable) continue;
      ASSERT_EQ(p.isolation.Read(p.log, from, 10).next, stable) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace millrace::bus
