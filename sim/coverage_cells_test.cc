// Each fault at each kind of action, on a pipeline that has all of them: a port, windows that fill up, a body too large for
// its dead letter, a next version. The swarm first, then a plan for each cell that it has not hit, on logs, then on queues. A
// cell that is not hit must be listed as impossible (sim/coverage.cc), and one that is listed must not be hit.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/campaign.h"
#include "sim/coverage.h"
#include "sim/coverage_plan.h"
#include "sim/fault.h"
#include "sim/plan_names.h"
#include "sim/testing/busy_pipeline.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kSwarm = 150;
constexpr uint64_t kTries = 8;  // plans for a cell on each semantics, with other salts and inputs

class Cells {
 public:
  // `delivery` of the stage that publishes.
  explicit Cells(const std::string& delivery) : pipeline_(delivery) {
    std::vector<Input> inputs = pipeline_.subject().inputs();
    inputs[50].body.assign(990'000, 'x');
    pipeline_.subject().SetInputs(std::move(inputs));
    facts_ = FactsOf(pipeline_.subject());
    facts_.jobs_max = 60;
    campaign_ = std::make_unique<Campaign>(pipeline_.subject(), pipeline_.simulator(),
                                           CampaignOptions{.draw = facts_, .promises = {}});
  }

  void Run(const Plan& plan, const std::string& what) {
    const SeedResult result = campaign_->RunPlan(plan);
    EXPECT_FALSE(result.failed) << what << ": " << result.failure.promise << ": " << result.failure.text;
  }
  void Swarm() {
    for (uint64_t seed = 1; seed <= kSwarm; ++seed) Run(campaign_->PlanOf(seed), "seed " + std::to_string(seed));
  }
  bool Hit(const CoverageRow& row) const { return campaign_->coverage().hits(row.fault, row.action) > 0; }
  void AimAt(const CoverageRow& row) {
    for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
      DrawFacts facts = facts_;
      if (facts_.semantics.value_or(semantics) != semantics) continue;
      facts.semantics = semantics;
      for (uint64_t seed = 1; seed <= kTries && !Hit(row); ++seed) {
        absl::StatusOr<CellPlan> cell = PlanForCell(row.fault, row.action, facts, coverage(), seed);
        if (!cell.ok()) break;  // the fault does not apply to these
        if (cell->needs_trace) {
          std::vector<std::vector<ActionKind>> trace;
          pipeline_.simulator().options().trace = &trace;
          pipeline_.simulator().Run(cell->Unarmed());
          pipeline_.simulator().options().trace = nullptr;
          if (cell->process >= trace.size() || !Aim(*cell, trace[cell->process])) continue;
        }
        Run(cell->plan, NameOfCell(row));
      }
    }
  }
  static std::string NameOfCell(const CoverageRow& row) {
    return std::string(row.fault) + " at " + std::string(NameOf(row.action));
  }
  const Coverage& coverage() const { return campaign_->coverage(); }
  const DrawFacts& facts() const { return facts_; }

 private:
  BusyPipeline pipeline_;
  DrawFacts facts_;
  std::unique_ptr<Campaign> campaign_;
};

void ExpectEachHitOrListed(const std::string& delivery) {
  Cells cells(delivery);
  cells.Swarm();
  for (const CoverageRow& row : cells.coverage().Rows(cells.facts())) {
    if (row.hits == 0 && row.impossible.empty()) cells.AimAt(row);
  }
  std::cout << cells.coverage().Table(cells.facts());
  for (const CoverageRow& row : cells.coverage().Rows(cells.facts())) {
    if (row.impossible.empty()) {
      EXPECT_GT(row.hits, 0u) << Cells::NameOfCell(row) << " is not hit, and not listed as impossible";
    } else {
      EXPECT_EQ(row.hits, 0u) << Cells::NameOfCell(row) << " is hit, though it is listed: " << row.impossible;
    }
  }
}

TEST(CoverageCells, EachIsHitOrListedAsImpossibleAndNeverBoth) { ExpectEachHitOrListed(""); }
TEST(CoverageCells, InTransactionsToo) { ExpectEachHitOrListed("delivery: EXACTLY_ONCE"); }

}  // namespace
}  // namespace millrace::sim
