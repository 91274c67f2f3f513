// Strikes are the fault's that caused them, and when something meets it; what strikes nothing excuses nobody and covers nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/armed.h"
#include "sim/campaign.h"
#include "sim/testing/busy_pipeline.h"

namespace millrace::sim {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int32_t kOut = 1, kDead = 2;  // topics

TEST(ArmedTest, WhoCameFirstIsMetFirst) {
  Armed armed;
  EXPECT_EQ(armed.Take(), kNoFault);
  armed.Add(3, 1);
  armed.Add(1, 2);
  armed.Add(5, 0);
  EXPECT_EQ(armed.left(), 3u);
  EXPECT_EQ(armed.Take(), 3u);
  EXPECT_EQ(armed.Take(), 1u);
  armed.Add(3, 4);
  EXPECT_EQ(armed.Drop(3), 4u);
  EXPECT_EQ(armed.Drop(7), 0u);
  EXPECT_EQ(armed.left(), 1u);
  EXPECT_EQ(armed.Take(), 1u);
  EXPECT_EQ(armed.Take(), kNoFault);
}

class StrikesTest : public ::testing::Test {
 protected:
  Plan With(Semantics semantics, std::vector<Fault> faults) const {
    Plan plan = busy_.Calm(semantics, 60);
    plan.faults = std::move(faults);
    return plan;
  }
  Outcome Judge(const Plan& plan) {
    Outcome outcome = busy_.simulator().Judge(plan);
    EXPECT_FALSE(outcome.verdicts.failed()) << outcome.verdicts.first()->text;
    return outcome;
  }
  // When the fault with that index struck first; -1: never.
  static int64_t Struck(const Outcome& outcome, uint32_t fault) {
    for (const Strike& strike : outcome.history.strikes) {
      if (strike.fault == fault) return strike.at_ns;
    }
    return -1;
  }
  static Verdict Of(const Outcome& outcome, std::string_view promise) {
    for (size_t i = 0; i < AllCheckers().size(); ++i) {
      if (AllCheckers()[i]->name == promise) return outcome.verdicts.results[i].verdict;
    }
    ADD_FAILURE() << "no checker " << promise;
    return Verdict::kFail;
  }
  BusyPipeline busy_{""};
};

TEST_F(StrikesTest, TheHealOfOneRefusalLeavesTheOther) {
  const Fault here = {.id = 1,
                      .kind = "publish-nack",
                      .trigger = {.at_ns = 50 * kMs},
                      .target = kOut,
                      .part = 0,
                      .duration_ns = kMs,
                      .amount = 50};
  Fault there = here;
  there.id = 2;
  there.part = 1;
  there.duration_ns = 10'000 * kMs;
  there.amount = 3;
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    const Outcome outcome = Judge(With(semantics, {here, there}));
    EXPECT_GT(Struck(outcome, 1), 51 * kMs);
    const auto refused = std::count_if(outcome.history.records.begin(), outcome.history.records.end(),
                                       [](const Record& r) { return r.kind == Kind::kConfirm && r.value != 0; });
    EXPECT_GE(refused, 3);
  }
}

TEST_F(StrikesTest, TheEndOfOnePartitionLeavesTheOther) {
  const Outcome outcome = Judge(With(Semantics::kLog, {{.id = 1,
                                                        .kind = "net-partition",
                                                        .trigger = {.at_ns = 50 * kMs},
                                                        .target = 0,
                                                        .part = 0,
                                                        .duration_ns = 900 * kMs},
                                                       {.id = 2,
                                                        .kind = "net-partition",
                                                        .trigger = {.at_ns = 100 * kMs},
                                                        .target = 0,
                                                        .part = 0,
                                                        .duration_ns = 50 * kMs}}));
  EXPECT_GE(Struck(outcome, 0), 50 * kMs);
  EXPECT_GE(Struck(outcome, 1), 100 * kMs);
  bool later = false;
  for (const Record& record : outcome.history.records) {
    if (record.process != 0 || record.kind != Kind::kConfirm) continue;
    EXPECT_FALSE(record.at_ns > 160 * kMs && record.at_ns < 950 * kMs) << "nothing comes through";
    later = later || record.at_ns >= 950 * kMs;
  }
  EXPECT_TRUE(later);
}

TEST_F(StrikesTest, TheEndOfOneSlownessLeavesTheOther) {
  const Outcome outcome = Judge(
      With(Semantics::kLog,
           {{.id = 1, .kind = "port-slow", .trigger = {.at_ns = 0}, .target = 0, .duration_ns = kMs, .amount = 5 * kMs},
            {.id = 2,
             .kind = "port-slow",
             .trigger = {.at_ns = 1},
             .target = 0,
             .duration_ns = 9'000 * kMs,
             .amount = 5 * kMs}}));
  EXPECT_EQ(Struck(outcome, 0), -1) << "nobody had called by then";
  EXPECT_GT(Struck(outcome, 1), kMs);
}

TEST_F(StrikesTest, AWallClocksJumpStrikesWhoReadsIt) {
  const Outcome outcome = Judge(
      With(Semantics::kLog,
           {{.id = 1, .kind = "wall-jump", .trigger = {.at_ns = 50 * kMs}, .target = 0, .amount = 3'600'000 * kMs},
            {.id = 2, .kind = "crash", .trigger = {.at_ns = 50 * kMs}, .target = 0, .duration_ns = 500 * kMs}}));
  EXPECT_GE(Struck(outcome, 0), 550 * kMs) << "nobody saw it before the process was back";
}

TEST_F(StrikesTest, ANextVersionStrikesWhenItComes) {
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    const Outcome down = Judge(With(
        semantics, {{.id = 1, .kind = "crash", .trigger = {.at_ns = 40 * kMs}, .target = 0, .duration_ns = 500 * kMs},
                    {.id = 2, .kind = "new-version", .trigger = {.at_ns = 60 * kMs}, .target = 0}}));
    EXPECT_EQ(Struck(down, 1), 540 * kMs);
    const Outcome up =
        Judge(With(semantics, {{.id = 1, .kind = "new-version", .trigger = {.at_ns = 60 * kMs}, .target = 0}}));
    EXPECT_EQ(Struck(up, 0), 60 * kMs) << "it was asked to stop";
  }
}

TEST_F(StrikesTest, WhatMeetsNothingSuspendsNothing) {
  Fault kill = {.id = 1, .kind = "stage-kill", .trigger = {.at_ns = 0}, .target = 0, .part = 1, .amount = 1};
  const Outcome struck = Judge(With(Semantics::kQueue, {kill}));
  EXPECT_GE(Struck(struck, 0), 0);
  EXPECT_EQ(Of(struck, "final-state"), Verdict::kNotCheckable);
  kill.trigger.at_ns = 20'000 * kMs;  // all is done
  Plan plan = With(Semantics::kQueue, {kill});
  plan.jobs.push_back({.id = 61, .input = 60, .at_ns = 21'000 * kMs});
  const Outcome in_vain = Judge(plan);
  EXPECT_EQ(Struck(in_vain, 0), -1);
  EXPECT_EQ(Of(in_vain, "final-state"), Verdict::kPass);
  EXPECT_EQ(Of(in_vain, "unjustified-dead-letter"), Verdict::kPass);
  EXPECT_EQ(Of(in_vain, "starvation"), Verdict::kPass);
}

TEST_F(StrikesTest, WhatMeetsNothingCoversNothing) {
  Campaign campaign(busy_.subject(), busy_.simulator(), {.draw = FactsOf(busy_.subject()), .promises = {}});
  Fault nack = {.id = 1,
                .kind = "publish-nack",
                .trigger = {.kind = TriggerKind::kAtJob, .job = 10, .action = ActionKind::kDispatch, .count = 1},
                .target = kDead,
                .duration_ns = 5'000 * kMs,
                .amount = 1};
  EXPECT_FALSE(campaign.RunPlan(With(Semantics::kLog, {nack})).failed);
  EXPECT_EQ(campaign.coverage().hits("publish-nack", ActionKind::kDispatch), 0u) << "there are no dead letters";
  nack.target = kOut;
  EXPECT_FALSE(campaign.RunPlan(With(Semantics::kLog, {nack})).failed);
  EXPECT_EQ(campaign.coverage().hits("publish-nack", ActionKind::kDispatch), 1u);
}

}  // namespace
}  // namespace millrace::sim
