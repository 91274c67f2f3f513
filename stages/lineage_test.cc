#include "stages/lineage.h"

#include <gtest/gtest.h>

#include "bus/random.h"

namespace millrace::stages {
namespace {

TEST(LineageTest, AnOnlyChildKeepsTheShareOfItsParent) {
  EXPECT_EQ(ChildShare("", 0, 1), "");
  EXPECT_EQ(ChildShare(".2/3", 0, 1), ".2/3");
  EXPECT_EQ(ChildShare("", 0, 2), ".1/2");
  EXPECT_EQ(ChildShare(".2/3", 4, 5), ".2/3.5/5");
}

TEST(LineageTest, CoveredByItselfOrByAllChildren) {
  EXPECT_TRUE(CoversWhole({""}));
  EXPECT_TRUE(CoversWhole({".1/2", ".2/2"}));
  EXPECT_TRUE(CoversWhole({".2/2", ".1/2.3/3", ".1/2.1/3", ".1/2.2/3"}));
  EXPECT_TRUE(CoversWhole({".1/2", ".2/2", ".1/2", ""})) << "repeats and overlaps do no harm";
  EXPECT_TRUE(CoversWhole({".1/2.1/2", ".1/2", ".2/2"})) << "a part beside the whole of its node";
}

TEST(LineageTest, NotCoveredWhenAPartIsMissing) {
  EXPECT_FALSE(CoversWhole({}));
  EXPECT_FALSE(CoversWhole({".1/2"}));
  EXPECT_FALSE(CoversWhole({".1/3", ".3/3"}));
  EXPECT_FALSE(CoversWhole({".1/2", ".1/2"}));
  EXPECT_FALSE(CoversWhole({".2/2", ".1/2.1/3", ".1/2.2/3"}));
  EXPECT_FALSE(CoversWhole({".1/18446744073709551615"}));
}

TEST(LineageTest, MalformedAndContradictingSharesCoverNothing) {
  for (const char* bad : {"x", ".", ".1", ".1/", "./2", ".3/2", ".0/2", ".1/1", ".01/2", ".1/2.", ".1/2x", ".-1/2",
                          ".1/2/2", ".1/99999999999999999999999"}) {
    EXPECT_FALSE(CoversWhole({bad})) << bad;
    EXPECT_FALSE(CoversWhole({bad, ".2/2"})) << bad;
    EXPECT_TRUE(CoversWhole({bad, ""})) << bad;
  }
  EXPECT_FALSE(CoversWhole({".1/2", ".2/3", ".3/3"}));
  EXPECT_FALSE(CoversWhole({".1/3", ".2/2", ".3/3"}));
}

TEST(LineageTest, AnAbsurdlyDeepShareIsMalformed) {
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += ".1/2";
  EXPECT_FALSE(CoversWhole({deep, ".2/2"}));
}

// Any way of splitting a job is covered by its leaves, and by no leaves less one.
TEST(LineageTest, LeavesOfARandomTreeCoverItAndNoFewerDo) {
  const Random random(7);
  for (uint64_t tree = 0; tree < 200; ++tree) {
    std::vector<std::string> leaves = {""};
    const uint64_t splits = random.Below(1, {tree}, 8);
    for (uint64_t split = 0; split < splits; ++split) {
      const size_t at = random.Below(2, {tree, split}, leaves.size());
      const size_t count = 2 + random.Below(3, {tree, split}, 4);
      const std::string parent = leaves[at];
      leaves.erase(leaves.begin() + at);
      for (size_t i = 0; i < count; ++i) leaves.push_back(ChildShare(parent, i, count));
    }
    std::vector<std::string_view> views(leaves.begin(), leaves.end());
    EXPECT_TRUE(CoversWhole(views));
    for (size_t missing = 0; missing < views.size(); ++missing) {
      std::vector<std::string_view> fewer = views;
      fewer.erase(fewer.begin() + missing);
      EXPECT_FALSE(CoversWhole(fewer));
    }
  }
}

}  // namespace
}  // namespace millrace::stages
