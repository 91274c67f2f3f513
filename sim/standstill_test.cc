// A run that never comes to rest says how: in one nothing moves any more, in the other work goes on and nothing comes of it.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "bus/message.h"
#include "sim/checker.h"
#include "sim/example/one_stage.h"
#include "sim/plan.h"
#include "sim/run_options.h"
#include "sim/simulator.h"
#include "sim/subject.h"
#include "stages/attempt_runner.h"
#include "stages/executor.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"
#include "stages/stage.h"

namespace millrace::sim {
namespace {

constexpr char kPipeline[] = R"(
  name: "still"
  topic { name: "in" partitions: 2 }
  topic { name: "out" }
  topic { name: "dead" dead_letter: true }
  source { name: "jobs" kind: "jobs" topic: "in" option { key: "count" value: "10" } option { key: "keys" value: "5" } }
  stage { name: "first" input: "in" output { topic: "out" } dead_letter: "dead" kind: )";

class Shut final : public stages::Stage {
  absl::Status Process(stages::Context&, const bus::Message&, stages::Outputs&) override {
    return absl::UnavailableError("shut");
  }
};

// Attempts run, and nobody hears how they ended.
class Silent final : public ExecutorShell {
 public:
  void Wrap(std::unique_ptr<stages::Executor> inner) override { inner_ = std::move(inner); }
  void Dispatch(stages::AttemptGroup* group) override { inner_->Dispatch(group); }
  stages::AttemptProgress::Reading Progress(const stages::AttemptGroup&) const override { return {}; }
  absl::Status Stop(MonotonicTime deadline) override { return inner_->Stop(deadline); }
  void Report(stages::AttemptGroup*, uint32_t, uint32_t) override {}

 private:
  std::unique_ptr<stages::Executor> inner_;
};

class StandstillTest : public ::testing::Test {
 protected:
  StandstillTest() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    EXPECT_TRUE(registry_
                    .AddStage({.kind = "shut",
                               .summary = "never works",
                               .make = [](const auto&) { return std::make_unique<Shut>(); }})
                    .ok());
  }

  // What liveness says first of a run without faults.
  Finding Judge(const std::string& kind, Semantics semantics, RunOptions options) {
    const stages::PipelineFile file = stages::PipelineFile::Parse("still", kPipeline + ("\"" + kind + "\" }"));
    auto subject = Subject::Make(*stages::Resolve(file.pipeline()), registry_, {});
    EXPECT_TRUE(subject.ok()) << subject.status();
    subject->SetInputs(*subject->ReadSources(10));
    Plan plan;
    plan.salt = 5;
    plan.semantics = semantics;
    for (uint32_t i = 0; i < 10; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 1'000'000});
    auto simulator = *Simulator::Make(*subject, std::move(options));
    const Outcome outcome = simulator->Judge(plan);
    for (const CheckResult& result : outcome.verdicts.results) {
      for (const Finding& finding : result.findings) {
        if (finding.promise == "liveness") return finding;
      }
    }
    return {};
  }

  stages::Registry registry_;
};

TEST_F(StandstillTest, WhatIsTriedForEverIsALivelock) {
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    const Finding finding = Judge("shut", semantics, {});
    EXPECT_EQ(finding.signature, "livelock");
    EXPECT_TRUE(finding.text.starts_with("work goes on and nothing comes of it: ")) << finding.text;
  }
}

TEST_F(StandstillTest, WhatWaitsForEverIsADeadlock) {
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    RunOptions options;
    options.shell = [](stages::AttemptReporter*) { return std::make_unique<Silent>(); };
    const Finding finding = Judge("relay", semantics, std::move(options));
    EXPECT_EQ(finding.signature, "deadlock");
    EXPECT_TRUE(finding.text.starts_with("nothing moves any more: ")) << finding.text;
  }
}

}  // namespace
}  // namespace millrace::sim
