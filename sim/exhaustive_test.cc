#include "sim/exhaustive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "sim/validate.h"

namespace millrace::sim {
namespace {

using Crashes = std::vector<std::pair<uint32_t, uint32_t>>;  // (process, count)

Crashes Of(const Plan& plan) {
  Crashes crashes;
  for (const Fault& fault : plan.faults) crashes.emplace_back(fault.trigger.process, fault.trigger.count);
  return crashes;
}

// A world in which crashes change nothing about how many actions there are.
std::vector<Crashes> All(std::vector<uint32_t> actions, ExhaustiveOptions options = {}) {
  std::vector<Crashes> all;
  Exhaustive plans(Plan{}, actions, options);
  while (const std::optional<Plan> plan = plans.Next()) {
    all.push_back(Of(*plan));
    plans.Reached(actions);
  }
  EXPECT_EQ(plans.given(), all.size());
  return all;
}

TEST(ExhaustiveTest, GivesEachSetOfPointsOnce) {
  const std::vector<Crashes> all = All({3, 3});
  EXPECT_EQ(all.size(), 6u + 15u);
  std::set<Crashes> sets;
  for (Crashes crashes : all) {
    std::sort(crashes.begin(), crashes.end());
    EXPECT_TRUE(sets.insert(crashes).second);
  }
  EXPECT_EQ(All({4}).size(), 4u + 6u);
  EXPECT_EQ(All({0, 2, 0, 1}).size(), 3u + 3u);
  EXPECT_TRUE(All({}).empty());
  EXPECT_TRUE(All({0, 0}).empty());
}

TEST(ExhaustiveTest, OneCrashIsEachAction) {
  EXPECT_EQ(All({2, 1}, {.crashes_max = 1}), (std::vector<Crashes>{{{0, 1}}, {{0, 2}}, {{1, 1}}}));
  EXPECT_TRUE(All({2, 1}, {.crashes_max = 0}).empty());
  EXPECT_EQ(Exhaustive(Plan{}, {2, 1}).singles(), 3u);
}

// With another process gone, the one that is left does more than it ever did without faults.
TEST(ExhaustiveTest, TheSecondGoesAsFarAsTheFirstLets) {
  Exhaustive plans(Plan{}, {1, 1});
  std::vector<Crashes> all;
  while (const std::optional<Plan> plan = plans.Next()) {
    all.push_back(Of(*plan));
    if (plan->faults.size() == 1) {
      // Who crashed repeats its one action; the other takes over.
      const uint32_t crashed = plan->faults[0].trigger.process;
      plans.Reached({crashed == 0 ? 2u : 3u, crashed == 1 ? 2u : 3u});
    }
  }
  EXPECT_EQ(all, (std::vector<Crashes>{{{0, 1}},
                                       {{0, 1}, {0, 2}},
                                       {{0, 1}, {1, 1}},
                                       {{0, 1}, {1, 2}},
                                       {{0, 1}, {1, 3}},
                                       {{1, 1}},
                                       {{1, 1}, {0, 2}},
                                       {{1, 1}, {0, 3}},
                                       {{1, 1}, {1, 2}}}));
}

// Against the definition: every two points that can both strike, in some order, are among what is given.
TEST(ExhaustiveTest, MissesNoPairThatCanStrike) {
  const std::vector<uint32_t> faultless = {3, 2};
  // After (p, k), p reaches 5 and the other 4 + k.
  const auto reached = [](std::pair<uint32_t, uint32_t> first) {
    return first.first == 0 ? std::vector<uint32_t>{5, 4 + first.second} : std::vector<uint32_t>{4 + first.second, 5};
  };
  std::set<Crashes> given;
  Exhaustive plans(Plan{}, faultless);
  while (const std::optional<Plan> plan = plans.Next()) {
    Crashes crashes = Of(*plan);
    if (crashes.size() == 1) plans.Reached(reached(crashes[0]));
    std::sort(crashes.begin(), crashes.end());
    EXPECT_TRUE(given.insert(crashes).second);
  }
  for (uint32_t p = 0; p < 2; ++p) {
    for (uint32_t k = 1; k <= faultless[p]; ++k) {
      const std::vector<uint32_t> then = reached({p, k});
      for (uint32_t q = 0; q < 2; ++q) {
        for (uint32_t l = 1; l <= then[q]; ++l) {
          if (q == p && l <= k) continue;
          Crashes pair = {{p, k}, {q, l}};
          std::sort(pair.begin(), pair.end());
          EXPECT_TRUE(given.contains(pair)) << p << " " << k << ", " << q << " " << l;
        }
      }
    }
  }
}

TEST(ExhaustiveTest, PlansAreTheBaseWithCrashes) {
  Plan base;
  base.salt = 3;
  base.jobs = {{.id = 1}};
  Exhaustive plans(base, {1, 0}, {.down_ns = 5'000'000});
  const std::optional<Plan> plan = plans.Next();
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(CheckPlan(*plan).empty());
  EXPECT_EQ(plan->jobs, base.jobs);
  EXPECT_EQ(plan->salt, 3u);
  EXPECT_EQ(plan->faults[0].kind, "crash");
  EXPECT_EQ(plan->faults[0].duration_ns, 5'000'000);
  // A world with a process more than the plan.
  plans.Reached({1, 0, 7});
  EXPECT_FALSE(plans.Next().has_value());
}

}  // namespace
}  // namespace millrace::sim
