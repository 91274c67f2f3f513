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
  EXPECT_EQ(Coverage().WhyImpossible("crash", ActionKind::kAbort, facts_), "no stage is EXACTLY_ONCE");
}

TEST_F(CoverageTest, SaysWhyACellIsImpossible) {
  topology_.ports.clear();
  EXPECT_EQ(Coverage().WhyImpossible("crash", ActionKind::kPort, facts_), "the pipeline has no ports");
  EXPECT_EQ(Coverage().WhyImpossible("port-slow", ActionKind::kSettle, facts_),
            "the fault does not apply to this pipeline");
  EXPECT_EQ(Coverage().WhyImpossible("crash", ActionKind::kSettle, facts_), "");
  EXPECT_EQ(Coverage().WhyImpossible("alarm", ActionKind::kSettle, facts_), "");
  facts_.semantics = Semantics::kLog;
  EXPECT_EQ(Coverage().WhyImpossible("alarm", ActionKind::kSettle, facts_),
            "the fault does not apply to this pipeline");
  facts_.faults = {"pause"};
  EXPECT_EQ(Coverage().WhyImpossible("crash", ActionKind::kSettle, facts_), "the fault is not enabled");
  EXPECT_EQ(Coverage().WhyImpossible("carsh", ActionKind::kSettle, facts_), "there is no such fault");
  for (StageInfo& stage : topology_.stages) stage.dead_letter = kNoTopic;
  EXPECT_NE(Coverage().WhyImpossible("pause", ActionKind::kSpool, facts_), "");
  EXPECT_EQ(Coverage().WhyImpossible("pause", ActionKind::kPublish, facts_), "");
  for (StageInfo& stage : topology_.stages) stage.outputs.clear();
  EXPECT_EQ(Coverage().WhyImpossible("pause", ActionKind::kPublish, facts_), "no stage publishes");
}

// A run of the example, in which each job becomes so many messages of so many bytes on either topic between its stages.
History RunOf(const Topology& topology, uint32_t jobs, uint32_t messages, uint64_t bytes) {
  History history;
  history.topology = topology;
  for (uint32_t job = 0; job < jobs; ++job) {
    history.jobs.push_back({.id = job + 1, .input = job});
    for (const uint16_t topic : {uint16_t{1}, uint16_t{2}}) {
      for (uint32_t i = 0; i < messages; ++i) history.messages.push_back({.topic = topic, .job = job, .bytes = bytes});
    }
  }
  return history;
}

TEST_F(CoverageTest, WindowsAreFullOrNotByWhatJobsBecome) {
  const auto possible = [&](const Coverage& coverage) {
    return coverage.WhyImpossible("pause", ActionKind::kFlow, facts_).empty();
  };
  const auto seen = [&](uint32_t messages, uint64_t bytes) {
    Coverage coverage;
    coverage.See(RunOf(topology_, 100, messages, bytes));
    return coverage;
  };
  EXPECT_TRUE(possible(seen(1, 10))) << "nothing is known of the inputs";
  facts_.input_bytes.assign(100, 10);
  facts_.jobs_max = 15;
  EXPECT_TRUE(possible(Coverage())) << "nothing is known of what stages emit";
  EXPECT_FALSE(possible(seen(1, 10))) << "windows of 16";
  EXPECT_TRUE(possible(seen(2, 10))) << "the first stage splits";
  EXPECT_TRUE(possible(seen(1, 100'000))) << "windows of 1 MiB";
  facts_.input_bytes.assign(100, 100'000);
  EXPECT_TRUE(possible(seen(1, 10))) << "of the first stage too";
  facts_.input_bytes.assign(100, 10);
  facts_.jobs_max = 16;
  EXPECT_TRUE(possible(seen(1, 10)));
}

TEST_F(CoverageTest, WhatIsSpooledIsLarge) {
  const auto possible = [&](const Coverage& coverage) {
    return coverage.WhyImpossible("pause", ActionKind::kSpool, facts_).empty();
  };
  Coverage small, large;
  small.See(RunOf(topology_, 1, 1, 1'000));
  large.See(RunOf(topology_, 1, 1, 995'000));
  EXPECT_TRUE(possible(small)) << "nothing is known of the inputs";
  facts_.input_bytes.assign(100, 1'000);
  EXPECT_TRUE(possible(Coverage())) << "nothing is known of what stages emit";
  EXPECT_FALSE(possible(small));
  EXPECT_TRUE(possible(large)) << "a stage enlarges";
  facts_.input_bytes[7] = 995'000;
  EXPECT_TRUE(possible(small));
}

TEST_F(CoverageTest, WhatIsHitIsPossibleWhateverTheEstimate) {
  facts_.input_bytes.assign(100, 10);
  facts_.jobs_max = 15;
  Coverage coverage;
  coverage.See(RunOf(topology_, 100, 1, 10));
  EXPECT_NE(coverage.WhyImpossible("alarm", ActionKind::kFlow, facts_), "");
  const Coverage::Share before = coverage.share(facts_);
  coverage.Hit(TwoFaults(), 0, ActionKind::kFlow);
  EXPECT_EQ(coverage.WhyImpossible("crash", ActionKind::kFlow, facts_), "");
  EXPECT_EQ(coverage.WhyImpossible("alarm", ActionKind::kFlow, facts_), "") << "a window was full";
  EXPECT_NE(coverage.WhyImpossible("alarm", ActionKind::kSpool, facts_), "");
  EXPECT_EQ(coverage.share(facts_).hit, before.hit + 1);
  EXPECT_GT(coverage.share(facts_).possible, before.possible + 1);
}

TEST_F(CoverageTest, WhatIsHitAndImpossibleIsShownAndContradictsItself) {
  topology_.ports.clear();
  facts_.faults = {"crash"};
  Coverage coverage;
  const uint64_t possible = coverage.share(facts_).possible;
  coverage.Hit(TwoFaults(), 0, ActionKind::kPort);
  coverage.Hit(TwoFaults(), 0, ActionKind::kPort);
  EXPECT_EQ(coverage.share(facts_).hit, 1u);
  EXPECT_EQ(coverage.share(facts_).possible, possible + 1);
  EXPECT_NE(
      coverage.Table(facts_).find("crash                        0         0         0         0         0         0"
                                  "         0         2         -         -\n"),
      std::string::npos)
      << coverage.Table(facts_);
  for (const CoverageRow& row : coverage.Rows(facts_)) {
    const bool contradiction = row.hits > 0 && !row.impossible.empty();
    EXPECT_EQ(contradiction, row.fault == "crash" && row.action == ActionKind::kPort);
    EXPECT_TRUE(!contradiction || row.impossible == "the pipeline has no ports") << row.impossible;
  }
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
    absl::StatusOr<CellPlan> cell = PlanForCell(row.fault, row.action, facts, Coverage(), 3);
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
  EXPECT_EQ(Coverage().WhyImpossible("twin", ActionKind::kAbort, facts_), "");
  ExpectPlans(topology_, facts_);
}

TEST_F(CoverageTest, PlansForCellsSayWhatIsWrong) {
  EXPECT_EQ(PlanForCell("paus", ActionKind::kSettle, facts_, Coverage()).status().message(),
            "there is no fault \"paus\"; did you mean \"pause\"?");
  facts_.semantics = Semantics::kQueue;
  EXPECT_EQ(PlanForCell("retention", ActionKind::kSettle, facts_, Coverage()).status().message(),
            "retention at settle is impossible: the fault does not apply to this pipeline");
  facts_.inputs.count = 0;
  EXPECT_EQ(PlanForCell("pause", ActionKind::kSettle, facts_, Coverage()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace millrace::sim
