// What docs/reference/promises.md says of each promise under each kind of fault is what checkers say: runs of the swarm with
// that kind alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "sim/campaign.h"
#include "sim/draw.h"
#include "sim/expected.h"
#include "sim/plan_names.h"
#include "sim/testing/busy_pipeline.h"

namespace millrace::sim {
namespace {

constexpr int kRuns = 6;  // with the fault, of each kind and semantics
constexpr uint64_t kSeeds = 60;

// What is excused there has to happen here.
using Matters = bool (*)(const Outcome& outcome);
bool HasDeadLetter(const Outcome& outcome) { return outcome.dead_lettered > 0; }
bool HasDestroyed(const Outcome& outcome) {
  return std::any_of(outcome.history.records.begin(), outcome.history.records.end(),
                     [](const Record& r) { return r.kind == Kind::kDestroyed; });
}
const std::map<std::string_view, Matters> kMatters = {
    {"stage-failing", HasDeadLetter}, {"stage-throwing", HasDeadLetter}, {"stage-poison", HasDeadLetter},
    {"stage-kill", HasDeadLetter},    {"retention", HasDestroyed},       {"queue-deleted", HasDestroyed}};

void Compare(const std::string& delivery, Semantics semantics) {
  BusyPipeline pipeline(delivery);
  const bool transactions = HasTransactions(pipeline.subject().topology());
  for (const FaultType* type : AllFaults()) {
    SCOPED_TRACE(std::string(type->name) + " on a " + std::string(NameOf(semantics)));
    DrawFacts facts = FactsOf(pipeline.subject());
    facts.semantics = semantics;
    facts.jobs_max = 60;
    facts.faults = {std::string(type->name)};
    const auto matters = kMatters.find(type->name);
    int struck = 0, mattered = 0;
    for (uint64_t seed = 1; seed <= kSeeds && (struck < kRuns || (matters != kMatters.end() && mattered == 0));
         ++seed) {
      const Plan plan = Draw(seed, facts);
      if (plan.faults.empty()) continue;
      const Outcome outcome = pipeline.simulator().Judge(plan);
      if (outcome.history.strikes.empty()) continue;
      ++struck;
      mattered += matters != kMatters.end() && matters->second(outcome) ? 1 : 0;
      for (size_t i = 0; i < AllCheckers().size(); ++i) {
        const Checker& checker = *AllCheckers()[i];
        const CheckResult& result = outcome.verdicts.results[i];
        const bool lacks = !checker.needs.empty() && !transactions;
        EXPECT_EQ(result.verdict, lacks ? Verdict::kNotCheckable : ExpectedOf(checker, type).on(semantics))
            << checker.name << ", seed " << seed << ": " << result.why
            << (result.findings.empty() ? "" : result.findings.front().text);
      }
    }
    DrawFacts any = facts;
    any.faults.clear();
    const bool applies = type->applies(SceneOf(Draw(1, any), any));
    EXPECT_EQ(struck > 0, applies);
    if (applies && matters != kMatters.end()) {
      EXPECT_GT(mattered, 0) << "nothing was there to be excused";
    }
  }
}

TEST(PromisesTest, OnLogs) { Compare("", Semantics::kLog); }
TEST(PromisesTest, OnQueues) { Compare("", Semantics::kQueue); }
TEST(PromisesTest, InTransactions) { Compare("delivery: EXACTLY_ONCE", Semantics::kLog); }

TEST(PromisesTest, WhatTheTableSays) {
  const FaultType* fault = FindFault("duplicate-delivery");
  EXPECT_EQ(ExpectedOf(*FindChecker("drain"), fault).ToString(), "excused");
  EXPECT_EQ(ExpectedOf(*FindChecker("exactly-once"), fault).ToString(), "excused");
  EXPECT_EQ(ExpectedOf(*FindChecker("no-loss"), fault).ToString(), "pass");
  EXPECT_EQ(ExpectedOf(*FindChecker("starvation"), nullptr).ToString(), "not checkable");
  EXPECT_EQ(ExpectedOf(*FindChecker("final-state"), FindFault("stage-kill")).ToString(),
            "excused; not checkable on queues");
}

// Names in the tables of checkers and faults are names of something.
TEST(PromisesTest, NamesAreThere) {
  for (const Checker* checker : AllCheckers()) {
    for (const Excuse& excuse : checker->excuses) {
      EXPECT_FALSE(excuse.why.empty()) << checker->name;
      if (excuse.concerns == nullptr) continue;
      EXPECT_TRUE(
          std::any_of(AllFaults().begin(), AllFaults().end(), [&](const FaultType* f) { return excuse.concerns(*f); }))
          << checker->name << ": an excuse that concerns no kind";
    }
  }
  for (const FaultType* type : AllFaults()) {
    for (const Suspension& suspension : type->suspends) {
      EXPECT_NE(FindChecker(suspension.promise), nullptr) << type->name << " " << suspension.promise;
      EXPECT_FALSE(suspension.why.empty()) << type->name;
    }
  }
}

}  // namespace
}  // namespace millrace::sim
