// The oracle leaves what a run without faults leaves, whatever stages do: fail, throw, refuse, drop, split, park.
#include "sim/oracle.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/digest.h"
#include "sim/campaign.h"
#include "sim/checker.h"
#include "sim/draw.h"
#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "sim/testing/ledger_port.h"
#include "sim/testing/oracle_check.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"
#include "stages/stage.h"

namespace millrace::sim {
namespace {

// What a stage does with a message is in its id.
absl::Status Mood(stages::Context& context, const bus::Message& message, stages::Outputs& outputs,
                  std::map<std::string, int>& seen) {
  const std::string id(context.id());
  switch (bus::Digest64(id) % 11) {
    case 0:
      return absl::InvalidArgumentError("never");
    case 1:
      if (context.attempt() < 3) return absl::InternalError("not yet");
      break;
    case 2:
      return absl::InternalError("not at all");
    case 3:
      throw std::runtime_error("oh");
    case 4:
      if (++seen[id] < 3) return absl::UnavailableError("shut");
      break;
    case 5:
      outputs.Drop("of no use");
      return absl::OkStatus();
    case 6: {
      absl::Status first = outputs.Emit({.body = message.body, .name = "copy"});
      first.Update(outputs.Emit({.key = "other", .body = "moved"}));
      first.Update(outputs.Emit({.to = "side", .body = message.body}));
      return first;
    }
    default:
      break;
  }
  const std::string body = std::string(message.body.value_or("")) + "!";
  return outputs.Emit({.body = body});
}

class MoodyStage final : public stages::Stage {
 public:
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    return Mood(context, message, outputs, seen_);
  }

 private:
  std::map<std::string, int> seen_;
};

class MoodyBatch final : public stages::BatchStage {
 public:
  void Process(std::span<stages::BatchItem> batch) override {
    for (stages::BatchItem& item : batch) item.status = Mood(item.context, item.message, item.outputs, seen_);
  }

 private:
  std::map<std::string, int> seen_;
};

constexpr char kTopics[] = R"(
  name: "moods"
  receipts: "receipts"
  topic { name: "in" partitions: 3 }
  topic { name: "mid" partitions: 2 }
  topic { name: "side" partitions: 2 }
  topic { name: "out" partitions: 2 }
  topic { name: "dead" dead_letter: true }
  topic { name: "receipts" }
  source { name: "jobs" kind: "jobs" topic: "in" option { key: "count" value: "200" } option { key: "keys" value: "15" } }
)";

const CheckResult& ResultOf(const Outcome& outcome, std::string_view promise) {
  const auto checkers = AllCheckers();
  size_t at = 0;
  while (checkers[at]->name != promise) ++at;
  return outcome.verdicts.results[at];
}

class OracleTest : public ::testing::Test {
 protected:
  OracleTest() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    EXPECT_TRUE(AddLedger(registry_).ok());
    EXPECT_TRUE(registry_
                    .AddStage({.kind = "moody",
                               .summary = "has its moods",
                               .outputs = {"main", "side"},
                               .make = [](const auto&) { return std::make_unique<MoodyStage>(); }})
                    .ok());
    EXPECT_TRUE(registry_
                    .AddStage({.kind = "moody.batch",
                               .summary = "has its moods",
                               .outputs = {"main", "side"},
                               .make_batch = [](const auto&) { return std::make_unique<MoodyBatch>(); }})
                    .ok());
  }

  void Open(const std::string& stages) {
    const stages::PipelineFile file = stages::PipelineFile::Parse("moods", kTopics + stages);
    auto resolved = stages::Resolve(file.pipeline());
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    auto subject = Subject::Make(*std::move(resolved), registry_, {});
    ASSERT_TRUE(subject.ok()) << subject.status();
    subject_ = *std::move(subject);
    std::vector<Input> inputs = *subject_.ReadSources(200);
    // Some without a key.
    for (size_t i = 0; i < inputs.size(); i += 7) inputs[i].key.reset();
    subject_.SetInputs(std::move(inputs));
    simulator_ = *Simulator::Make(subject_);
  }

  void ExpectSame(uint64_t seeds) {
    size_t lines = 0, dead = 0;
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      const Plan plan = Draw(seed, FactsOf(subject_));
      std::vector<uint32_t> left_out;
      for (const Job& job : plan.jobs) {
        if (seed % 3 == 0 && job.id % 5 == 0) left_out.push_back(job.id);
      }
      const OracleCheck check = CheckOracle(subject_, *simulator_, plan, left_out);
      ASSERT_TRUE(check.carried) << "seed " << seed << ": " << check.text;
      ASSERT_TRUE(check.same) << "seed " << seed << ": " << check.text;
      lines += check.lines;
      dead += check.dead_letters;
    }
    EXPECT_GT(lines, seeds * 5);
    EXPECT_GT(dead, seeds);
  }

  // Why the oracle says nothing of a plan with all jobs; empty: it does.
  std::string Refused() {
    Plan plan;
    plan.salt = 3;
    for (uint32_t i = 0; i < 40; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 1'000'000});
    const OracleCheck check = CheckOracle(subject_, *simulator_, plan, {});
    EXPECT_TRUE(!check.carried || check.same) << check.text;
    return check.carried ? "" : check.text;
  }

  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
};

// Behind each other, with a topic that two stages read, a batch and a port.
constexpr char kMoods[] = R"(
  stage { name: "first" kind: "moody" input: "in" dead_letter: "dead"
          output { name: "main" topic: "mid" } output { name: "side" topic: "side" } }
  stage { name: "second" kind: "moody.batch" input: "mid" dead_letter: "dead" batch: 8
          output { name: "main" topic: "out" } output { name: "side" topic: "side" } }
  stage { name: "keep" kind: "ledger.put" input: "mid" dead_letter: "dead" }
  stage { name: "also" kind: "ledger.put" input: "side" dead_letter: "dead" }
  port { name: "ledger" kind: "ledger" }
)";

TEST_F(OracleTest, StagesWithMoods) {
  Open(kMoods);
  ExpectSame(150);
}

TEST_F(OracleTest, StagesThatParkKeys) {
  for (const char* kind : {"moody", "moody.batch"}) {
    Open(std::string(R"(stage { name: "first" input: "in" dead_letter: "dead" batch: 4 after_dead_letter: PARK_KEY
                                output { name: "main" topic: "mid" } output { name: "side" topic: "side" } kind: ")") +
         kind + "\"}");
    ExpectSame(100);
  }
}

TEST_F(OracleTest, JudgesUseIt) {
  Open(kMoods);
  subject_.SetInputs(*subject_.ReadSources(200));
  uint64_t faulty = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Outcome outcome = simulator_->Judge(Draw(seed, FactsOf(subject_)));
    EXPECT_FALSE(outcome.verdicts.failed()) << "seed " << seed << ": " << outcome.verdicts.first()->text;
    faulty += outcome.compared_with == ComparedWith::kOracle ? 1 : 0;
    EXPECT_NE(outcome.compared_with, ComparedWith::kFaultlessRun);
  }
  EXPECT_GT(faulty, 5u);
}

// ---------------------------------------------------------------- what it leaves to a real run

constexpr char kPassOn[] =
    R"(stage { name: "pass" kind: "relay" input: "in" dead_letter: "dead" output { topic: "out" } )";

TEST_F(OracleTest, AttemptsThatMayRunOutOfTime) {
  Open(std::string(kPassOn) + "attempt_timeout_ms: 100 }");
  EXPECT_EQ(Refused(), "an attempt may run out of time");
  Open(std::string(kPassOn) + "attempt_timeout_ms: 1000 }");
  EXPECT_EQ(Refused(), "");
  Open(std::string(kPassOn) + "attempt_timeout_ms: 100 batch: 8 }");
  EXPECT_EQ(Refused(), "");
  // A port takes time too.
  const std::string put = R"(stage { name: "keep" kind: "ledger.put" input: "in" dead_letter: "dead" batch: 20 )";
  const std::string port = R"(port { name: "ledger" kind: "ledger" })";
  Open(put + "attempt_timeout_ms: 100 }" + port);
  EXPECT_EQ(Refused(), "an attempt may run out of time");
  Open(put + "attempt_timeout_ms: 200 }" + port);
  EXPECT_EQ(Refused(), "");
}

TEST_F(OracleTest, StagesInACycle) {
  Open(std::string(kPassOn) +
       R"(} stage { name: "back" kind: "relay" input: "out" dead_letter: "dead" output { topic: "in" } })");
  EXPECT_EQ(Refused(), "the stages form a cycle");
}

TEST_F(OracleTest, AStageThatReadsDeadLetters) {
  const std::string again =
      R"(stage { name: "again" kind: "relay" input: "dead" dead_letter: "side" output { topic: "out" } })";
  Open(std::string(kPassOn) + "}" + again);
  EXPECT_EQ(Refused(), "") << "there is none to read";
  Open(R"(stage { name: "first" kind: "moody" input: "in" dead_letter: "dead"
                  output { name: "main" topic: "mid" } output { name: "side" topic: "side" } })" +
       again);
  EXPECT_EQ(Refused(), "a stage reads what another could not do");
}

// Which messages of a key come behind its dead letter is a matter of luck where they descend from several keys.
TEST_F(OracleTest, KeysParkedBehindAnotherStage) {
  const auto with = [](const char* after) {
    return std::string(R"(
      stage { name: "first" kind: "moody" input: "in" dead_letter: "dead"
              output { name: "main" topic: "mid" } output { name: "side" topic: "side" } }
      stage { name: "second" kind: "moody" input: "mid" dead_letter: "dead"
              output { name: "main" topic: "out" } output { name: "side" topic: "side" } after_dead_letter: )") +
           after + "}";
  };
  Open(with("PARK_KEY"));
  EXPECT_EQ(Refused(), "a key is parked behind another stage");
  Open(with("CONTINUE"));
  EXPECT_EQ(Refused(), "");
}

TEST_F(OracleTest, DeadLettersThatAreCut) {
  Open(R"(stage { name: "first" kind: "moody" input: "in" dead_letter: "dead"
                  output { name: "main" topic: "mid" } output { name: "side" topic: "side" } })");
  std::vector<Input> inputs = subject_.inputs();
  for (Input& input : inputs) {
    if (bus::Digest64(input.id) % 11 == 0) input.body.assign(995'000, 'x');
  }
  subject_.SetInputs(std::move(inputs));
  EXPECT_EQ(Refused(), "a dead letter is cut to what the broker takes");
}

TEST_F(OracleTest, WhatIsNeverAvailable) {
  class Shut final : public stages::Stage {
    absl::Status Process(stages::Context&, const bus::Message&, stages::Outputs&) override {
      return absl::UnavailableError("shut");
    }
  };
  EXPECT_TRUE(
      registry_
          .AddStage(
              {.kind = "shut", .summary = "never works", .make = [](const auto&) { return std::make_unique<Shut>(); }})
          .ok());
  Open(R"(stage { name: "shut" kind: "shut" input: "in" dead_letter: "dead" })");
  EXPECT_EQ(Refused(), "a stage finds something unavailable for ever");
}

TEST_F(OracleTest, ThenTheFaultlessRunIsIt) {
  Open(std::string(kPassOn) + "attempt_timeout_ms: 100 }");
  Plan plan;
  plan.salt = 3;
  for (uint32_t i = 0; i < 40; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 1'000'000});
  plan.faults.push_back({.id = 1, .kind = "crash", .trigger = {.at_ns = 20'000'000}, .target = 0});
  const Outcome outcome = simulator_->Judge(plan);
  EXPECT_EQ(outcome.compared_with, ComparedWith::kFaultlessRun);
  EXPECT_FALSE(outcome.verdicts.failed()) << outcome.verdicts.first()->text;
  plan.faults.clear();
  // The run without faults is this one: compared with itself it would pass whatever it has left.
  const Outcome calm = simulator_->Judge(plan);
  EXPECT_EQ(calm.compared_with, ComparedWith::kNothing);
  for (const char* promise : {"final-state", "unjustified-dead-letter"}) {
    const CheckResult& result = ResultOf(calm, promise);
    EXPECT_EQ(result.verdict, Verdict::kNotCheckable) << promise;
    EXPECT_NE(result.why.find("an attempt may run out of time"), std::string::npos) << result.why;
  }
}

}  // namespace
}  // namespace millrace::sim
