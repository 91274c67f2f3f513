#include "ops/sim_campaign.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>

#include "ops/sim_failure.h"
#include "ops/sim_hidden.h"
#include "ops/sim_last_words.h"
#include "ops/sim_plans.h"
#include "ops/sim_report.h"
#include "ops/system_clock.h"
#include "stages/port_world.h"

namespace millrace::ops {
namespace {

int64_t RealNow() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// An outside system whose stand-in reads the machine's clock: that is nobody's fault.
class Bell final : public stages::Port {
 public:
  // `forgets`: what has been done under an id is done again.
  explicit Bell(stages::PortWorld* world, bool forgets = false) : world_(world), forgets_(forgets) {}
  absl::Status Ring(std::string_view id) {
    if (absl::Status s = world_->Enter("ring"); !s.ok()) return s;
    if (RealNow() == 0) return absl::InternalError("no time");
    world_->Effect({.id = id, .repeat = !rung_.emplace(id).second && !forgets_});
    return world_->Leave();
  }

 private:
  stages::PortWorld* const world_;
  const bool forgets_;
  std::set<std::string> rung_;
};

// A sink that rings, and reads the clock behind the port's call where it is told to.
class Ringer final : public stages::Stage {
 public:
  Ringer(Bell* bell, bool clock) : bell_(bell), clock_(clock) {}
  absl::Status Process(stages::Context& context, const bus::Message&, stages::Outputs&) override {
    if (absl::Status s = bell_->Ring(context.id()); !s.ok()) return s;
    return clock_ && RealNow() == 0 ? absl::InternalError("no time") : absl::OkStatus();
  }

 private:
  Bell* const bell_;
  const bool clock_;
};

class Numbers final : public stages::Source {
 public:
  // So long is the last body; 0: like the others.
  explicit Numbers(size_t last_bytes) : last_bytes_(last_bytes) {}
  absl::Status Seek(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<bool> Read(size_t, stages::SourceSink& sink) override {
    for (int i = 0; i < 40; ++i) {
      const std::string id = "n" + std::to_string(i), key = "k" + std::to_string(i % 5);
      const std::string body = i == 39 && last_bytes_ > 0 ? std::string(last_bytes_, 'x') : id;
      sink.Add({.id = id, .key = key, .body = body, .position = id});
    }
    return false;
  }

 private:
  const size_t last_bytes_;
};

template <bool clock>
stages::StageKind RingerKind(std::string name) {
  return {.kind = std::move(name),
          .summary = "rings",
          .ports = {"bell"},
          .sink = true,
          .make = [](const stages::StageConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
            return std::make_unique<Ringer>(config.ports->Find<Bell>("bell"), clock);
          }};
}

// Each look takes a second.
class SlowClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {++looks_ * 1'000'000'000}; }
  WallTime Wall() const override { return {}; }

 private:
  mutable int64_t looks_ = 0;
};

stages::PortKind BellKind(std::string kind, bool forgets) {
  return {.kind = std::move(kind),
          .summary = "rings",
          .make = [](const stages::PortConfig&) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
            return absl::UnimplementedError("there is none");
          },
          .make_simulated = [forgets](const stages::PortConfig&, stages::PortWorld* world)
              -> absl::StatusOr<std::unique_ptr<stages::Port>> { return std::make_unique<Bell>(world, forgets); }};
}

class SimCampaignTest : public testing::Test {
 protected:
  SimCampaignTest() {
    EXPECT_TRUE(registry_
                    .AddSource({.kind = "numbers",
                                .summary = "forty",
                                .make = [this](const auto&) { return std::make_unique<Numbers>(last_bytes_); }})
                    .ok());
    EXPECT_TRUE(registry_.AddStage(RingerKind<false>("ringer")).ok());
    EXPECT_TRUE(registry_.AddStage(RingerKind<true>("timed-ringer")).ok());
    EXPECT_TRUE(registry_.AddPort(BellKind("bell", false)).ok());
    EXPECT_TRUE(registry_.AddPort(BellKind("forgetful-bell", true)).ok());
    program_.name = program_.binary = "bells";
    program_.registry = &registry_;
  }

  absl::StatusOr<std::unique_ptr<SimSetup>> Make(const std::string& kind, SimScope scope, const std::string& port) {
    scope.pipeline = testing::TempDir() + "/" + kind + ".textproto";
    std::ofstream(scope.pipeline) << "name: \"bells\"\n"
                                     "topic { name: \"in\" partitions: 2 }\n"
                                     "topic { name: \"dead\" dead_letter: true }\n"
                                     "source { name: \"numbers\" kind: \"numbers\" topic: \"in\" }\n"
                                     "port { name: \"bell\" kind: \"" +
                                         port + "\" }\nstage { name: \"ring\" kind: \"" + kind +
                                         "\" input: \"in\" dead_letter: \"dead\" }\n";
    return SimSetup::Make(program_, std::move(scope), std::cerr);
  }
  std::unique_ptr<SimSetup> Setup(const std::string& kind, SimScope scope = {}, const std::string& port = "bell") {
    absl::StatusOr<std::unique_ptr<SimSetup>> setup = Make(kind, std::move(scope), port);
    EXPECT_TRUE(setup.ok()) << setup.status();
    return setup.ok() ? *std::move(setup) : nullptr;
  }

  SimTotals RunSeeds(const SimSetup& setup, int threads, uint64_t count) {
    SimTeam team(setup, &clock_, {.threads = threads});
    EXPECT_TRUE(team.Begin().ok());
    SeedPlans seeds(1, count);
    SimTotals totals = team.Run(seeds, [](const SimTotals&, MonotonicTime) { return true; });
    findings_ = team.findings().all();
    return totals;
  }

  const SystemClock clock_;
  size_t last_bytes_ = 0;  // of the last job's body
  stages::Registry registry_;
  Program program_;
  std::vector<sim::StageFinding> findings_;
};

TEST_F(SimCampaignTest, APortIsNoPartOfTheStageThatCallsIt) {
  const auto setup = Setup("ringer");
  const SimTotals totals = RunSeeds(*setup, 1, 20);
  EXPECT_GT(totals.effective, 5u);
  for (const sim::StageFinding& finding : findings_) ADD_FAILURE() << finding.text;
}

TEST_F(SimCampaignTest, BehindThePortsCallTheStageIsWatchedAgain) {
  const auto setup = Setup("timed-ringer");
  RunSeeds(*setup, 1, 20);
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].kind, sim::StageFindingKind::kRealClock);
  EXPECT_EQ(findings_[0].stage, "ring");
}

TEST_F(SimCampaignTest, TotalsDoNotDependOnThreads) {
  const auto setup = Setup("ringer");
  const SimTotals one = RunSeeds(*setup, 1, 60), three = RunSeeds(*setup, 3, 60);
  EXPECT_EQ(one.runs, 60u);
  EXPECT_EQ(three.runs, 60u);
  EXPECT_EQ(one.schedule_hash, three.schedule_hash);
  EXPECT_EQ(one.content_hash, three.content_hash);
  EXPECT_EQ(one.effective, three.effective);
  EXPECT_EQ(one.fired, three.fired);
  EXPECT_EQ(one.not_checked, three.not_checked);
  EXPECT_EQ(one.failures.size(), three.failures.size());
}

TEST_F(SimCampaignTest, WhatEndedTheShrinkingIsTold) {
  const auto setup = Setup("ringer", {.faults = {"crash"}, .promises = {"duplicate-effect"}}, "forgetful-bell");
  SimTeam team(*setup, &clock_, {.threads = 1});
  ASSERT_TRUE(team.Begin().ok());
  sim::SeedResult failed;
  for (uint64_t seed = 1; seed <= 100 && !failed.failed; ++seed) failed = team.main().campaign->RunSeed(seed);
  ASSERT_TRUE(failed.failed);
  const PlanFolder plans{.path = testing::TempDir() + "/shrunk", .in_replay = ""};
  const SlowClock slow;
  FailureTeller hurried(*setup, team.main(), slow, {.plans = plans, .shrink_limit = std::chrono::seconds(4)});
  const ToldFailure cut = hurried.Tell(failed, "cut");
  EXPECT_EQ(cut.shrink_ended_by, "time");
  EXPECT_LT(cut.shrink_runs, 6u) << "those that were run";
  EXPECT_NE(cut.text.find("the 4 seconds for shrinking were over: --shrink with the plan goes on"), std::string::npos)
      << cut.text;
  // A signal that comes while the third plan runs: that is the last.
  int looks = 0;
  FailureTeller stopped(*setup, team.main(), clock_, {.plans = plans, .go_on = [&] { return ++looks < 3; }});
  const ToldFailure ended = stopped.Tell(failed, "ended");
  EXPECT_EQ(ended.shrink_ended_by, "signal");
  EXPECT_EQ(ended.shrink_runs, 3u);
  EXPECT_NE(ended.text.find("a signal has ended the shrinking: --shrink with the plan goes on"), std::string::npos)
      << ended.text;
  FailureTeller patient(*setup, team.main(), clock_, {.plans = plans});
  const ToldFailure whole = patient.Tell(failed, "whole");
  EXPECT_EQ(whole.shrink_ended_by, "");
  EXPECT_GT(whole.shrink_runs, 6u);
  EXPECT_EQ(whole.text.find("for shrinking"), std::string::npos) << whole.text;
}

TEST_F(SimCampaignTest, AimingEndsWithinARun) {
  const auto setup = Setup("ringer", {.jobs_max = 20});
  const auto aim = [&](int looks_most, SimTotals* totals) {
    SimTeam team(*setup, &clock_, {.threads = 1});
    EXPECT_TRUE(team.Begin().ok());
    int looks = 0;
    return AimAtUnhit(*setup, team.main(), totals, [&] { return ++looks <= looks_most; });
  };
  SimTotals none, some, all;
  const Aimed nothing = aim(0, &none);
  EXPECT_TRUE(nothing.cut_short);
  EXPECT_EQ(nothing.plans, 0u);
  const Aimed few = aim(7, &some);
  EXPECT_TRUE(few.cut_short);
  EXPECT_EQ(few.plans, some.runs);
  EXPECT_GT(few.plans, 0u);
  EXPECT_LT(few.plans, 7u);
  const Aimed whole = aim(1'000'000, &all);
  EXPECT_FALSE(whole.cut_short);
  EXPECT_GT(whole.plans, 50u);
}

TEST(TooFewEffective, SeedsThatSomebodyNamesHaveToBeEffectiveToo) {
  SimTotals totals;
  totals.runs = 40;
  totals.effective = 1;
  EXPECT_EQ(
      TooFewEffective(totals, 500, /*named=*/true).find("only 1 of 40 seeds were effective, fewer than 2, one in"), 0u);
  EXPECT_EQ(TooFewEffective(totals, 500, /*named=*/false).find("only 1 of 40 seeds were effective within the budget"),
            0u);
  totals.effective = 2;
  EXPECT_EQ(TooFewEffective(totals, 500, /*named=*/true), "");
  EXPECT_EQ(TooFewEffective(totals, 2, /*named=*/false), "");
}

TEST(NotAllSeeds, SaysWhereToGoOn) {
  SimTotals totals;
  totals.runs = 1'200;
  const SeedShare whole{.first = 100, .count = 5'000};
  EXPECT_EQ(NotAllSeeds(totals, whole)
                .find("the time was over after 1,200 of the 5,000 seeds that MILLRACE_SEEDS asks "
                      "for: go on with MILLRACE_FIRST_SEED=1300 MILLRACE_SEEDS=3800, or"),
            0u);
  totals.runs = 5'000;
  EXPECT_EQ(NotAllSeeds(totals, whole), "");
  // Shards have every third: 101, 104, ….
  totals.runs = 2;
  const std::string of_shard = NotAllSeeds(totals, {.first = 100, .count = 10, .shards = 3, .shard = 1});
  EXPECT_EQ(
      of_shard.find("the time was over after 2 of the 3 seeds that MILLRACE_SEEDS asks this shard for: go on with "
                    "MILLRACE_FIRST_SEED=107 MILLRACE_SEEDS=3 (of all shards'"),
      0u)
      << of_shard;
}

TEST_F(SimCampaignTest, ATickEndsIt) {
  const auto setup = Setup("ringer");
  SimTeam team(*setup, &clock_, {.threads = 2});
  ASSERT_TRUE(team.Begin().ok());
  SeedPlans seeds(1, UINT64_MAX / 2);
  const SimTotals totals = team.Run(seeds, [](const SimTotals&, MonotonicTime) { return false; });
  EXPECT_TRUE(totals.stopped);
  EXPECT_LT(totals.runs, UINT64_MAX / 2);
}

TEST_F(SimCampaignTest, CrashPlansAreAllDifferentAndCrashOnly) {
  const auto setup = Setup("ringer", {.semantics = "log", .partitions_max = 2});
  SimTeam team(*setup, &clock_, {.threads = 2});
  ASSERT_TRUE(team.Begin().ok());
  CrashPlans plans(*setup, 1);
  const SimTotals totals = team.Run(plans, [](const SimTotals&, MonotonicTime) { return true; });
  EXPECT_GT(totals.runs, 50u);
  EXPECT_TRUE(plans.complete());
  EXPECT_GT(totals.effective, 0u);
  EXPECT_EQ(totals.fired.size(), 1u);
  for (const sim::SeedResult& failure : totals.failures) ADD_FAILURE() << failure.failure.text;
}

TEST_F(SimCampaignTest, CrashPlansThatAreCutShortAreNotComplete) {
  const auto setup = Setup("ringer", {.jobs_max = 20});
  SimTeam team(*setup, &clock_, {.threads = 1});
  ASSERT_TRUE(team.Begin().ok());
  CrashPlans plans(*setup, 20);
  team.Run(plans, [](const SimTotals&, MonotonicTime) { return false; });
  EXPECT_FALSE(plans.complete());
}

TEST_F(SimCampaignTest, APipelineWithoutStaticsHidesNothing) {
  const auto setup = Setup("ringer");
  const HiddenState hidden =
      FindHiddenStateOf(*setup, PlansForHiddenState(*setup, 1), {.path = testing::TempDir(), .in_replay = ""});
  EXPECT_FALSE(hidden.finding.has_value());
  EXPECT_EQ(hidden.problem, "");
}

TEST_F(SimCampaignTest, CommandsForReplaysAreExact) {
  SimScope scope{.jobs_max = 50, .partitions_max = 2, .faults = {"crash", "pause"}, .promises = {"no-loss"}};
  const auto setup = Setup("ringer", scope);
  const std::string start = "bells sim " + setup->scope().pipeline + " --partitions 2 --promises no-loss";
  EXPECT_EQ(setup->ReplayPlan("a b.plan"), start + " --plan 'a b.plan'");
  EXPECT_EQ(setup->ReplaySeed(7), start + " --jobs 50 --faults crash,pause --seed 7");
}

TEST_F(SimCampaignTest, AnInputThatNoBusTakesIsRefused) {
  last_bytes_ = 1'000'000;
  const absl::Status refused = Make("ringer", {}, "bell").status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_NE(refused.message().find("/ringer.textproto: input n39 of its sources: the job has 1,000,"),
            std::string::npos)
      << refused;
  EXPECT_NE(refused.message().find(" bytes with its key and headers, and a bus takes at most 1,000,000; "),
            std::string::npos)
      << refused;
  last_bytes_ = 990'000;
  EXPECT_TRUE(Make("ringer", {}, "bell").ok());
}

// A seed draws other plans for other numbers of jobs; a plan needs to be told only where it is that which chooses the inputs.
TEST_F(SimCampaignTest, CommandsForReplaysOfSeedsSayHowManyJobs) {
  const std::string lines = testing::TempDir() + "/lines.txt";
  std::ofstream(lines) << "one\ntwo\n";
  for (const uint32_t jobs : {100u, 500u, 501u, 600u}) {
    const std::string said = " --jobs " + std::to_string(jobs);
    const auto of_file = Setup("ringer", {.inputs = {lines}, .jobs_max = jobs});
    std::string start = "bells sim " + of_file->scope().pipeline;
    EXPECT_EQ(of_file->ReplaySeed(7), start + " --inputs " + lines + said + " --seed 7");
    EXPECT_EQ(of_file->ReplayPlan("a.plan"), start + " --inputs " + lines + " --plan a.plan");
    const auto of_sources = Setup("ringer", {.jobs_max = jobs});
    EXPECT_EQ(of_sources->ReplaySeed(7), start + said + " --seed 7");
    EXPECT_EQ(of_sources->ReplayPlan("a.plan"), start + (jobs > 500 ? said : "") + " --plan a.plan");
  }
  EXPECT_EQ(Setup("ringer")->ReplaySeed(7).find("--jobs"), std::string::npos) << "as many as where nobody says it";
}

TEST(ShellWord, QuotesWhatAShellWouldChange) {
  EXPECT_EQ(ShellWord("sim-failures/seed-17.plan"), "sim-failures/seed-17.plan");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("it's $HOME"), "'it'\\''s $HOME'");
}

TEST_F(SimCampaignTest, LastWordsSayWhichSeedRan) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto setup = Setup("ringer");
  EXPECT_DEATH(
      {
        SimTeam team(*setup, &clock_, {.threads = 1});
        (void)team.Begin();
        struct Dying final : PlanSource {
          std::optional<sim::SeedResult> RunNext(SimWorker& worker) override {
            class AtOnce final : public sim::FiringSink {
              void Fired(uint32_t, sim::ActionKind) override { std::abort(); }
            } sink;
            worker.simulator->options().firings = &sink;
            for (uint64_t seed = 17;; ++seed) worker.RunPlan(worker.campaign->PlanOf(seed), seed);
          }
          std::optional<uint64_t> count() const override { return std::nullopt; }
        } dying;
        team.Run(dying, [](const SimTotals&, MonotonicTime) { return true; });
      },
      "the process dies in seed 17; run it alone with\n  bells sim .* --seed 17");
}

TEST_F(SimCampaignTest, APlanThatLiesNowhereIsWrittenWhereItsRunDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto setup = Setup("ringer");
  sim::Plan plan = setup->CalmPlan(sim::Semantics::kLog, 3);
  plan.seed = 7;
  const PlanFolder plans{.path = testing::TempDir() + "/of/the/dead", .in_replay = "."};
  EXPECT_DEATH(
      {
        SimTeam team(*setup, &clock_, {.threads = 1, .plans = plans});
        (void)team.Begin();
        const LastWords words(team.main().BeginOwn(plan, "a smaller form of seed 7"));
        std::abort();
      },
      "the process dies in a smaller form of seed 7; run it alone with\n"
      "  bells sim .* --plan ./died-7.plan\nplan:    .*/of/the/dead/died-7.plan\n");
  const absl::StatusOr<sim::PlanFile> written = setup->ReadPlan(plans.PathOf("died-7"));
  ASSERT_TRUE(written.ok()) << written.status();
  plan.seed = 0;  // it is not what the seed gives
  EXPECT_EQ(written->plan, plan);
}

TEST_F(SimCampaignTest, APlanOfAFileIsNamedByItsFile) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto setup = Setup("ringer");
  EXPECT_DEATH(
      {
        SimTeam team(*setup, &clock_, {.threads = 1});
        (void)team.Begin();
        const LastWords words(team.main().Begin({.seed = 7}, "corpus/7.plan"));
        std::abort();
      },
      "the process dies in the plan corpus/7.plan; run it alone with\n  bells sim .* --plan corpus/7.plan\nno stage");
}

}  // namespace
}  // namespace millrace::ops
