#include "bus/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

namespace millrace {
namespace {

using std::chrono::seconds;

TEST(MonotonicTime, AddsAndSubtractsDurations) {
  const MonotonicTime t{5'000'000'000};
  EXPECT_EQ(t + seconds(2), MonotonicTime{7'000'000'000});
  EXPECT_EQ(t + seconds(-2), MonotonicTime{3'000'000'000});
  EXPECT_EQ((t + seconds(2)) - t, seconds(2));
  EXPECT_LT(t, t + Duration(1));
}

TEST(MonotonicTime, SaturatesAtInfinite) {
  EXPECT_EQ(MonotonicTime::Infinite() + seconds(1), MonotonicTime::Infinite());
  EXPECT_EQ(MonotonicTime{1} + Duration::max(), MonotonicTime::Infinite());
  EXPECT_LT(MonotonicTime{INT64_MAX - 1}, MonotonicTime::Infinite());
}

}  // namespace
}  // namespace millrace
