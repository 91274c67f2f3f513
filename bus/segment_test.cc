#include "bus/segment.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::bus {
namespace {

TEST(Segment, AppendsAlignedUntilFull) {
  SegmentPool pool(64);
  SegmentRef s = pool.Take();
  EXPECT_EQ(s->capacity(), 64u);
  char* a = s->Append(3);
  char* b = s->Append(8);
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(b, a + 8);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % 8, 0u);
  EXPECT_EQ(s->used(), 16u);
  EXPECT_EQ(s->Room(), 48u);
  EXPECT_EQ(s->Append(49), nullptr);
  EXPECT_EQ(s->used(), 16u) << "what did not fit left no trace";
  EXPECT_NE(s->Append(48), nullptr);
  EXPECT_EQ(s->Room(), 0u);
  EXPECT_EQ(s->Append(1), nullptr);
}

TEST(Segment, RoomIsWhatAppendGives) {
  for (size_t first = 0; first <= 64; ++first) {
    SegmentPool pool(64);
    SegmentRef s = pool.Take();
    ASSERT_NE(s->Append(first), nullptr);
    const size_t room = s->Room();
    EXPECT_EQ(s->Append(room + 1), nullptr) << first;
    if (room > 0) {
      EXPECT_NE(s->Append(room), nullptr) << first;
    }
  }
}

TEST(Segment, BytesStayWhileSomebodyHoldsIt) {
  SegmentPool pool(4096);
  SegmentRef kept;
  char* bytes = nullptr;
  {
    SegmentRef s = pool.Take();
    bytes = s->Append(100);
    std::memset(bytes, 'a', 100);
    kept = s;
  }
  // Were it back in the pool, this would be the same memory.
  SegmentRef next = pool.Take();
  EXPECT_NE(next.get(), kept.get());
  std::memset(next->Append(4096), 'b', 4096);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(bytes[i], 'a');
}

TEST(SegmentRef, CopiesMovesAndCompares) {
  SegmentPool pool(64);
  SegmentRef a = pool.Take();
  Segment* raw = a.get();
  SegmentRef b = a;
  EXPECT_TRUE(a == b);
  SegmentRef c = std::move(a);
  EXPECT_FALSE(a);  // NOLINT: what a move leaves is part of the contract
  EXPECT_EQ(c.get(), raw);
  SegmentRef& self = c;
  c = self;
  EXPECT_EQ(c.get(), raw);
  b.reset();
  b.reset();
  EXPECT_FALSE(b);
  c = SegmentRef();
  EXPECT_FALSE(c);
  EXPECT_EQ(pool.Take().get(), raw) << "it went back when the last reference did";
}

TEST(SegmentPool, GivesBackWhatCameHomeEmpty) {
  SegmentPool pool(128);
  EXPECT_EQ(pool.segment_bytes(), 128u);
  Segment* first = nullptr;
  {
    SegmentRef s = pool.Take();
    s->Append(100);
    first = s.get();
  }
  SegmentRef again = pool.Take(128);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(again->used(), 0u);
}

TEST(SegmentPool, MakesLargerOnesForThemselves) {
  SegmentPool pool(64);
  SegmentRef large = pool.Take(1 << 20);
  EXPECT_GE(large->capacity(), size_t{1} << 20);
  std::memset(large->Append(1 << 20), 1, 1 << 20);
  large.reset();
  EXPECT_EQ(pool.Take()->capacity(), 64u);
}

TEST(SegmentPool, KeepsNoMoreThanItShould) {
  // The sanitizers see what is freed twice or never.
  SegmentPool pool(64, 2);
  std::vector<SegmentRef> all;
  for (int i = 0; i < 5; ++i) all.push_back(pool.Take());
  all.clear();
  for (int i = 0; i < 5; ++i) all.push_back(pool.Take());
}

TEST(SegmentPool, SegmentsMayOutliveIt) {
  SegmentRef s;
  {
    SegmentPool pool(64);
    s = pool.Take();
    pool.Take().reset();
  }
  std::memset(s->Append(64), 7, 64);
  EXPECT_EQ(s->data()[63], 7);
}

TEST(SegmentPool, ThreadsShareAndReturn) {
  SegmentPool pool(256, 4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 2000; ++i) {
        SegmentRef a = pool.Take();
        char* p = a->Append(256);
        std::memset(p, t, 256);
        SegmentRef b = a;
        a.reset();
        ASSERT_EQ(p[255], t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(SegmentPool, LastReferenceMayGoOnAnotherThread) {
  SegmentPool pool(256, 4);
  for (int i = 0; i < 500; ++i) {
    SegmentRef a = pool.Take();
    std::memset(a->Append(256), i, 256);
    std::thread other([b = a, i]() mutable {
      ASSERT_EQ(b->data()[0], static_cast<char>(i));
      b.reset();
    });
    a.reset();
    other.join();
  }
}

}  // namespace
}  // namespace millrace::bus
