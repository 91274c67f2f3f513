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
#include "sim/example/one_stage.h"
#include "sim/fault.h"
#include "sim/plan_names.h"
#include "sim/simulator.h"
#include "sim/testing/ledger_port.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr std::string_view kPipeline = R"(
name: "cells"
topic { name: "in" partitions: 2 }
topic { name: "out" partitions: 2 }
topic { name: "dead" dead_letter: true }
source {
  name: "jobs" kind: "jobs" topic: "in"
  option { key: "count" value: "100" }
  option { key: "keys" value: "20" }
}
stage { name: "relay" kind: "relay" input: "in" output { topic: "out" } dead_letter: "dead" window { messages: 8 } }
stage { name: "put" kind: "ledger.put" input: "out" dead_letter: "dead" window { messages: 8 } }
port { name: "ledger" kind: "ledger" }
)";
constexpr uint64_t kSwarm = 150;
constexpr uint64_t kTries = 8;  // plans for a cell on each semantics, with other salts and inputs

class Cells {
 public:
  Cells() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    EXPECT_TRUE(AddLedger(registry_).ok());
    const auto resolved = stages::Resolve(stages::PipelineFile::Parse("cells.textproto", kPipeline).pipeline());
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    auto subject = Subject::Make(*resolved, registry_, {.next_version = &registry_});
    EXPECT_TRUE(subject.ok()) << subject.status();
    subject_ = *std::move(subject);
    std::vector<Input> inputs = *subject_.ReadSources(100);
    inputs[50].body.assign(990'000, 'x');
    subject_.SetInputs(std::move(inputs));
    simulator_ = *Simulator::Make(subject_);
    facts_ = FactsOf(subject_);
    facts_.jobs_max = 60;
    campaign_ = std::make_unique<Campaign>(subject_, *simulator_, CampaignOptions{.draw = facts_, .promises = {}});
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
      facts.semantics = semantics;
      for (uint64_t seed = 1; seed <= kTries && !Hit(row); ++seed) {
        absl::StatusOr<CellPlan> cell = PlanForCell(row.fault, row.action, facts, seed);
        if (!cell.ok()) break;  // the fault does not apply to these
        if (cell->needs_trace) {
          std::vector<std::vector<ActionKind>> trace;
          simulator_->options().trace = &trace;
          simulator_->Run(cell->Unarmed());
          simulator_->options().trace = nullptr;
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
  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
  DrawFacts facts_;
  std::unique_ptr<Campaign> campaign_;
};

TEST(CoverageCells, EachIsHitOrListedAsImpossibleAndNeverBoth) {
  Cells cells;
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

}  // namespace
}  // namespace millrace::sim
