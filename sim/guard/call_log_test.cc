#include "sim/guard/call_log.h"

#include <gtest/gtest.h>

namespace millrace::sim {
namespace {

CallLog ThreeCalls() {
  return {.calls = {{"parse", "a", 1, {{"its status", "OK"}, {"the body of output 0 to out", "one"}}},
                    {"parse", "b", 1, {{"its status", "OK"}, {"the body of output 0 to out", "two"}}},
                    {"store", "c", 2, {{"the effect on port shelf", "c 0123"}, {"its status", "OK"}}}}};
}

TEST(CallLog, EqualLogsDoNotDiffer) {
  EXPECT_FALSE(FirstDifference(ThreeCalls(), ThreeCalls()).has_value());
  EXPECT_FALSE(FirstDifference({}, {}).has_value());
}

TEST(CallLog, TheFirstCallThatDiffersIsNamedWithItsFirstDifference) {
  CallLog second = ThreeCalls();
  second.calls[1].parts[1].second = "too";
  second.calls[2].parts[0].second = "c 4567";
  const auto found = FirstDifference(ThreeCalls(), second);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->stage, "parse");
  EXPECT_EQ(found->input, "b");
  EXPECT_EQ(found->what, "the body of output 0 to out");
  EXPECT_EQ(found->first, "\"two\" (3 bytes)");
  EXPECT_EQ(found->second, "\"too\" (3 bytes)");
}

TEST(CallLog, APartThatOnlyOneHasIsADifference) {
  CallLog second = ThreeCalls();
  second.calls[2].parts.erase(second.calls[2].parts.begin());
  const auto found = FirstDifference(ThreeCalls(), second);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->stage, "store");
  EXPECT_EQ(found->what, "the effect on port shelf");
  EXPECT_EQ(found->first, "\"c 0123\" (6 bytes)");
  EXPECT_EQ(found->second, "none");
}

TEST(CallLog, WhereTheRunsPartWithoutAReasonBothCallsAreTold) {
  CallLog second = ThreeCalls();
  std::swap(second.calls[0], second.calls[1]);
  auto found = FirstDifference(ThreeCalls(), second);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->what, "which call comes next");
  EXPECT_EQ(found->first, "parse for a");
  EXPECT_EQ(found->second, "parse for b");
  second = ThreeCalls();
  second.calls.pop_back();
  found = FirstDifference(ThreeCalls(), second);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->first, "store for c, attempt 2");
  EXPECT_EQ(found->second, "none");
}

TEST(CallLog, BytesGiveTheSameLogAgain) {
  CallLog log = ThreeCalls();
  log.calls[0].parts[1].second.assign("\0\xff\n", 3);
  const std::string bytes = log.ToBytes();
  const auto again = CallLog::FromBytes(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->calls, log.calls);
  EXPECT_TRUE(CallLog::FromBytes(CallLog().ToBytes())->calls.empty());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(CallLog::FromBytes(bytes.substr(0, size)).has_value());
  EXPECT_FALSE(CallLog::FromBytes(bytes + "x").has_value());
}

}  // namespace
}  // namespace millrace::sim
