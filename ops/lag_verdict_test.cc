#include "ops/lag_verdict.h"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::ops {
namespace {

struct Point {
  int64_t committed;
  int64_t lag;
};

std::vector<LagSample> Of(const std::vector<Point>& points) {
  std::vector<LagSample> samples;
  for (const Point& p : points) {
    samples.push_back({.at = MonotonicTime{static_cast<int64_t>(samples.size()) * 1'000'000'000},
                       .committed = p.committed,
                       .end = p.committed + p.lag,
                       .lag = p.lag});
  }
  return samples;
}

LagVerdict Judge(const std::vector<Point>& points, bool owned = true) { return JudgeLag(Of(points), owned); }

TEST(LagVerdictTest, BurrowsRulesInTheirOrder) {
  EXPECT_EQ(Judge({{10, 0}, {10, 0}}, false), LagVerdict::kOk) << "no lag: nobody is needed";
  EXPECT_EQ(Judge({{10, 5}, {15, 0}, {9, 12}}), LagVerdict::kOk) << "rule 1 goes first";
  EXPECT_EQ(Judge({{10, 5}, {9, 6}, {20, 1}}), LagVerdict::kRewind);
  EXPECT_EQ(Judge({{10, 5}, {9, 6}}, false), LagVerdict::kRewind) << "rule 2 before rule 3";
  EXPECT_EQ(Judge({{10, 5}, {10, 6}}, false), LagVerdict::kStop);
  EXPECT_EQ(Judge({{10, 5}, {10, 6}}, true), LagVerdict::kStall);
  EXPECT_EQ(Judge({{10, 5}, {11, 5}, {12, 6}}), LagVerdict::kWarn);
  EXPECT_EQ(Judge({{10, 5}, {11, 6}, {13, 5}}), LagVerdict::kOk) << "it got smaller once";
}

TEST(LagVerdictTest, OneLookTellsWhatItCan) {
  EXPECT_EQ(Judge({{10, 0}}), LagVerdict::kOk);
  EXPECT_EQ(Judge({{10, 5}}, false), LagVerdict::kStop);
}

TEST(LagVerdictTest, WithoutOffsetsTheLagTells) {
  EXPECT_EQ(Judge({{-1, 9}, {-1, 7}}), LagVerdict::kOk);
  EXPECT_EQ(Judge({{-1, 9}, {-1, 9}}), LagVerdict::kStall);
  EXPECT_EQ(Judge({{-1, 9}, {-1, 9}}, false), LagVerdict::kStop);
}

TEST(LagVerdictTest, OnlyAWarningIsNoError) {
  EXPECT_FALSE(IsError(LagVerdict::kOk));
  EXPECT_FALSE(IsError(LagVerdict::kWarn));
  EXPECT_TRUE(IsError(LagVerdict::kStall));
  EXPECT_TRUE(IsError(LagVerdict::kStop));
  EXPECT_TRUE(IsError(LagVerdict::kRewind));
}

TEST(LagVerdictTest, RatesAndTimeToZero) {
  const LagRates rates = RatesOf(Of({{100, 60}, {110, 55}, {130, 40}}));
  EXPECT_DOUBLE_EQ(*rates.consumed, 15);
  EXPECT_DOUBLE_EQ(*rates.arriving, 5);
  EXPECT_DOUBLE_EQ(*rates.seconds_to_zero, 4);
  EXPECT_FALSE(RatesOf(Of({{100, 60}, {110, 70}})).seconds_to_zero.has_value()) << "it grows";
  EXPECT_DOUBLE_EQ(*RatesOf(Of({{100, 0}})).seconds_to_zero, 0);
  EXPECT_FALSE(RatesOf(Of({{100, 60}})).consumed.has_value()) << "one look has no rate";
}

}  // namespace
}  // namespace millrace::ops
