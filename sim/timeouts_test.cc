// Attempts that run out of time, in the simulator: the late result is thrown away and the message tried again; past the grace
// its partitions are somebody else's.
#include <gtest/gtest.h>

#include <memory>

#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr char kPipeline[] = R"(
  name: "timed"
  topic { name: "in" partitions: 1 }
  topic { name: "out" partitions: 1 }
  topic { name: "dead" dead_letter: true }
  source { name: "jobs" kind: "jobs" topic: "in" option { key: "count" value: "10" } option { key: "keys" value: "10" } }
  stage { name: "relay" kind: "relay" input: "in" output { topic: "out" } dead_letter: "dead"
          attempt_timeout_ms: 100 timeout_grace_ms: 300 }
)";

class TimeoutsTest : public ::testing::TestWithParam<Semantics> {
 protected:
  TimeoutsTest() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    const stages::PipelineFile file = stages::PipelineFile::Parse("timed", kPipeline);
    auto made = Subject::Make(*stages::Resolve(file.pipeline()), registry_, {});
    EXPECT_TRUE(made.ok()) << made.status();
    subject_ = *std::move(made);
    subject_.SetInputs(*subject_.ReadSources(10, 10));
    simulator_ = *Simulator::Make(subject_);
  }

  // Two processes and ten jobs, on the third of which the stage takes so much longer, so many times.
  Outcome Run(int64_t longer_ns, int64_t attempts) {
    Plan plan;
    plan.salt = 3;
    plan.semantics = GetParam();
    for (uint32_t i = 0; i < 10; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 5'000'000});
    plan.faults.push_back({.id = 1,
                           .kind = "stage-slow",
                           .trigger = {.kind = TriggerKind::kAtTime, .at_ns = 0},
                           .target = 0,
                           .part = 3,
                           .duration_ns = longer_ns,
                           .amount = attempts});
    Outcome outcome = simulator_->Judge(plan);
    EXPECT_FALSE(outcome.verdicts.failed()) << outcome.verdicts.first()->text;
    return outcome;
  }

  // Of the job that is slow, in the order of the records.
  static size_t Count(const History& history, Kind kind, uint32_t message) {
    size_t count = 0;
    for (const Record& r : history.records) count += r.kind == kind && r.message == message ? 1 : 0;
    return count;
  }

  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
};

TEST_P(TimeoutsTest, ALateResultIsThrownAwayAndTheMessageTriedAgain) {
  const Outcome outcome = Run(200'000'000, 1);
  const History& history = outcome.history;
  const uint32_t slow = history.jobs[3].message;
  EXPECT_EQ(Count(history, Kind::kAttempt, slow), 2u);
  EXPECT_EQ(Count(history, Kind::kSettle, slow), 1u);
  EXPECT_EQ(outcome.settled, 10u);
  size_t outputs = 0, publishes = 0;
  for (const Record& r : history.records) {
    if (r.message == kNoMessage || history.messages[r.message].job != 3) continue;
    outputs += r.kind == Kind::kOutput ? 1 : 0;
    publishes += r.kind == Kind::kPublish ? 1 : 0;
  }
  EXPECT_EQ(outputs, 2u);
  EXPECT_EQ(publishes, 1u) << "what came late was published";
}

TEST_P(TimeoutsTest, PastTheGraceThePartitionIsGivenUp) {
  const Outcome outcome = Run(20'000'000'000, 1);
  const History& history = outcome.history;
  const uint32_t slow = history.jobs[3].message;
  uint32_t dispatched = kNoMessage, released = kNoMessage, returned = kNoMessage;
  for (uint32_t at = 0; at < history.records.size(); ++at) {
    const Record& r = history.records[at];
    if (r.kind == Kind::kDispatch && r.message == slow && dispatched == kNoMessage) dispatched = at;
    if (r.kind == Kind::kReleased && dispatched != kNoMessage && released == kNoMessage) released = at;
    if (r.kind == Kind::kAttempt && r.message == slow && r.process == history.records[dispatched].process)
      returned = returned == kNoMessage ? at : returned;
  }
  ASSERT_NE(released, kNoMessage);
  EXPECT_LT(released, returned) << "the partition is given up while the attempt runs";
  EXPECT_LT(history.records[released].at_ns, 2'000'000'000);
  EXPECT_EQ(outcome.settled, 10u);
}

TEST_P(TimeoutsTest, WhatIsAlwaysTooSlowIsADeadLetter) {
  const Outcome outcome = Run(200'000'000, 50);
  EXPECT_EQ(outcome.dead_lettered, 1u);
  EXPECT_EQ(outcome.settled, 9u);
}

INSTANTIATE_TEST_SUITE_P(Semantics, TimeoutsTest, ::testing::Values(Semantics::kLog, Semantics::kQueue),
                         [](const auto& info) { return info.param == Semantics::kLog ? "log" : "queue"; });

}  // namespace
}  // namespace millrace::sim
