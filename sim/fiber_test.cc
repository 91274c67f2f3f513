#include "sim/fiber.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace millrace::sim {
namespace {

constexpr int kHalfAStack = 4 << 10;  // calls of Deep
constexpr int kTooDeep = 1 << 20;

// Uses a kilobyte of stack for each call, which the next one writes to.
[[gnu::noinline]] int Deep(int calls, volatile char* caller) {
  volatile char frame[1000];
  frame[0] = static_cast<char>(calls);
  *caller = frame[0];
  return calls <= 0 ? 0 : Deep(calls - 1, frame) + frame[0];
}

void Use(int calls) {
  volatile char frame = 0;
  EXPECT_NE(Deep(calls, &frame), 1);
}

TEST(Fiber, StandsStillAndGoesOn) {
  FiberPool pool;
  Fiber* const fiber = pool.Take();
  std::vector<int> order;
  fiber->Start([&] {
    order.push_back(1);
    EXPECT_EQ(Fiber::Current(), fiber);
    Fiber::Suspend();
    order.push_back(3);
  });
  order.push_back(2);
  EXPECT_FALSE(fiber->done());
  EXPECT_EQ(Fiber::Current(), nullptr);
  fiber->Resume();
  EXPECT_TRUE(fiber->done());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  pool.Give(fiber);
  EXPECT_EQ(pool.Take(), fiber) << "its stack is used again";
  pool.Give(fiber);
}

TEST(FiberPool, AHighTideLeavesNoStacksBehind) {
  if (FiberPool::KeptMost() == SIZE_MAX) GTEST_SKIP() << "a sanitizer keeps them";
  FiberPool pool;
  std::vector<Fiber*> alive;
  for (size_t i = 0; i < 3 * FiberPool::KeptMost(); ++i) {
    alive.push_back(pool.Take());
    alive.back()->Start([] { Fiber::Suspend(); });
  }
  for (Fiber* fiber : alive) fiber->Resume();
  for (Fiber* fiber : alive) pool.Give(fiber);
  EXPECT_EQ(pool.kept(), FiberPool::KeptMost());
  pool.Give(pool.Take());
}

TEST(Fiber, ABodyHasTheStackOfAThread) {
  FiberPool pool;
  Fiber* const fiber = pool.Take();
  fiber->Start([] { Use(kHalfAStack); });
  EXPECT_TRUE(fiber->done());
  pool.Give(fiber);
}

TEST(Fiber, WhatIsOnTheStackIsNotBeyondIt) {
  const int outside = 0;
  EXPECT_FALSE(Fiber::UsedUpStack(&outside));
  FiberPool pool;
  Fiber* const fiber = pool.Take();
  fiber->Start([&] {
    const int inside = 0;
    EXPECT_FALSE(Fiber::UsedUpStack(&inside));
    EXPECT_FALSE(Fiber::UsedUpStack(&outside));
    EXPECT_FALSE(Fiber::UsedUpStack(nullptr));
  });
  pool.Give(fiber);
}

TEST(FiberDeathTest, ABodyThatUsesUpItsStackWritesNowhereElse) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        // Stacks on both sides of it.
        Fiber before;
        Fiber fiber;
        Fiber after;
        fiber.Start([] { Use(kTooDeep); });
      },
      "");
}

}  // namespace
}  // namespace millrace::sim
