#include "bus/random.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>

namespace millrace {
namespace {

// The first outputs of SplitMix64 from seeds 0 and 1234567, of which the mixer is the finaliser.
TEST(Random, MixesAsSplitMix64) {
  constexpr uint64_t kGamma = 0x9e3779b97f4a7c15u;
  EXPECT_EQ(Random::Mix(kGamma), 0xe220a8397b1dcdafu);
  EXPECT_EQ(Random::Mix(2 * kGamma), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(Random::Mix(1234567 + kGamma), 6457827717110365317u);
  EXPECT_EQ(Random::Mix(1234567 + 2 * kGamma), 3203168211198807973u);
}

// A draw is a pure function: it can be computed by the compiler, and doesn't depend on what was drawn before.
TEST(Random, IsAFunctionOfItsKey) {
  constexpr Random random(7);
  constexpr uint64_t kDrawn = random.Bits(1, {2, 3});
  random.Bits(9, {9});
  EXPECT_EQ(random.Bits(1, {2, 3}), kDrawn);
  EXPECT_EQ(Random(7).Bits(1, {2, 3}), kDrawn);
}

TEST(Random, EveryPartOfTheKeyCounts) {
  std::set<uint64_t> draws;
  int keys = 0;
  const auto draw = [&](uint64_t bits) {
    draws.insert(bits);
    ++keys;
  };
  for (uint64_t salt = 0; salt < 4; ++salt) {
    for (uint64_t purpose = 0; purpose < 4; ++purpose) {
      const Random random(salt);
      draw(random.Bits(purpose, {}));
      for (uint64_t a = 0; a < 8; ++a) {
        draw(random.Bits(purpose, {a}));
        for (uint64_t b = 0; b < 8; ++b) draw(random.Bits(purpose, {a, b}));
      }
    }
  }
  EXPECT_EQ(draws.size(), static_cast<size_t>(keys)) << "order, number and value of ids, purpose and salt";
}

// Whoever draws often under the same first ids works them out once.
TEST(Random, OneIdMoreIsTheSameAsAllAtOnce) {
  const Random random(7);
  EXPECT_EQ(Random::And(random.Bits(1, {2, 3}), 4), random.Bits(1, {2, 3, 4}));
  EXPECT_EQ(Random::Scaled(random.Bits(1, {2}), 1000), random.Below(1, {2}, 1000));
}

TEST(Random, BelowStaysBelow) {
  const Random random(1);
  for (uint64_t bound : {uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{1000}, uint64_t{1} << 63, UINT64_MAX}) {
    for (uint64_t id = 0; id < 1000; ++id) ASSERT_LT(random.Below(1, {id}, bound), bound);
  }
  EXPECT_EQ(random.Below(1, {1}, 0), 0u);
}

TEST(Random, BelowIsEven) {
  const Random random(42);
  int counts[10] = {};
  for (uint64_t id = 0; id < 100'000; ++id) ++counts[random.Below(3, {id}, 10)];
  // Standard deviation of each is 95.
  for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Random, BitsAreEven) {
  const Random random(42);
  int ones[64] = {};
  for (uint64_t id = 0; id < 10'000; ++id) {
    const uint64_t bits = random.Bits(5, {id});
    for (int b = 0; b < 64; ++b) ones[b] += static_cast<int>((bits >> b) & 1);
  }
  for (int count : ones) EXPECT_NEAR(count, 5'000, 300);
}

}  // namespace
}  // namespace millrace
