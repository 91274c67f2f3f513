// What is found out about stages that use ports, whose calls in judged runs are made once.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "bus/digest.h"
#include "ops/sim_campaign.h"
#include "ops/sim_hidden.h"
#include "ops/system_clock.h"
#include "stages/port_world.h"

namespace millrace::ops {
namespace {

// Keeps a text by id; the first stays. What it tells of an effect may leave the text out.
class Shelf final : public stages::Port, public stages::PortState {
 public:
  Shelf(stages::PortWorld* world, bool tells) : world_(world), tells_(tells) {}
  absl::Status Put(std::string_view id, const std::string& text) {
    if (absl::Status s = world_->Enter("put"); !s.ok()) return s;
    const bool fresh = texts_.emplace(id, text).second;
    world_->Effect({.id = id, .digest = tells_ ? bus::Digest64(text) : 0, .repeat = !fresh});
    return world_->Leave();
  }
  void ForEachState(const std::function<void(std::string_view key, std::string_view state)>& callback) override {
    for (const auto& [id, text] : texts_) callback(id, text);
  }

 private:
  stages::PortWorld* const world_;
  const bool tells_;
  std::map<std::string, std::string, std::less<>> texts_;
};

int objects_so_far = 0;  // what a stage should not have

class Putter final : public stages::Stage {
 public:
  enum class Kind { kWell, kCounts, kNumbered, kStranger };
  Putter(Shelf* shelf, Kind kind) : shelf_(shelf), kind_(kind), number_(++objects_so_far) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs&) override {
    std::string text(message.body.value_or(""));
    std::string id(context.id());
    ++calls_;
    if (kind_ == Kind::kCounts) text += ", call " + std::to_string(calls_);
    if (kind_ == Kind::kNumbered && context.id() == "n7") text += " of object " + std::to_string(number_);
    if (kind_ == Kind::kStranger) id += "/" + std::to_string(calls_);
    return shelf_->Put(id, text);
  }

 private:
  Shelf* const shelf_;
  const Kind kind_;
  const int number_;
  int calls_ = 0;
};

class Numbers final : public stages::Source {
 public:
  absl::Status Seek(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<bool> Read(size_t, stages::SourceSink& sink) override {
    for (int i = 0; i < 20; ++i) {
      const std::string id = "n" + std::to_string(i);
      sink.Add({.id = id, .key = id, .body = "text of " + id, .position = id});
    }
    return false;
  }
};

class SimSinksTest : public testing::Test {
 protected:
  SimSinksTest() {
    EXPECT_TRUE(registry_
                    .AddSource({.kind = "numbers",
                                .summary = "twenty",
                                .make = [](const auto&) { return std::make_unique<Numbers>(); }})
                    .ok());
    using Kind = Putter::Kind;
    for (const auto& [name, kind] : std::map<std::string, Kind>{{"well", Kind::kWell},
                                                                {"counts", Kind::kCounts},
                                                                {"numbered", Kind::kNumbered},
                                                                {"stranger", Kind::kStranger}}) {
      EXPECT_TRUE(registry_
                      .AddStage({.kind = name,
                                 .summary = "puts",
                                 .ports = {"shelf"},
                                 .sink = true,
                                 .make = [kind = kind](const stages::StageConfig& config)
                                     -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
                                   return std::make_unique<Putter>(config.ports->Find<Shelf>("shelf"), kind);
                                 }})
                      .ok());
    }
    for (const bool tells : {true, false}) {
      EXPECT_TRUE(registry_
                      .AddPort({.kind = tells ? "open" : "secret",
                                .summary = "keeps",
                                .make = [](const stages::PortConfig&) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
                                  return absl::UnimplementedError("there is none");
                                },
                                .make_simulated = [tells](const stages::PortConfig&, stages::PortWorld* world)
                                    -> absl::StatusOr<std::unique_ptr<stages::Port>> {
                                  return std::make_unique<Shelf>(world, tells);
                                }})
                      .ok());
    }
    program_.name = program_.binary = "shelves";
    program_.registry = &registry_;
  }

  std::unique_ptr<SimSetup> Setup(const std::string& kind, const std::string& port = "open") {
    SimScope scope;
    scope.pipeline = testing::TempDir() + "/" + kind + port + ".textproto";
    std::ofstream(scope.pipeline) << "name: \"shelves\"\n"
                                     "topic { name: \"in\" partitions: 2 }\n"
                                     "topic { name: \"dead\" dead_letter: true }\n"
                                     "source { name: \"numbers\" kind: \"numbers\" topic: \"in\" }\n"
                                     "port { name: \"shelf\" kind: \"" +
                                         port +
                                         "\" }\n"
                                         "stage { name: \"put\" kind: \"" +
                                         kind + "\" input: \"in\" dead_letter: \"dead\" }\n";
    absl::StatusOr<std::unique_ptr<SimSetup>> setup = SimSetup::Make(program_, std::move(scope), std::cerr);
    EXPECT_TRUE(setup.ok()) << setup.status();
    return setup.ok() ? *std::move(setup) : nullptr;
  }

  std::vector<sim::StageFinding> Rehearsed(const SimSetup& setup) {
    SimTeam team(setup, &clock_, {.threads = 1});
    EXPECT_TRUE(team.Begin().ok());
    team.Rehearse(PlansForHiddenState(setup, 1));
    EXPECT_TRUE(team.findings().not_checkable().empty());
    return team.findings().all();
  }

  const SystemClock clock_;
  stages::Registry registry_;
  Program program_;
};

TEST_F(SimSinksTest, OfASinkThatIsWellNothingIsFound) {
  for (const char* port : {"open", "secret"}) {
    const auto setup = Setup("well", port);
    for (const sim::StageFinding& finding : Rehearsed(*setup)) ADD_FAILURE() << finding.text;
    EXPECT_FALSE(
        FindHiddenStateOf(*setup, PlansForHiddenState(*setup, 1), {.path = testing::TempDir(), .in_replay = ""})
            .finding.has_value());
  }
}

TEST_F(SimSinksTest, ASinkThatWritesSomethingElseTheSecondTimeIsNamed) {
  const std::vector<sim::StageFinding> found = Rehearsed(*Setup("counts"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, sim::StageFindingKind::kNotDeterministic);
  EXPECT_EQ(found[0].stage, "put");
  EXPECT_EQ(found[0].input[0], 'n');
  EXPECT_EQ(found[0].what, "the effect on port shelf under that id");
  EXPECT_NE(found[0].first, found[0].second);
}

TEST_F(SimSinksTest, ASinkThatWritesUnderAnotherIdTheSecondTimeIsNamed) {
  const std::vector<sim::StageFinding> found = Rehearsed(*Setup("stranger"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].stage, "put");
  EXPECT_EQ(found[0].first, "none");
}

TEST_F(SimSinksTest, WhatTwoRunsOfOnePlanMakeDifferentIsFound) {
  const std::vector<sim::StageFinding> found = Rehearsed(*Setup("numbered"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, sim::StageFindingKind::kNotDeterministic);
  EXPECT_EQ(found[0].stage, "put");
  EXPECT_EQ(found[0].input, "n7");
  EXPECT_EQ(found[0].what, "the effect on port shelf");
}

TEST_F(SimSinksTest, WhatIsKeptCountsAsWellAsWhatIsTold) {
  const std::vector<sim::StageFinding> found = Rehearsed(*Setup("numbered", "secret"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].stage, "put");
  EXPECT_EQ(found[0].what, "what port:shelf keeps under n7");
  EXPECT_NE(found[0].text.find("text of n7 of object "), std::string::npos) << found[0].text;
}

TEST_F(SimSinksTest, HiddenStateNamesStageInputAndFirstDifference) {
  const auto setup = Setup("numbered");
  const HiddenState hidden =
      FindHiddenStateOf(*setup, PlansForHiddenState(*setup, 1), {.path = testing::TempDir(), .in_replay = ""});
  ASSERT_TRUE(hidden.finding.has_value()) << hidden.problem;
  EXPECT_EQ(hidden.finding->kind, sim::StageFindingKind::kStaticState);
  EXPECT_EQ(hidden.finding->stage, "put");
  EXPECT_EQ(hidden.finding->input, "n7");
  EXPECT_EQ(hidden.finding->what, "the effect on port shelf");
  EXPECT_NE(hidden.finding->text.find("in a fresh process, and "), std::string::npos) << hidden.finding->text;
}

TEST_F(SimSinksTest, AStageThatIsNeverCalledIsNotChecked) {
  const auto setup = Setup("well");
  SimTeam team(*setup, &clock_, {.threads = 1});
  ASSERT_TRUE(team.Begin().ok());
  team.Rehearse({});
  ASSERT_EQ(team.findings().not_checkable().size(), 1u);
  EXPECT_EQ(team.findings().not_checkable()[0].first, "put");
}

TEST_F(SimSinksTest, WhatPortsAnswerAndTakeIsInTheHistory) {
  const auto setup = Setup("well");
  SimTeam team(*setup, &clock_, {.threads = 1});
  ASSERT_TRUE(team.Begin().ok());
  sim::Plan plan = setup->CalmPlan(sim::Semantics::kLog, 20);
  const auto refusals = [&](const char* kind) {
    plan.faults = {{.id = 1,
                    .kind = kind,
                    .trigger = {.kind = sim::TriggerKind::kAtTime, .at_ns = 1'000'000},
                    .target = 0,
                    .duration_ns = 5'000'000'000,
                    .amount = 3}};
    std::vector<sim::Record> found;
    for (const sim::Record& record : team.main().simulator->Run(plan).records) {
      if (record.kind == sim::Kind::kRefused) found.push_back(record);
    }
    return found;
  };
  for (const auto& [kind, done] : std::map<const char*, uint32_t>{{"port-outage", 0}, {"port-unanswered", 1}}) {
    const std::vector<sim::Record> found = refusals(kind);
    ASSERT_FALSE(found.empty()) << kind;
    for (const sim::Record& record : found) {
      EXPECT_EQ(record.count, done) << kind;
      EXPECT_EQ(record.value, static_cast<uint64_t>(absl::StatusCode::kUnavailable));
      EXPECT_NE(record.message, sim::kNoMessage);
      EXPECT_NE(record.process, sim::kNoProcess);
    }
  }
  EXPECT_TRUE(refusals("crash").empty());

  // The same schedule with other effects is another content.
  plan.faults.clear();
  const sim::History well = team.main().simulator->Run(plan);
  const auto numbered = Setup("numbered");
  SimTeam other(*numbered, &clock_, {.threads = 1});
  ASSERT_TRUE(other.Begin().ok());
  const sim::History first = other.main().simulator->Run(plan), second = other.main().simulator->Run(plan);
  EXPECT_EQ(first.schedule_hash, second.schedule_hash);
  EXPECT_NE(first.content_hash, second.content_hash);
  EXPECT_EQ(well.schedule_hash, first.schedule_hash);
}

}  // namespace
}  // namespace millrace::ops
