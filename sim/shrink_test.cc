#include "sim/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "bus/random.h"
#include "sim/draw.h"
#include "sim/plan_file.h"
#include "sim/testing/example_topology.h"

namespace millrace::sim {
namespace {

bool HasJob(const Plan& plan, uint32_t id) {
  return std::any_of(plan.jobs.begin(), plan.jobs.end(), [&](const Job& job) { return job.id == id; });
}
bool HasFault(const Plan& plan, std::string_view kind) {
  return std::any_of(plan.faults.begin(), plan.faults.end(), [&](const Fault& fault) { return fault.kind == kind; });
}

// 100 jobs, 20 faults, four processes, and nothing that is a default.
Plan Large() {
  Plan plan;
  plan.seed = 5;
  plan.salt = 6;
  plan.processes = 4;
  plan.cooperative = true;
  plan.prefetch = 3;
  plan.timing.latency_max_ns = 77'000'000;
  plan.timing.restart_ns = 123;
  for (uint32_t i = 1; i <= 100; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = 1000 * i});
  static constexpr const char* kKinds[] = {"crash", "pause", "net-reset", "alarm", "wall-jump"};
  for (uint32_t i = 1; i <= 20; ++i) {
    plan.faults.push_back({.id = i,
                           .kind = kKinds[i % 5],
                           .trigger = {.at_ns = 1'234'567 * i},
                           .target = static_cast<int32_t>(i % 4),
                           .duration_ns = 987'654'321,
                           .amount = 50});
  }
  return plan;
}

std::vector<uint32_t> JobIds(const Plan& plan) {
  std::vector<uint32_t> ids;
  for (const Job& job : plan.jobs) ids.push_back(job.id);
  return ids;
}

TEST(ShrinkTest, FindsExactlyWhatIsNeeded) {
  uint64_t calls = 0;
  const auto fails = [&](const Plan& plan) {
    ++calls;
    return HasJob(plan, 3) && HasJob(plan, 17) && HasFault(plan, "pause") && HasFault(plan, "alarm");
  };
  const absl::StatusOr<ShrinkResult> result = Shrink(Large(), fails);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->budget_spent);
  EXPECT_EQ(result->runs, calls);
  EXPECT_LT(result->runs, 400u);
  EXPECT_EQ(JobIds(result->plan), (std::vector<uint32_t>{3, 17}));
  ASSERT_EQ(result->plan.faults.size(), 2u);
  // All that is not needed is as simple as can be.
  for (const Fault& fault : result->plan.faults) {
    EXPECT_EQ(fault.trigger.at_ns, 0);
    EXPECT_EQ(fault.amount, 0);
  }
  for (const Job& job : result->plan.jobs) EXPECT_EQ(job.at_ns, 0);
  EXPECT_FALSE(result->plan.cooperative);
  EXPECT_EQ(result->plan.prefetch, Plan().prefetch);
  EXPECT_EQ(result->plan.timing.restart_ns, Timing().restart_ns);
  EXPECT_EQ(result->plan.timing.latency_min_ns, result->plan.timing.latency_max_ns);
  EXPECT_EQ(result->plan.seed, 0u) << "it is not what the seed gives";
  EXPECT_EQ(result->plan.salt, 6u) << "luck stays";
}

TEST(ShrinkTest, IsDeterministic) {
  const auto fails = [](const Plan& plan) { return plan.jobs.size() > 7 && plan.faults.size() > 2; };
  const absl::StatusOr<ShrinkResult> one = Shrink(Large(), fails), two = Shrink(Large(), fails);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->plan, two->plan);
  EXPECT_EQ(one->runs, two->runs);
  EXPECT_EQ(one->plan.jobs.size(), 8u);
  EXPECT_EQ(one->plan.faults.size(), 3u);
}

// A count goes to one where none would mean all; a time becomes a round one.
TEST(ShrinkTest, AmountsAreWhatTheirFaultSays) {
  Plan plan = Large();
  plan.faults = {{.id = 1, .kind = "stage-kill", .target = 0, .amount = 3},
                 {.id = 2, .kind = "port-slow", .target = 0, .amount = 123'456'789}};
  const auto fails = [](const Plan& p) { return p.faults.size() == 2 && p.faults[1].amount >= 50'000'000; };
  const absl::StatusOr<ShrinkResult> result = Shrink(plan, fails);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->plan.faults[0].amount, 1);
  EXPECT_EQ(result->plan.faults[1].amount, 60'000'000);
}

// Fails with all of the jobs 10 to 20, or with none of them and job 90: taking one of them away is no way to go.
TEST(ShrinkTest, CopesWithPredicatesThatAreNotMonotonic) {
  const auto fails = [](const Plan& plan) {
    const auto ids = JobIds(plan);
    const auto between = std::count_if(ids.begin(), ids.end(), [](uint32_t id) { return id >= 10 && id <= 20; });
    return between == 11 || (between == 0 && HasJob(plan, 90));
  };
  const absl::StatusOr<ShrinkResult> result = Shrink(Large(), fails);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(fails(result->plan));
  EXPECT_TRUE(result->plan.jobs.size() == 11 || result->plan.jobs.size() == 1) << result->plan.jobs.size();
  EXPECT_TRUE(result->plan.faults.empty());
  EXPECT_EQ(result->plan.processes, 1u);
}

// The luck of each plan is its own: whatever it ends at is one that fails, of which nothing single can go.
TEST(ShrinkTest, EndsAtALocalMinimumOfNoise) {
  for (uint64_t salt = 0; salt < 20; ++salt) {
    const Random random(salt);
    const auto fails = [&](const Plan& plan) {
      if (plan == Large()) return true;
      uint64_t hash = plan.processes;
      for (const Job& job : plan.jobs) hash = Random::Mix(hash + job.id);
      for (const Fault& fault : plan.faults) hash = Random::Mix(hash + fault.id + 1000);
      return random.Below(1, {hash}, 3) == 0;
    };
    const absl::StatusOr<ShrinkResult> result = Shrink(Large(), fails);
    ASSERT_TRUE(result.ok());
    EXPECT_FALSE(result->budget_spent);
    EXPECT_TRUE(fails(result->plan));
    for (size_t i = 0; i < result->plan.jobs.size(); ++i) {
      Plan smaller = result->plan;
      smaller.jobs.erase(smaller.jobs.begin() + static_cast<ptrdiff_t>(i));
      EXPECT_FALSE(fails(smaller));
    }
    for (size_t i = 0; i < result->plan.faults.size(); ++i) {
      Plan smaller = result->plan;
      smaller.faults.erase(smaller.faults.begin() + static_cast<ptrdiff_t>(i));
      EXPECT_FALSE(fails(smaller));
    }
  }
}

TEST(ShrinkTest, KeepsTheBudget) {
  uint64_t calls = 0;
  const auto fails = [&](const Plan& plan) {
    ++calls;
    return plan.jobs.size() % 2 == 0 && HasJob(plan, 50);
  };
  for (const uint64_t budget : {1, 2, 10, 30}) {
    calls = 0;
    const absl::StatusOr<ShrinkResult> result = Shrink(Large(), fails, {.runs_max = budget});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(calls, budget);
    EXPECT_EQ(result->runs, budget);
    EXPECT_TRUE(result->budget_spent);
    EXPECT_TRUE(fails(result->plan));
  }
}

TEST(ShrinkTest, NeverRunsOnePlanTwice) {
  std::set<std::string> seen;
  const auto fails = [&](const Plan& plan) {
    EXPECT_TRUE(seen.insert(WritePlanFile({.plan = plan})).second);
    return HasJob(plan, 3) && HasFault(plan, "crash");
  };
  ASSERT_TRUE(Shrink(Large(), fails).ok());
}

TEST(ShrinkTest, WhatIsMinimalStays) {
  Plan plan;
  plan.seed = 9;
  plan.processes = 1;
  plan.timing.latency_min_ns = plan.timing.latency_max_ns;
  plan.timing.service_min_ns = plan.timing.service_max_ns;
  plan.timing.port_min_ns = plan.timing.port_max_ns;
  plan.jobs = {{.id = 4}};
  plan.faults = {{.id = 2, .kind = "crash", .target = 0}};
  const absl::StatusOr<ShrinkResult> result =
      Shrink(plan, [](const Plan& p) { return p.jobs.size() == 1 && p.faults.size() == 1; });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->plan, plan);
  EXPECT_EQ(result->plan.seed, 9u);
  EXPECT_LT(result->runs, 10u);
}

TEST(ShrinkTest, APlanThatDoesNotFailIsAnError) {
  const absl::StatusOr<ShrinkResult> result = Shrink(Large(), [](const Plan&) { return false; });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ShrinkTest, NumbersGoDownToWhereTheyMatter) {
  Plan plan = Large();
  plan.faults = {
      {.id = 1, .kind = "crash", .trigger = {.kind = TriggerKind::kAfterAction, .process = 2, .count = 399}},
      {.id = 2, .kind = "pause", .trigger = {.at_ns = 7'654'321'098}, .target = 0, .duration_ns = 9'876'000'000}};
  const auto fails = [](const Plan& p) {
    return p.faults.size() == 2 && p.faults[0].trigger.count >= 137 && p.faults[1].trigger.at_ns >= 3'500'000'000 &&
           p.faults[1].duration_ns > 6'000'000'000;
  };
  const absl::StatusOr<ShrinkResult> result = Shrink(plan, fails);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->plan.faults[0].trigger.count, 137u);
  EXPECT_EQ(result->plan.faults[1].trigger.at_ns, 3'800'000'000) << "half of it, rounded";
  EXPECT_EQ(result->plan.faults[1].duration_ns, 9'000'000'000);
  EXPECT_EQ(result->plan.processes, 3u) << "a fault is about process 2";
}

TEST(ShrinkTest, JobsOfFaultsStayWithThem) {
  Plan plan = Large();
  plan.faults = {{.id = 1, .kind = "crash", .trigger = {.kind = TriggerKind::kAtJob, .job = 40}},
                 {.id = 2, .kind = "stage-poison", .target = 0, .part = 60}};
  const auto valid = [](const Plan& p) { return CheckPlan(p).empty(); };
  const absl::StatusOr<ShrinkResult> result = Shrink(plan, [&](const Plan& p) {
    EXPECT_TRUE(valid(p));
    return p.faults.size() == 2;
  });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(JobIds(result->plan), (std::vector<uint32_t>{40, 60}));
}

TEST(ShrinkTest, WithStagesApartCopiesGo) {
  Plan plan = Large();
  plan.layout = Layout::kApart;
  plan.faults = {{.id = 1, .kind = "crash", .target = 7}};  // the third copy (from 0: 2) with three stages
  const auto fails = [](const Plan& p) { return p.layout == Layout::kApart && p.faults.size() == 1; };
  const absl::StatusOr<ShrinkResult> apart = Shrink(plan, fails, {.stages = 3});
  ASSERT_TRUE(apart.ok());
  EXPECT_EQ(apart->plan.processes, 3u);
  plan.faults[0].target = 0;
  const absl::StatusOr<ShrinkResult> together =
      Shrink(plan, [](const Plan& p) { return p.faults.size() == 1; }, {.stages = 3});
  ASSERT_TRUE(together.ok());
  EXPECT_EQ(together->plan.layout, Layout::kTogether);
  EXPECT_EQ(together->plan.processes, 1u);
}

TEST(ShrinkTest, WhatHealsKeepsADuration) {
  Plan plan = Large();
  plan.faults = {{.id = 1, .kind = "net-partition", .target = 0, .duration_ns = 5'000'000'000}};
  const absl::StatusOr<ShrinkResult> result = Shrink(plan, [](const Plan& p) { return p.faults.size() == 1; });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->plan.faults[0].duration_ns, 1'000'000);
}

// Everything that it tries on drawn plans is valid.
TEST(ShrinkTest, OnDrawnPlansItTriesValidPlans) {
  const Topology topology = ExampleTopology(false);
  const DrawFacts facts = {.topology = &topology, .inputs = {.count = 300}, .new_version = true};
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Plan plan = Draw(seed, facts);
    const size_t faults = plan.faults.size() / 2;
    const absl::StatusOr<ShrinkResult> result =
        Shrink(plan,
               [&](const Plan& p) {
                 const std::vector<PlanProblem> problems = ValidatePlan(p, topology, facts.inputs, facts.new_version);
                 EXPECT_TRUE(problems.empty()) << "seed " << seed << ": " << problems.front().ToString(p);
                 return p.faults.size() >= faults && p.jobs.size() >= 2;
               },
               {.stages = 3});
    if (plan.jobs.size() < 2) continue;
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->plan.faults.size(), faults);
  }
}

}  // namespace
}  // namespace millrace::sim
