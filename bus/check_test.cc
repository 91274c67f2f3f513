#include "bus/check.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(CheckDeathTest, SaysWhereWhatAndWhy) {
  const int epoch = 0;
  EXPECT_DEATH(MR_CHECK(epoch > 0) << "an assignment has an epoch, not " << epoch,
               "check_test.cc:[0-9]+: CHECK failed: epoch > 0 an assignment has an epoch, not 0");
}

TEST(Check, EvaluatesOnceAndSaysNothingWhenTrue) {
  int evaluated = 0, said = 0;
  MR_CHECK(++evaluated > 0) << ++said;
  EXPECT_EQ(evaluated, 1);
  EXPECT_EQ(said, 0);
}

TEST(Check, IsOneStatement) {
  // An else after it must belong to the outer if.
  bool other = false;
  if (other)
    MR_CHECK(true);
  else
    other = true;
  EXPECT_TRUE(other);
}

TEST(CheckDeathTest, DebugCheckIsThereWithoutNdebug) {
#ifdef NDEBUG
  MR_DCHECK(false) << "compiled out";
#else
  EXPECT_DEATH(MR_DCHECK(false) << "in debug", "in debug");
#endif
}

}  // namespace
}  // namespace millrace
