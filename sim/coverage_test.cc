#include "sim/coverage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sim/coverage_plan.h"
#include "sim/fault.h"
#include "sim/plan_names.h"
#include "sim/testing/example_topology.h"

namespace millrace::sim {
namespace {

Plan TwoFaults() {
  Plan plan;
  plan.faults = {{.id = 1, .kind = "crash", .target = 1}, {.id = 4, .kind = "alarm"}};
  return plan;
}

class CoverageTest : public ::testing::Test {
 protected:
  Topology topology_ = ExampleTopology(false);
  DrawFacts facts_ = {.topology = &topology_, .inputs = {.count = 100}, .new_version = true};
};

TEST_F(CoverageTest, CountsHitsAndMerges) {
  Coverage a, b;
  a.Hit(TwoFaults(), 0, ActionKind::kSettle);
  b.Hit(TwoFaults(), 0, ActionKind::kSettle);
  b.Hit(TwoFaults(), 1, ActionKind::kFlow);
  b.Hit(TwoFaults(), 2, ActionKind::kFlow);  // no such fault
  a.Merge(b);
  EXPECT_EQ(a.hits("crash", ActionKind::kSettle), 2u);
  EXPECT_EQ(a.hits("alarm", ActionKind::kFlow), 1u);
  EXPECT_EQ(a.hits("crash", ActionKind::kFlow), 0u);
  EXPECT_EQ(a.share(facts_).hit, 2u);
}

TEST_F(CoverageTest, RowsHaveEveryCellOnce) {
  const std::vector<CoverageRow> rows = Coverage().Rows(facts_);
  EXPECT_EQ(rows.size(), AllFaults().size() * kActionKinds);
  // No stage of it is in transactions.
  constexpr size_t kOfTransactions = 2, kActionsOfThem = 2;
  const auto possible =
      std::count_if(rows.begin(), rows.end(), [](const CoverageRow& row) { return row.impossible.empty(); });
  EXPECT_EQ(static_cast<size_t>(possible), (AllFaults().size() - kOfTransactions) * (kActionKinds - kActionsOfThem));
  EXPECT_EQ(Coverage().share(facts_).possible, static_cast<size_t>(possible));
  EXPECT_EQ(WhyImpossible("crash", ActionKind::kAbort, facts_), "no stage is EXACTLY_ONCE");
}

TEST_F(CoverageTest, SaysWhyACellIsImpossible) {
  topology_.ports.clear();
  EXPECT_EQ(WhyImpossible("crash", ActionKind::kPort, facts_), "the pipeline has no ports");
  EXPECT_EQ(WhyImpossible("port-slow", ActionKind::kSettle, facts_), "the fault does not apply to this pipeline");
  EXPECT_EQ(WhyImpossible("crash", ActionKind::kSettle, facts_), "");
  EXPECT_EQ(WhyImpossible("alarm", ActionKind::kSettle, facts_), "");
  facts_.semantics = Semantics::kLog;
  EXPECT_EQ(WhyImpossible("alarm", ActionKind::kSettle, facts_), "the fault does not apply to this pipeline");
  facts_.faults = {"pause"};
  EXPECT_EQ(WhyImpossible("crash", ActionKind::kSettle, facts_), "the fault is not enabled");
  EXPECT_EQ(WhyImpossible("carsh", ActionKind::kSettle, facts_), "there is no such fault");
  for (StageInfo& stage : topology_.stages) stage.dead_letter = kNoTopic;
  EXPECT_NE(WhyImpossible("pause", ActionKind::kSpool, facts_), "");
  facts_.jobs_max = 15;
  EXPECT_NE(WhyImpossible("pause", ActionKind::kFlow, facts_), "") << "windows of 16";
  facts_.jobs_max = 16;
  EXPECT_EQ(WhyImpossible("pause", ActionKind::kFlow, facts_), "");
  EXPECT_EQ(WhyImpossible("pause", ActionKind::kPublish, facts_), "");
  for (StageInfo& stage : topology_.stages) stage.outputs.clear();
  EXPECT_EQ(WhyImpossible("pause", ActionKind::kPublish, facts_), "no stage publishes");
}

TEST_F(CoverageTest, WhatIsSpooledIsLarge) {
  EXPECT_EQ(WhyImpossible("pause", ActionKind::kSpool, facts_), "") << "not known";
  facts_.inputs.bytes_max = 1'000;
  EXPECT_NE(WhyImpossible("pause", ActionKind::kSpool, facts_), "");
  facts_.inputs.bytes_max = 995'000;
  EXPECT_EQ(WhyImpossible("pause", ActionKind::kSpool, facts_), "");
}

TEST_F(CoverageTest, TheTableIsForPeople) {
  topology_.ports.clear();
  facts_.faults = {"crash", "alarm"};
  Coverage coverage;
  coverage.Hit(TwoFaults(), 0, ActionKind::kSettle);
  const std::string table = coverage.Table(facts_);
  EXPECT_NE(table.find("              dispatch   publish    settle      flow   release     spool     leave      port   "
                       " commit     abort\n"
                       "crash                        0         0         1         0         0         0         0     "
                       "    -         -         -\n"),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("\n1 of 14 possible cells hit\n"), std::string::npos) << table;
  EXPECT_NE(table.find("-: the pipeline has no ports\n"), std::string::npos) << table;
}

void ExpectPlans(const Topology& topology, const DrawFacts& facts) {
  for (const CoverageRow& row : Coverage().Rows(facts)) {
    if (!row.impossible.empty()) continue;
    SCOPED_TRACE(std::string(row.fault) + " " + std::string(NameOf(row.action)));
    absl::StatusOr<CellPlan> cell = PlanForCell(row.fault, row.action, facts, 3);
    ASSERT_TRUE(cell.ok()) << cell.status();
    const std::vector<PlanProblem> problems = ValidatePlan(cell->plan, topology, facts.inputs, facts.new_version);
    ASSERT_TRUE(problems.empty()) << problems.front().ToString(cell->plan);
    const Fault& fault = cell->plan.faults.back();
    EXPECT_EQ(fault.id, cell->fault_id);
    EXPECT_EQ(fault.kind, row.fault);
    EXPECT_EQ(cell->Unarmed().faults.size() + 1, cell->plan.faults.size());
    if (!cell->needs_trace && row.action == ActionKind::kPort) {
      EXPECT_EQ(fault.trigger.kind, TriggerKind::kInPort);
      continue;
    }
    if (!cell->needs_trace) {
      EXPECT_EQ(fault.trigger.kind, TriggerKind::kAtJob);
      EXPECT_EQ(fault.trigger.action, row.action);
      continue;
    }
    EXPECT_FALSE(cell->Unarmed().faults.empty()) << "nothing brings such an action about";
    const std::array trace = {ActionKind::kDispatch, ActionKind::kPublish, row.action, ActionKind::kSettle, row.action};
    EXPECT_FALSE(Aim(*cell, std::span(trace).first(2)));
    EXPECT_FALSE(Aim(*cell, {}));
    EXPECT_TRUE(Aim(*cell, trace));
    EXPECT_FALSE(cell->needs_trace);
    EXPECT_EQ(cell->plan.faults.back().trigger.kind, TriggerKind::kAfterAction);
    EXPECT_EQ(cell->plan.faults.back().trigger.count, 3u) << "just after the third";
  }
}

TEST_F(CoverageTest, ThereIsAValidPlanForEveryPossibleCell) {
  ExpectPlans(topology_, facts_);
  topology_.stages[0].exactly_once = true;
  facts_.semantics = Semantics::kLog;
  EXPECT_EQ(WhyImpossible("twin", ActionKind::kAbort, facts_), "");
  ExpectPlans(topology_, facts_);
}

TEST_F(CoverageTest, PlansForCellsSayWhatIsWrong) {
  EXPECT_EQ(PlanForCell("paus", ActionKind::kSettle, facts_).status().message(),
            "there is no fault \"paus\"; did you mean \"pause\"?");
  facts_.semantics = Semantics::kQueue;
  EXPECT_EQ(PlanForCell("retention", ActionKind::kSettle, facts_).status().message(),
            "retention at settle is impossible: the fault does not apply to this pipeline");
  facts_.inputs.count = 0;
  EXPECT_EQ(PlanForCell("pause", ActionKind::kSettle, facts_).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace millrace::sim
