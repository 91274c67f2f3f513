#include "ops/sim_campaign.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>

#include "ops/sim_hidden.h"
#include "ops/sim_plans.h"
#include "ops/system_clock.h"
#include "stages/port_world.h"

namespace millrace::ops {
namespace {

int64_t RealNow() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// An outside system whose stand-in reads the machine's clock: that is nobody's fault.
class Bell final : public stages::Port {
 public:
  explicit Bell(stages::PortWorld* world) : world_(world) {}
  absl::Status Ring(std::string_view id) {
    if (absl::Status s = world_->Enter("ring"); !s.ok()) return s;
    if (RealNow() == 0) return absl::InternalError("no time");
    world_->Effect({.id = id, .repeat = !rung_.emplace(id).second});
    return world_->Leave();
  }

 private:
  stages::PortWorld* const world_;
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
  absl::Status Seek(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<bool> Read(size_t, stages::SourceSink& sink) override {
    for (int i = 0; i < 40; ++i) {
      const std::string id = "n" + std::to_string(i), key = "k" + std::to_string(i % 5);
      sink.Add({.id = id, .key = key, .body = id, .position = id});
    }
    return false;
  }
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

class SimCampaignTest : public testing::Test {
 protected:
  SimCampaignTest() {
    EXPECT_TRUE(registry_
                    .AddSource({.kind = "numbers",
                                .summary = "forty",
                                .make = [](const auto&) { return std::make_unique<Numbers>(); }})
                    .ok());
    EXPECT_TRUE(registry_.AddStage(RingerKind<false>("ringer")).ok());
    EXPECT_TRUE(registry_.AddStage(RingerKind<true>("timed-ringer")).ok());
    EXPECT_TRUE(
        registry_
            .AddPort({.kind = "bell",
                      .summary = "rings",
                      .make = [](const stages::PortConfig&) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
                        return absl::UnimplementedError("there is none");
                      },
                      .make_simulated = [](const stages::PortConfig&, stages::PortWorld* world)
                          -> absl::StatusOr<std::unique_ptr<stages::Port>> { return std::make_unique<Bell>(world); }})
            .ok());
    program_.name = program_.binary = "bells";
    program_.registry = &registry_;
  }

  std::unique_ptr<SimSetup> Setup(const std::string& kind, SimScope scope = {}) {
    scope.pipeline = testing::TempDir() + "/" + kind + ".textproto";
    std::ofstream(scope.pipeline) << "name: \"bells\"\n"
                                     "topic { name: \"in\" partitions: 2 }\n"
                                     "topic { name: \"dead\" dead_letter: true }\n"
                                     "source { name: \"numbers\" kind: \"numbers\" topic: \"in\" }\n"
                                     "port { name: \"bell\" kind: \"bell\" }\n"
                                     "stage { name: \"ring\" kind: \"" +
                                         kind + "\" input: \"in\" dead_letter: \"dead\" }\n";
    absl::StatusOr<std::unique_ptr<SimSetup>> setup = SimSetup::Make(program_, std::move(scope), std::cerr);
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
  EXPECT_GT(totals.effective, 0u);
  EXPECT_EQ(totals.fired.size(), 1u);
  for (const sim::SeedResult& failure : totals.failures) ADD_FAILURE() << failure.failure.text;
}

TEST_F(SimCampaignTest, APipelineWithoutStaticsHidesNothing) {
  const auto setup = Setup("ringer");
  const HiddenState hidden = FindHiddenStateOf(*setup, PlansForHiddenState(*setup, 1));
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
            class AtOnce final : public sim::StrikeSink {
              void Struck(uint32_t, sim::ActionKind) override { std::abort(); }
            } sink;
            worker.simulator->options().strikes = &sink;
            for (uint64_t seed = 17;; ++seed) worker.RunPlan(worker.campaign->PlanOf(seed), seed);
          }
          std::optional<uint64_t> count() const override { return std::nullopt; }
        } dying;
        team.Run(dying, [](const SimTotals&, MonotonicTime) { return true; });
      },
      "the process dies in seed 17; run it alone with\n  bells sim .* --seed 17");
}

}  // namespace
}  // namespace millrace::ops
