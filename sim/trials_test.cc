// An input that kills its process, in one stage, and innocent ones in another stage of the same process: whatever the
// timing, only the killers end as dead letters. On logs: queues keep no notes (decision 0003).
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "bus/random.h"
#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr std::string_view kPipeline = R"(
name: "two"
topic { name: "in" partitions: 3 }
topic { name: "middle" partitions: 3 }
topic { name: "out" partitions: 2 }
topic { name: "dead" dead_letter: true }
source {
  name: "jobs" kind: "jobs" topic: "in"
  option { key: "count" value: "30" }
  option { key: "keys" value: "10" }
}
stage { name: "first" kind: "relay" input: "in" output { topic: "middle" } dead_letter: "dead" concurrency: 2 }
stage { name: "second" kind: "relay" input: "middle" output { topic: "out" } dead_letter: "dead" concurrency: 2 }
)";
constexpr uint64_t kSeeds = 400;

class TrialsTest : public ::testing::Test {
 protected:
  TrialsTest() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    const auto resolved = stages::Resolve(stages::PipelineFile::Parse("two.textproto", kPipeline).pipeline());
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    auto subject = Subject::Make(*resolved, registry_, {});
    EXPECT_TRUE(subject.ok()) << subject.status();
    subject_ = *std::move(subject);
    subject_.SetInputs(*subject_.ReadSources(30));
    simulator_ = *Simulator::Make(subject_);
  }

  // Attempts of up to seconds, so that trials of both stages meet; killers in one or both of the stages.
  static Plan PlanOf(uint64_t seed) {
    const Random random(seed);
    Plan plan;
    plan.salt = seed;
    plan.processes = 1 + static_cast<uint32_t>(random.Below(1, {}, 2));
    plan.timing.service_max_ns = 1'500'000'000;
    for (uint32_t i = 0; i < 30; ++i)
      plan.jobs.push_back({.id = i, .input = i, .at_ns = static_cast<int64_t>(random.Below(2, {i}, 20'000'000'000))});
    std::sort(plan.jobs.begin(), plan.jobs.end(), [](const Job& a, const Job& b) { return a.at_ns < b.at_ns; });
    for (uint32_t i = 0; i < plan.jobs.size(); ++i) plan.jobs[i].id = i;
    const auto killers = static_cast<uint32_t>(1 + random.Below(3, {}, 3));
    for (uint32_t i = 0; i < killers; ++i) {
      plan.faults.push_back({.id = i,
                             .kind = "stage-kill",
                             .target = random.Below(4, {i}, 4) == 0 ? 0 : 1,
                             .part = static_cast<int32_t>(random.Below(5, {i}, 30))});
    }
    return plan;
  }

  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
};

TEST_F(TrialsTest, AKillerInOneStageCostsNoMessageOfAnother) {
  uint64_t effective = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Outcome outcome = simulator_->Judge(PlanOf(seed));
    effective += outcome.effective ? 1 : 0;
    for (const CheckResult& result : outcome.verdicts.results) {
      for (const Finding& finding : result.findings)
        ADD_FAILURE() << "seed " << seed << ": " << finding.promise << ": " << finding.text;
    }
  }
  EXPECT_GT(effective, kSeeds / 2);
}

}  // namespace
}  // namespace millrace::sim
