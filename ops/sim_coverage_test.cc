#include "ops/sim_coverage.h"

#include <gtest/gtest.h>

namespace millrace::ops {
namespace {

TEST(CoverageFindings, NoneWhereWhatIsPossibleIsHitAndNothingElse) {
  EXPECT_TRUE(CoverageFindings({{.fault = "crash", .action = sim::ActionKind::kSettle, .hits = 2, .impossible = ""},
                                {.fault = "crash", .action = sim::ActionKind::kPort, .impossible = "no ports"}})
                  .empty());
}

TEST(CoverageFindings, WhatIsNotHit) {
  std::vector<sim::CoverageRow> rows;
  for (const char* fault : {"a", "b", "c", "d", "e", "f"})
    rows.push_back({.fault = fault, .action = sim::ActionKind::kFlow, .impossible = ""});
  const std::vector<std::string> findings = CoverageFindings(rows);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].find("6 combinations of a fault and an action were not hit"), 0u) << findings[0];
  EXPECT_NE(findings[0].find("a at flow, b at flow, c at flow, d at flow, e at flow, …; give more"), std::string::npos)
      << findings[0];
}

TEST(CoverageFindings, WhatIsHitAndListedAsImpossible) {
  const std::vector<std::string> findings =
      CoverageFindings({{.fault = "crash", .action = sim::ActionKind::kPort, .hits = 3, .impossible = "no ports"}});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].find("listed as impossible: crash at port (no ports); the list is wrong"), std::string::npos)
      << findings[0];
}

}  // namespace
}  // namespace millrace::ops
