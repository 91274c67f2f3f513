#include "sim/guard/stage_guard.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "bus/envelope.h"
#include "stages/context.h"

namespace millrace::sim {
namespace {

class NoClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  WallTime Wall() const override { return {}; }
};

using Body = std::function<absl::Status(stages::Context&, const bus::Message&, stages::Outputs&)>;

class FunctionStage final : public stages::Stage {
 public:
  explicit FunctionStage(Body body) : body_(std::move(body)) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    return body_(context, message, outputs);
  }

 private:
  const Body body_;
};

class FunctionBatchStage final : public stages::BatchStage {
 public:
  explicit FunctionBatchStage(Body body) : body_(std::move(body)) {}
  void Process(std::span<stages::BatchItem> batch) override {
    for (stages::BatchItem& item : batch) item.status = body_(item.context, item.message, item.outputs);
  }

 private:
  const Body body_;
};

class StageGuardTest : public testing::Test {
 protected:
  StageGuardTest() : pool_(4096), arena_(&pool_) {
    settings_.stage = "split";
    settings_.source = "/p/split";
    settings_.outputs = {{.name = "left", .topic = 0, .partitions = 8}, {.name = "right", .topic = 1, .partitions = 8}};
    input_.id = "job-1";
    input_.root = "root-1";
  }
  // One attempt of a guarded stage; `calls` counts what the stage saw.
  absl::Status Run(const Body& body, bool uses_ports = false) {
    GuardedStage stage("split", std::make_unique<FunctionStage>([&](auto& context, auto& message, auto& outputs) {
                         ++calls_;
                         return body(context, message, outputs);
                       }),
                       uses_ports, guard_);
    outputs_.Begin(message_, envelope_, "job-1");
    const absl::Status status = stage.Process(context_, message_, outputs_);
    EXPECT_EQ(StageMarker::Current(), nullptr);
    EXPECT_EQ(watch_.Now().call, 0u);
    return status;
  }
  std::vector<std::string> Bodies() {
    std::vector<std::string> bodies;
    for (size_t i = 0; i < outputs_.emitted(); ++i) bodies.emplace_back(outputs_.Emitted(i).body.value_or("none"));
    return bodies;
  }

  StageFindings findings_;
  StageWatch watch_;
  GuardContext guard_{.sink = &findings_, .watch = &watch_};
  int calls_ = 0;
  NoClock clock_;
  const Random random_{1};
  bus::SegmentPool pool_;
  stages::OutputArena arena_;
  stages::OutputSettings settings_;
  bus::Message message_{.key = "k", .body = "in"};
  bus::Envelope envelope_{.id = "job-1", .source = "/feed"};
  stages::Context::Input input_;
  stages::Context context_{input_, clock_, random_, 7, nullptr};
  stages::Outputs outputs_{settings_, arena_};
};

TEST_F(StageGuardTest, AFunctionOfItsMessageIsCalledTwiceAndNothingIsFound) {
  EXPECT_TRUE(Run([](stages::Context& context, const bus::Message& message, stages::Outputs& outputs) {
                absl::Status status = outputs.Emit({.to = "left", .body = *message.body, .name = "n"});
                status.Update(outputs.Emit({.body = std::to_string(context.RandomBits(1)), .type = "t"}));
                return status;
              }).ok());
  EXPECT_EQ(calls_, 2);
  EXPECT_EQ(outputs_.emitted(), 2u) << "the second call's outputs are not there";
  EXPECT_TRUE(findings_.all().empty());
  EXPECT_TRUE(findings_.not_checkable().empty());
}

TEST_F(StageGuardTest, ADifferenceNamesStageInputAndTheFirstDifferingPart) {
  int calls = 0;
  EXPECT_TRUE(Run([&](auto&, auto&, stages::Outputs& outputs) {
                absl::Status status = outputs.Emit({.to = "left", .body = "same"});
                status.Update(outputs.Emit({.to = "right",
                                            .body = "a long body so that only the middle of it is shown, number " +
                                                    std::to_string(++calls) + "\n and an end that is long as well",
                                            .name = "part"}));
                return status;
              }).ok());
  ASSERT_EQ(findings_.all().size(), 1u);
  const StageFinding finding = findings_.all()[0];
  EXPECT_EQ(finding.kind, StageFindingKind::kNotDeterministic);
  EXPECT_EQ(finding.stage, "split");
  EXPECT_EQ(finding.input, "job-1");
  EXPECT_EQ(finding.what, "the body of output 1 to right");
  EXPECT_NE(finding.first.find("number 1\\x0a and"), std::string::npos) << finding.first;
  EXPECT_NE(finding.second.find("number 2"), std::string::npos) << finding.second;
  EXPECT_EQ(
      finding.text.find("the stage split is not deterministic: called twice for input job-1, the body of output 1 "
                        "to right named part was \"…"),
      0u)
      << finding.text;
  EXPECT_EQ(Bodies()[1].substr(0, 53), "a long body so that only the middle of it is shown, n");
  EXPECT_NE(Bodies()[1].find("number 1"), std::string::npos) << "the first call's result counts";
}

TEST_F(StageGuardTest, EveryPartIsCompared) {
  struct Case {
    const char* what;
    stages::Emission first, second;
  };
  std::string block_storage;
  bus::HeaderBuilder headers(&block_storage);
  headers.Add("x", "1");
  const std::vector<Case> cases = {{"the destination of output 0 to left", {.to = "left"}, {.to = "right"}},
                                   {"the name of output 0 to left", {.name = "a"}, {.name = "b"}},
                                   {"the key of output 0 to left", {.key = "a"}, {}},
                                   {"the type of output 0 to left", {.type = "a"}, {.type = "b"}},
                                   {"the content type of output 0 to left", {.content_type = "a"}, {}},
                                   {"the subject of output 0 to left", {.subject = "a"}, {}},
                                   {"the headers of output 0 to left", {.headers = headers.View()}, {}},
                                   {"the body of output 0 to left", {.body = ""}, {}}};
  for (const Case& c : cases) {
    findings_.Clear();
    int calls = 0;
    EXPECT_TRUE(Run([&](auto&, auto&, stages::Outputs& outputs) {
                  return outputs.Emit(++calls == 1 ? c.first : c.second);
                }).ok());
    ASSERT_EQ(findings_.all().size(), 1u) << c.what;
    EXPECT_EQ(findings_.all()[0].what, c.what);
  }
}

TEST_F(StageGuardTest, NumbersReasonsAndStatusesAreCompared) {
  int calls = 0;
  EXPECT_TRUE(Run([&](auto&, auto&, stages::Outputs& outputs) {
                return ++calls == 1 ? outputs.Emit({.body = "x"}) : absl::OkStatus();
              }).ok());
  EXPECT_EQ(findings_.all().at(0).what, "the number of outputs");
  EXPECT_TRUE(Run([&](auto&, auto&, stages::Outputs& outputs) {
                outputs.Drop(std::to_string(++calls));
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(findings_.all().at(1).what, "the reason for emitting nothing");
  EXPECT_EQ(Run([&](auto&, auto&, auto&) { return absl::InternalError(std::to_string(++calls)); }).message(), "5");
  EXPECT_EQ(findings_.all().at(2).what, "its status");
  EXPECT_EQ(findings_.all().at(2).second, "INTERNAL: 6");
  EXPECT_EQ(findings_.count(findings_.all().at(2)), 1u);
}

TEST_F(StageGuardTest, OutputsOfAFailedAttemptDoNotMatter) {
  int calls = 0;
  EXPECT_FALSE(Run([&](auto&, auto&, stages::Outputs& outputs) {
                 outputs.Emit({.body = std::to_string(++calls)}).IgnoreError();
                 return absl::InternalError("always");
               }).ok());
  EXPECT_TRUE(findings_.all().empty());
}

TEST_F(StageGuardTest, WhatIsThrownInTheFirstCallIsThrownAndInTheSecondIsADifference) {
  const auto thrower = [](auto&, auto&, auto&) -> absl::Status { throw std::runtime_error("bad"); };
  EXPECT_THROW(Run(thrower).IgnoreError(), std::runtime_error);
  EXPECT_EQ(calls_, 2);
  EXPECT_TRUE(findings_.all().empty()) << "twice the same";
  EXPECT_EQ(StageMarker::Current(), nullptr);

  int calls = 0;
  EXPECT_TRUE(Run([&](auto&, auto&, auto&) -> absl::Status {
                if (++calls == 2) throw 5;
                return absl::OkStatus();
              }).ok());
  ASSERT_EQ(findings_.all().size(), 1u);
  EXPECT_EQ(findings_.all()[0].first, "OK");
  EXPECT_EQ(findings_.all()[0].second, "UNKNOWN: threw something that is no std::exception");
}

// As a world would have it.
void CallPort(const std::string& id, uint64_t digest, bool repeat, bool refused = false) {
  StageCall* const call = StageMarker::Pause();
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(StageMarker::Current(), nullptr);
  if (call->ports != nullptr) {
    call->ports->effects.push_back({"store", id, digest, repeat});
    call->ports->refused = call->ports->refused || refused;
  }
  StageMarker::Restore(call);
  EXPECT_EQ(StageMarker::Current(), call);
}

TEST_F(StageGuardTest, StagesWithPortsAreCalledOnce) {
  EXPECT_TRUE(Run([](auto&, auto&, auto&) { return absl::OkStatus(); }, true).ok());
  EXPECT_EQ(calls_, 1);
  // One that uses a port without having said so.
  EXPECT_TRUE(Run([](auto&, auto&, auto&) {
                CallPort("a", 1, false);
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(calls_, 2);
  ASSERT_EQ(findings_.not_checkable().size(), 1u);
  EXPECT_EQ(findings_.not_checkable()[0].first, "split");
}

TEST_F(StageGuardTest, WhereNobodyJudgesStagesWithPortsAreCalledTwiceAndTheirEffectsCompared) {
  std::set<std::string> compared;
  guard_.ports_twice = true;
  guard_.compared = &compared;
  const auto puts = [&](uint64_t second_digest, bool refused = false) {
    return [this, second_digest, refused](auto&, auto&, stages::Outputs& outputs) {
      const bool second = calls_ % 2 == 0;
      CallPort("a", second ? second_digest : 1, second, refused);
      return outputs.Emit({.body = refused && second ? "other" : "same"});
    };
  };
  EXPECT_TRUE(Run(puts(1), true).ok());
  EXPECT_EQ(calls_, 2);
  EXPECT_TRUE(compared.contains("split"));
  EXPECT_TRUE(Run(puts(1, /*refused=*/true), true).ok());
  EXPECT_TRUE(findings_.all().empty()) << "what follows from another answer is not the stage's doing";
  EXPECT_TRUE(Run(puts(2), true).ok());
  ASSERT_EQ(findings_.all().size(), 1u);
  EXPECT_EQ(findings_.all()[0].what, "the effect on port store under that id");
  EXPECT_EQ(findings_.all()[0].input, "a");
  EXPECT_EQ(findings_.all()[0].first, "0000000000000001");
  EXPECT_EQ(findings_.all()[0].second, "0000000000000002");
}

TEST_F(StageGuardTest, TheWatchAndTheMarkerKnowWhatRuns) {
  EXPECT_TRUE(Run([&](auto&, auto&, auto&) {
                EXPECT_EQ(StageMarker::Current()->stage, "split");
                EXPECT_EQ(StageMarker::Current()->input, "job-1");
                const StageWatch::Running running = watch_.Now();
                EXPECT_EQ(running.stage, "split");
                EXPECT_EQ(running.input, "job-1");
                EXPECT_EQ(running.job, "root-1");
                EXPECT_EQ(running.call, static_cast<uint64_t>(calls_));
                StageMarker::Report(StageFindingKind::kSleep, "sleep", 3);
                StageMarker::Report(StageFindingKind::kSleep, "sleep", 3);
                StageMarker::Report(StageFindingKind::kRealClock, "time", 4);
                return absl::OkStatus();
              }).ok());
  StageMarker::Report(StageFindingKind::kSleep, "usleep", 5);
  ASSERT_EQ(findings_.all().size(), 2u) << "nothing outside of stages";
  EXPECT_EQ(findings_.all()[0].what, "sleep");
  EXPECT_EQ(findings_.all()[0].input, "job-1");
  EXPECT_EQ(findings_.count(findings_.all()[0]), 1u) << "once for each attempt";
  EXPECT_EQ(findings_.all()[1].text,
            "stage split reads the real clock: call context.now(), of the Context that Process is given (time, for "
            "input job-1)");
}

TEST_F(StageGuardTest, BatchesAreComparedMessageByMessage) {
  int calls = 0;
  GuardedBatchStage stage("batch",
                          std::make_unique<FunctionBatchStage>(
                              [&](stages::Context& context, const bus::Message& message, stages::Outputs& outputs) {
                                ++calls;
                                if (context.id() == "bad") return absl::InvalidArgumentError("bad");
                                const std::string body(*message.body);
                                return outputs.Emit({.body = context.id() == "odd" ? std::to_string(calls) : body});
                              }),
                          /*uses_ports=*/false, guard_);
  const std::vector<std::string> ids = {"fine", "bad", "odd"};
  std::vector<stages::Context::Input> inputs(3);
  std::vector<std::unique_ptr<stages::Context>> contexts;
  std::vector<std::unique_ptr<stages::Outputs>> outputs;
  std::vector<stages::BatchItem> items;
  for (size_t i = 0; i < 3; ++i) {
    inputs[i].id = ids[i];
    contexts.push_back(std::make_unique<stages::Context>(inputs[i], clock_, random_, i, nullptr));
    outputs.push_back(std::make_unique<stages::Outputs>(settings_, arena_));
    outputs.back()->Begin(message_, envelope_, ids[i]);
    items.push_back({*contexts[i], message_, *outputs[i], absl::UnknownError("not set")});
  }
  stage.Process(items);
  EXPECT_EQ(calls, 6);
  EXPECT_TRUE(items[0].status.ok());
  EXPECT_EQ(items[1].status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(outputs[2]->Emitted(0).body, "3");
  ASSERT_EQ(findings_.all().size(), 1u);
  EXPECT_EQ(findings_.all()[0].input, "odd");
  EXPECT_EQ(findings_.all()[0].stage, "batch");
}

TEST_F(StageGuardTest, WhoUsesPortsIsCalledOnce) {
  GuardedStage stage("x", std::make_unique<FunctionStage>([&](auto&, auto&, auto&) {
                       ++calls_;
                       return absl::OkStatus();
                     }),
                     /*uses_ports=*/true, guard_);
  outputs_.Begin(message_, envelope_, "job-1");
  EXPECT_TRUE(stage.Process(context_, message_, outputs_).ok());
  EXPECT_EQ(calls_, 1);
}

}  // namespace
}  // namespace millrace::sim
