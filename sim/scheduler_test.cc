#include "sim/scheduler.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "bus/random.h"

namespace millrace::sim {
namespace {

TEST(Scheduler, TellsByTimeAndThenInTheOrderOfAsking) {
  Scheduler scheduler;
  scheduler.Add(20, What::kTurn, 1);
  scheduler.Add(10, What::kFeed, 2);
  scheduler.Add(20, What::kTurn, 3);
  scheduler.Add(10, What::kLook, 4, 5);
  for (const uint32_t a : {2u, 4u, 1u, 3u}) EXPECT_EQ(scheduler.Pop().a, a);
  EXPECT_TRUE(scheduler.empty());
}

// Against a set, with hundreds that wait, many of them at one time.
TEST(Scheduler, AgreesWithASet) {
  const Random random(7);
  Scheduler scheduler;
  std::set<std::tuple<int64_t, uint32_t>> expected;  // (time, number)
  uint32_t number = 0;
  int64_t now = 0;
  for (uint64_t step = 0; step < 20'000; ++step) {
    const bool add = expected.empty() || random.Below(1, {step}, 100) < (expected.size() < 300 ? 60u : 40u);
    if (add) {
      const uint64_t range = random.Below(2, {step}, 10) == 0 ? 1000 : 5;
      const int64_t at = now + static_cast<int64_t>(random.Below(3, {step}, range));
      expected.emplace(at, number);
      scheduler.Add(at, What::kTurn, number, number + 1);
      ++number;
      continue;
    }
    const auto [at, first] = *expected.begin();
    expected.erase(expected.begin());
    const Event event = scheduler.Pop();
    ASSERT_EQ(event.at_ns, at);
    ASSERT_EQ(event.a, first);
    ASSERT_EQ(event.b, first + 1);
    now = at;
  }
  EXPECT_GT(number, 10'000u);
}

}  // namespace
}  // namespace millrace::sim
