#include "sim/simulator.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/example/one_stage.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

class SimulatorTest : public ::testing::Test {
 protected:
  SimulatorTest() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    const auto file = stages::PipelineFile::Load("sim/example/one_stage.textproto");
    EXPECT_TRUE(file.ok()) << file.status();
    const auto resolved = stages::Resolve(file->pipeline());
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    auto subject = Subject::Make(*resolved, registry_, {});
    EXPECT_TRUE(subject.ok()) << subject.status();
    subject_ = *std::move(subject);
    subject_.SetInputs(*subject_.ReadSources(200));
    simulator_ = *Simulator::Make(subject_);
  }
  static Plan PlanOf(Semantics semantics, uint32_t jobs) {
    Plan plan;
    plan.salt = 7;
    plan.semantics = semantics;
    for (uint32_t i = 0; i < jobs; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 5'000'000});
    return plan;
  }
  static std::string Explain(const Outcome& outcome) {
    std::string text;
    for (const CheckResult& result : outcome.verdicts.results) {
      for (const Finding& finding : result.findings) text += std::string(finding.promise) + ": " + finding.text + "\n";
    }
    return text;
  }

  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
};

TEST_F(SimulatorTest, WithoutFaultsEverythingArrives) {
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    const Plan plan = PlanOf(semantics, 50);
    const Outcome outcome = simulator_->Judge(plan);
    EXPECT_FALSE(outcome.verdicts.failed()) << Explain(outcome);
    EXPECT_EQ(outcome.history.final_state.size(), 20u) << "one line a key";
    EXPECT_FALSE(outcome.effective);
  }
}

TEST_F(SimulatorTest, CrashesLoseNothing) {
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    Plan plan = PlanOf(semantics, 100);
    for (uint32_t i = 0; i < 8; ++i) {
      plan.faults.push_back({.id = i,
                             .kind = "crash",
                             .trigger = {.kind = TriggerKind::kAtTime, .at_ns = 30'000'000 + int64_t{i} * 60'000'000},
                             .target = static_cast<int32_t>(i % 2)});
    }
    const Outcome outcome = simulator_->Judge(plan);
    EXPECT_FALSE(outcome.verdicts.failed()) << Explain(outcome);
    EXPECT_TRUE(outcome.effective);
  }
}

// Within the time between two polls a stuck process keeps what it has; a process that stands still altogether does not.
TEST_F(SimulatorTest, HeartbeatsGoOnWhileALoopIsStuck) {
  for (const char* kind : {"poll-stuck", "pause"}) {
    SCOPED_TRACE(kind);
    Plan plan = PlanOf(Semantics::kLog, 100);
    plan.faults.push_back({.id = 0, .kind = kind, .trigger = {.at_ns = 50'000'000}, .duration_ns = 12'000'000'000});
    plan.faults.back().target = 0;
    const Outcome outcome = simulator_->Judge(plan);
    EXPECT_FALSE(outcome.verdicts.failed()) << Explain(outcome);
    const auto moved = std::count_if(
        outcome.history.records.begin(), outcome.history.records.end(),
        [](const Record& r) { return r.kind == Kind::kMoved && r.at_ns > 1'000'000'000 && r.at_ns < 12'000'000'000; });
    if (std::string_view(kind) == "pause") {
      EXPECT_GT(moved, 0);
    } else {
      EXPECT_EQ(moved, 0);
    }
  }
}

TEST_F(SimulatorTest, WhatAProducerKeepsBackGoesWithTheProcess) {
  Plan plan = PlanOf(Semantics::kLog, 60);
  plan.timing.linger_ns = 100'000'000;
  for (uint32_t i = 0; i < 6; ++i) {
    plan.faults.push_back({.id = i,
                           .kind = "crash",
                           .trigger = {.kind = TriggerKind::kAfterAction, .process = i % 2, .count = 10 + 7 * i}});
  }
  const Outcome outcome = simulator_->Judge(plan);
  EXPECT_FALSE(outcome.verdicts.failed()) << Explain(outcome);
  const auto count = [&](Kind kind) {
    return std::count_if(outcome.history.records.begin(), outcome.history.records.end(),
                         [&](const Record& r) { return r.kind == kind && r.process != kNoProcess; });
  };
  EXPECT_LT(count(Kind::kAppended), count(Kind::kPublish)) << "some never left";
}

TEST_F(SimulatorTest, ARunIsAFunctionOfItsPlan) {
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    const Plan plan = PlanOf(semantics, 50);
    const History first = simulator_->Run(plan);
    const History second = simulator_->Run(plan);
    EXPECT_EQ(first.schedule_hash, second.schedule_hash);
    EXPECT_EQ(first.content_hash, second.content_hash);
    Plan other = plan;
    other.salt = 8;
    EXPECT_NE(simulator_->Run(other).schedule_hash, first.schedule_hash);
  }
}

}  // namespace
}  // namespace millrace::sim
