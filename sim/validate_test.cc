#include "sim/validate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/faults/drawing.h"
#include "sim/testing/example_topology.h"

namespace millrace::sim {
namespace {

Plan Small(Semantics semantics) {
  Plan plan;
  plan.semantics = semantics;
  plan.jobs = {{.id = 2, .input = 0}, {.id = 5, .input = 8}};
  return plan;
}

// The only problem, without the name of its fault; empty: none.
std::string Only(const Plan& plan, const InputFacts& inputs = {.count = 9}) {
  const std::vector<PlanProblem> problems = ValidatePlan(plan, ExampleTopology(false), inputs);
  EXPECT_LE(problems.size(), 1u);
  return problems.empty() ? "" : problems.front().text;
}

std::string WithFault(Semantics semantics, const Fault& fault) {
  Plan plan = Small(semantics);
  plan.faults = {fault};
  return Only(plan);
}

TEST(ValidateTest, ASoundPlanHasNoProblems) {
  EXPECT_EQ(Only(Small(Semantics::kLog)), "");
  EXPECT_EQ(Only(Small(Semantics::kQueue)), "");
}

TEST(ValidateTest, ProcessesAreSlots) {
  Plan plan = Small(Semantics::kLog);
  plan.faults = {{.id = 1, .kind = "crash", .target = 2}};
  EXPECT_EQ(Only(plan), "there is no process 2; there are 0 to 1");
  plan.layout = Layout::kApart;  // of each of three stages two
  EXPECT_EQ(SlotsOf(plan, 3), 6u);
  EXPECT_EQ(Only(plan), "");
  plan.layout = Layout::kTogether;
  plan.faults.push_back({.id = 2, .kind = "rebalance-join", .target = 0});
  EXPECT_EQ(Only(plan), "") << "one has joined";
  plan.faults[0].target = -1;
  plan.faults[0].trigger = {.kind = TriggerKind::kAfterAction, .process = 3};
  EXPECT_EQ(Only(plan), "there is no process 3; there are 0 to 2");
}

TEST(ValidateTest, TransactionsNeedALog) {
  Topology topology = ExampleTopology(false);
  topology.stages[0].exactly_once = true;
  EXPECT_TRUE(ValidatePlan(Small(Semantics::kLog), topology, {.count = 9}).empty());
  const std::vector<PlanProblem> problems = ValidatePlan(Small(Semantics::kQueue), topology, {.count = 9});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems.front().text,
            "the pipeline has a stage that is EXACTLY_ONCE, which queues have no transactions for; run it on a log");
  Plan plan = Small(Semantics::kLog);
  plan.faults = {{.id = 1, .kind = "twin", .target = 0}, {.id = 2, .kind = "crash", .target = 2}};
  EXPECT_TRUE(ValidatePlan(plan, topology, {.count = 9}).empty()) << "the twin is a process";
  EXPECT_EQ(WithFault(Semantics::kLog, {.id = 1, .kind = "twin", .target = 0}),
            "it does not apply to this pipeline on a log");
}

TEST(ValidateTest, OnlyLinksHaveTheFeedAsATarget) {
  EXPECT_EQ(WithFault(Semantics::kLog, {.id = 1, .kind = "net-reset", .target = kFeedTarget}), "");
  EXPECT_EQ(WithFault(Semantics::kLog, {.id = 1, .kind = "crash", .target = kFeedTarget}),
            "there is no process -2; there are 0 to 1");
}

TEST(ValidateTest, TargetsAndPartsExist) {
  const auto log = [](Fault fault) { return WithFault(Semantics::kLog, fault); };
  EXPECT_EQ(log({.id = 1, .kind = "retention", .target = 4}), "there is no topic 4; there are 0 to 3");
  EXPECT_EQ(log({.id = 1, .kind = "retention", .target = 2, .part = 3}), "there is no partition 3; there are 0 to 2");
  EXPECT_EQ(log({.id = 1, .kind = "port-outage", .target = 1}), "there is no port 1; there are 0 to 0");
  EXPECT_EQ(log({.id = 1, .kind = "duplicate-delivery", .target = 1, .part = 2}),
            "there is no partition of its input 2; there are 0 to 1");
  EXPECT_EQ(log({.id = 1, .kind = "stage-poison", .target = 3, .part = 5}), "there is no stage 3; there are 0 to 2");
  EXPECT_EQ(log({.id = 1, .kind = "stage-poison", .target = 2, .part = 3}),
            "there is no job 3 in this plan; name one of its jobs, or take the fault out");
  EXPECT_EQ(log({.id = 1, .kind = "stage-poison", .target = 2, .part = 5}), "");
}

TEST(ValidateTest, KindsApplyToTheSemantics) {
  EXPECT_EQ(WithFault(Semantics::kLog, {.id = 1, .kind = "alarm"}), "it does not apply to this pipeline on a log");
  EXPECT_EQ(WithFault(Semantics::kQueue, {.id = 1, .kind = "alarm"}), "");
  EXPECT_EQ(WithFault(Semantics::kQueue, {.id = 1, .kind = "retention", .target = 0}),
            "it does not apply to this pipeline on a queue");
}

TEST(ValidateTest, ADeploymentOfTheNextVersionNeedsOne) {
  const Fault fault = {.id = 1, .kind = "new-version", .target = 0};
  EXPECT_EQ(WithFault(Semantics::kLog, fault),
            "there is no next version of the stages; give millrace_pipeline a next_registrar, or take it out");
  Plan plan = Small(Semantics::kQueue);
  plan.faults = {fault};
  EXPECT_TRUE(ValidatePlan(plan, ExampleTopology(false), {.count = 9}, /*next_version=*/true).empty());
}

TEST(ValidateTest, PortsAreNeededForPortCalls) {
  Plan plan = Small(Semantics::kLog);
  plan.faults = {{.id = 1, .kind = "crash", .trigger = {.kind = TriggerKind::kInPort}}};
  EXPECT_EQ(Only(plan), "");
  Topology topology = ExampleTopology(false);
  topology.ports.clear();
  const std::vector<PlanProblem> problems = ValidatePlan(plan, topology, {.count = 9});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].ToString(plan), "fault 1 (crash): the pipeline has no ports; use at, after_action or at_job");
}

TEST(ValidateTest, InputsAreThoseItWasDrawnFor) {
  Plan plan = Small(Semantics::kLog);
  EXPECT_EQ(Only(plan, {.count = 8}), "there is no input 8; there are 0 to 7");
  plan.inputs_digest = 5;
  EXPECT_EQ(Only(plan, {.count = 9, .digest = 5}), "");
  EXPECT_EQ(Only(plan, {.count = 9, .digest = 0}), "");
  EXPECT_EQ(Only(plan, {.count = 9, .digest = 6}),
            "it was drawn for other inputs; give it those, or take inputs_digest out if it should run with any");
}

TEST(ValidateTest, AmountsAreWhatTheKindCanHave) {
  const auto log = [](Fault fault) { return WithFault(Semantics::kLog, fault); };
  EXPECT_EQ(log({.id = 1, .kind = "net-loss", .target = 0, .amount = -1}),
            "the amount -1 (how many packets) cannot be; give 0 to 1000000");
  EXPECT_EQ(log({.id = 1, .kind = "publish-unknown", .target = 0, .amount = int64_t{1} << 33}),
            "the amount 8589934592 (how many confirms) cannot be; give 0 to 1000000");
  EXPECT_EQ(log({.id = 1, .kind = "pause", .target = 0, .duration_ns = 1, .amount = -5}),
            "the amount -5 cannot be; give 0 to 1000000");
  EXPECT_EQ(log({.id = 1, .kind = "net-delay", .target = 0, .duration_ns = 1, .amount = INT64_MAX}),
            "the amount 9223372036854775807 (by how many nanoseconds) cannot be; give 0 to 2592000000000000");
  EXPECT_EQ(log({.id = 1, .kind = "wall-jump", .target = 0, .amount = -3'600'000'000'000}), "") << "backwards";
  EXPECT_NE(log({.id = 1, .kind = "wall-jump", .target = 0, .amount = INT64_MIN}), "");
  EXPECT_EQ(log({.id = 1, .kind = "net-partition", .target = 0, .part = -7}),
            "the part is negative; leave it out where the kind has none");
}

TEST(ValidateTest, NoTimeIsLongerThanAnyRun) {
  const std::string tail = " is over 30 days, longer than any run; give a shorter one";
  EXPECT_EQ(WithFault(Semantics::kLog, {.id = 1, .kind = "crash", .trigger = {.at_ns = INT64_MAX}, .target = 0}),
            "the time" + tail);
  EXPECT_EQ(WithFault(Semantics::kLog, {.id = 1, .kind = "pause", .target = 0, .duration_ns = INT64_MAX}),
            "the duration" + tail);
  Plan plan = Small(Semantics::kLog);
  plan.jobs[1].at_ns = INT64_MAX;
  EXPECT_EQ(Only(plan), "the time" + tail);
  plan = Small(Semantics::kLog);
  plan.timing.service_max_ns = INT64_MAX;
  EXPECT_EQ(Only(plan), "it is over 30 days; give a shorter time");
  plan = Small(Semantics::kLog);
  plan.timing.restart_ns = INT64_MAX;
  EXPECT_EQ(Only(plan), "the time" + tail);
  plan = Small(Semantics::kLog);
  plan.limits.time_ns = INT64_MAX;
  EXPECT_EQ(Only(plan), "it is over 30 days; leave it out for the default");
}

TEST(ValidateTest, WhatComesAgainAndAgainTakesAMillisecondAtLeast) {
  const std::string tail = " is too short; give at least 1ms, or leave it out for the default";
  for (int64_t Timing::*field : {&Timing::heartbeat_ns, &Timing::revoke_timeout_ns, &Timing::max_poll_interval_ns}) {
    Plan plan = Small(Semantics::kLog);
    plan.timing.*field = 1;
    EXPECT_EQ(Only(plan), "1ns" + tail);
    plan.timing.*field = 999'999;
    EXPECT_EQ(Only(plan), "999999ns" + tail);
    plan.timing.*field = 1'000'000;
    EXPECT_EQ(Only(plan), "");
  }
  // Of sessions heartbeats are a part.
  Plan plan = Small(Semantics::kQueue);
  plan.timing.session_timeout_ns = 2;
  const std::vector<PlanProblem> problems = CheckPlan(plan);
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.front().ToString(plan), "timing: session_timeout: 2ns" + tail);
}

TEST(ValidateTest, AnInputIsOneJob) {
  Plan plan = Small(Semantics::kLog);
  plan.jobs[1].input = 0;
  EXPECT_EQ(Only(plan), "it has input 0, which job 2 has; an input is one job: give each its own");
}

TEST(ValidateTest, NumbersMakeSense) {
  Plan plan = Small(Semantics::kLog);
  plan.timing.latency_max_ns = 1;
  plan.timing.session_timeout_ns = 0;
  plan.timing.restart_ns = -1;
  plan.limits.records = 0;
  plan.prefetch = 0;
  plan.version = 2;
  plan.jobs[1].id = 1;
  std::string all;
  for (const PlanProblem& problem : CheckPlan(plan)) all += problem.ToString(plan) + "\n";
  EXPECT_EQ(all,
            "this program runs plans of version 1\n"
            "with 0 nothing would ever be delivered; give at least 1\n"
            "job 1: ids must ascend; the job before it has 2\n"
            "timing: latency_max: it is less than latency_min\n"
            "timing: session_timeout: 0s is too short; give at least 1ms, or leave it out for the default\n"
            "timing: restart: the time is negative; leave it out for the default\n"
            "timing: heartbeat: sessions would end between two heartbeats; make it a third of session_timeout\n"
            "limits: records: a run needs records; leave it out for the default\n");
}

}  // namespace
}  // namespace millrace::sim
