#include "ops/reason.h"

#include <gtest/gtest.h>

namespace millrace::ops {
namespace {

TEST(ReasonTest, SplitsCodeFieldAndText) {
  const Reason reason = SplitReason("INVALID_ARGUMENT: PostalCode: not of this province: BC");
  EXPECT_EQ(reason.code, "INVALID_ARGUMENT");
  EXPECT_EQ(reason.field, "PostalCode");
  EXPECT_EQ(reason.text, "not of this province: BC");
  EXPECT_EQ(SplitReason("INVALID_ARGUMENT: quote left open: line 3").field, "") << "a field is one word";
  EXPECT_EQ(SplitReason("INVALID_ARGUMENT: ClosePrice (price): not a number").field, "ClosePrice (price)");
  EXPECT_EQ(SplitReason("INVALID_ARGUMENT: quote (left open): line 3").field, "");
  EXPECT_EQ(SplitReason("INVALID_ARGUMENT: it was (not mine): so").field, "");
  EXPECT_EQ(SplitReason("UNKNOWN: boom").text, "boom");
  EXPECT_EQ(SplitReason("boom").text, "boom");
  EXPECT_EQ(SplitReason("").text, "");
  EXPECT_EQ(SplitReason(": x").text, ": x");
}

TEST(ReasonTest, MasksValues) {
  EXPECT_EQ(MaskValues("expected 13 digits; found \"12a\""), "expected N digits; found \"…\"");
  EXPECT_EQ(MaskValues("1,234.50 is not 7."), "N is not N.");
  EXPECT_EQ(MaskValues("column B2 of q\"open"), "column B2 of q\"…\"");
  EXPECT_EQ(MaskValues("not valid UTF-8 at 17, range -5-6"), "not valid UTF-8 at N, range -N-N");
  EXPECT_LE(MaskValues(std::string(100'000, 'x')).size(), 201u);
}

}  // namespace
}  // namespace millrace::ops
