// A run in which no fault fires can break what a run without faults must leave, and is told so.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bus/message.h"
#include "sim/checker.h"
#include "sim/example/one_stage.h"
#include "sim/plan.h"
#include "sim/simulator.h"
#include "sim/subject.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"
#include "stages/stage.h"

namespace millrace::sim {
namespace {

constexpr char kPipeline[] = R"(
  name: "calm"
  topic { name: "in" partitions: 3 }
  topic { name: "out" }
  topic { name: "dead" dead_letter: true }
  source { name: "jobs" kind: "jobs" topic: "in" option { key: "count" value: "40" } option { key: "keys" value: "15" } }
  stage { name: "first" input: "in" output { topic: "out" } dead_letter: "dead" kind: )";

// Does something else with what comes first, so that it matters which process, and which object, does the work.
class FirstOnly final : public stages::Stage {
 public:
  explicit FirstOnly(bool refuses) : refuses_(refuses) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    const bool first = !std::exchange(seen_, true);
    if (first && refuses_) return absl::InvalidArgumentError("the first is refused");
    const std::string body(message.body.value_or(""));
    return outputs.Emit({.body = first ? body + " first" : body});
  }

 private:
  const bool refuses_;
  bool seen_ = false;
};

class CalmTest : public ::testing::Test {
 protected:
  CalmTest() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    for (const bool refuses : {false, true}) {
      EXPECT_TRUE(registry_
                      .AddStage({.kind = refuses ? "first.refused" : "first.marked",
                                 .summary = "does something else with what comes first",
                                 .make = [refuses](const auto&) { return std::make_unique<FirstOnly>(refuses); }})
                      .ok());
    }
  }

  // What is said of a promise in a run of that stage without faults.
  CheckResult Judge(const std::string& kind, Semantics semantics, std::string_view promise) {
    const stages::PipelineFile file = stages::PipelineFile::Parse("calm", kPipeline + ("\"" + kind + "\" }"));
    auto subject = Subject::Make(*stages::Resolve(file.pipeline()), registry_, {});
    EXPECT_TRUE(subject.ok()) << subject.status();
    subject->SetInputs(*subject->ReadSources(40));
    Plan plan;
    plan.salt = 3;
    plan.semantics = semantics;
    for (uint32_t i = 0; i < 40; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 1'000'000});
    auto simulator = *Simulator::Make(*subject);
    const Outcome outcome = simulator->Judge(plan);
    EXPECT_EQ(outcome.compared_with, ComparedWith::kOracle);
    const auto checkers = AllCheckers();
    for (size_t i = 0; i < checkers.size(); ++i) {
      if (checkers[i]->name == promise) return outcome.verdicts.results[i];
    }
    ADD_FAILURE() << "no checker " << promise;
    return {};
  }

  stages::Registry registry_;
};

constexpr Semantics kBoth[] = {Semantics::kLog, Semantics::kQueue};

TEST_F(CalmTest, WhatIsLeftIsCompared) {
  for (const Semantics semantics : kBoth) {
    EXPECT_EQ(Judge("relay", semantics, "final-state").verdict, Verdict::kPass);
    const CheckResult result = Judge("first.marked", semantics, "final-state");
    ASSERT_EQ(result.verdict, Verdict::kFail);
    EXPECT_NE(result.findings[0].text.find("by the stages alone"), std::string::npos) << result.findings[0].text;
  }
}

TEST_F(CalmTest, DeadLettersAreCompared) {
  for (const Semantics semantics : kBoth) {
    const CheckResult result = Judge("first.refused", semantics, "unjustified-dead-letter");
    ASSERT_EQ(result.verdict, Verdict::kFail);
    EXPECT_NE(result.findings[0].text.find("by the stages alone"), std::string::npos) << result.findings[0].text;
  }
}

}  // namespace
}  // namespace millrace::sim
