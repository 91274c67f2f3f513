#include "ops/trouble_log.h"

#include "gtest/gtest.h"

namespace millrace::ops {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

TEST(TroubleLogTest, WhatLastsIsToldOnceAndWhatComesBackAgain) {
  TroubleLog log;
  MonotonicTime now;
  log.Add(now, "fenced");
  EXPECT_EQ(log.Take(), Texts{"fenced"});
  for (int i = 0; i < 1000; ++i) {
    now = now + seconds(7);
    log.Add(now, "fenced");
  }
  EXPECT_EQ(log.Take(), Texts{});
  log.Add(now, "no broker");
  log.Add(now, "fenced");
  EXPECT_EQ(log.Take(), Texts{"no broker"}) << "another one";
  now = now + hours(1);
  log.Add(now, "fenced");
  EXPECT_EQ(log.Take(), Texts{"fenced"});
}

TEST(TroubleLogTest, ItDoesNotGrowWithoutBound) {
  TroubleLog log;
  for (int i = 0; i < 10'000; ++i) log.Add(MonotonicTime(), std::to_string(i));
  EXPECT_LE(log.Take().size(), 100u);
  // Nor does it fall silent for ever.
  log.Add(MonotonicTime(), "new");
  EXPECT_EQ(log.Take(), Texts{"new"});
}

}  // namespace
}  // namespace millrace::ops
