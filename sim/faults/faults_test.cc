#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bus/random.h"
#include "sim/fault.h"
#include "sim/faults/drawing.h"
#include "sim/faults/rolling.h"
#include "sim/testing/example_topology.h"
#include "sim/testing/fake_surface.h"

namespace millrace::sim {
namespace {

constexpr FakeSurface::Size kSize = {.processes = 3, .topics = 4, .stages = 3, .ports = 1};
constexpr FakeSurface::Size kNothing = {};

class FaultsTest : public ::testing::Test {
 protected:
  FaultScene Scene(Semantics semantics) {
    Topology& topology = semantics == Semantics::kQueue ? queue_ : log_;
    return {.topology = &topology,
            .semantics = semantics,
            .processes = 3,
            .job_ids = {2, 3, 5, 7, 11},
            .busy_ns = 2 * kSecond,
            .timing = &timing_,
            .new_version = true};
  }
  Fault Drawn(const FaultType& type, const FaultScene& scene, uint64_t salt) {
    const Random random(salt);
    Fault fault = {.id = 4, .kind = std::string(type.name)};
    FaultDraw draw(random, fault.id, scene);
    type.draw(draw, fault);
    return fault;
  }
  // For any scene in which it applies.
  std::optional<Fault> DrawnSomewhere(const FaultType& type, uint64_t salt) {
    for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
      const FaultScene scene = Scene(semantics);
      if (type.applies(scene)) return Drawn(type, scene, salt);
    }
    return std::nullopt;
  }

  Topology log_ = ExampleTopology(false);
  Topology queue_ = ExampleTopology(true);
  Timing timing_;
};

TEST_F(FaultsTest, NamesAreUniqueAndFound) {
  const std::set<std::string_view> targets = {"process", "stage", "topic", "job", "port", "none"};
  std::set<std::string_view> names;
  for (const FaultType* type : AllFaults()) {
    EXPECT_TRUE(names.insert(type->name).second) << type->name;
    EXPECT_EQ(FindFault(type->name), type);
    EXPECT_FALSE(type->summary.empty()) << type->name;
    // The very words of the contract: the world, plan errors and shrinking go by them.
    EXPECT_TRUE(targets.contains(type->target)) << type->name << ": " << type->target;
  }
  EXPECT_EQ(names.size(), 34u);
  EXPECT_EQ(FindFault("no-such-fault"), nullptr);
}

// What each does to the world, in the words of the fake, and nothing else.
TEST_F(FaultsTest, FiresItsVerb) {
  const std::map<std::string, std::vector<std::string>> verbs = {
      {"crash", {"Crash"}},
      {"pause", {"Pause"}},
      {"net-delay", {"Delay"}},
      {"net-loss", {"Lose"}},
      {"net-partition", {"Cut"}},
      {"net-half-open", {"HalfOpen"}},
      {"net-reset", {"Reset"}},
      {"rebalance-join", {"Join"}},
      {"rebalance-leave", {"Stop"}},
      {"rebalance-storm", {"Stop", "Join"}},
      {"coordinator-moved", {"SetCoordinator"}},
      {"broker-restart", {"StopBroker"}},
      {"broker-stop", {"StopBroker"}},
      {"publish-nack", {"Refuse"}},
      {"publish-returned", {"Unbind"}},
      {"publish-unknown", {"LoseConfirms"}},
      {"alarm", {"SetAlarm"}},
      {"retention", {"Destroy"}},
      {"queue-deleted", {"DeleteQueue"}},
      {"demote", {"Demote"}},
      {"duplicate-delivery", {"Redeliver"}},
      {"confirms-scattered", {"ScatterConfirms"}},
      {"stage-slow", {"Misbehave"}},
      {"stage-failing", {"Misbehave"}},
      {"stage-throwing", {"Misbehave"}},
      {"stage-poison", {"Misbehave"}},
      {"stage-kill", {"Misbehave"}},
      {"port-outage", {"PortOutage"}},
      {"port-slow", {"PortSlow"}},
      {"port-unanswered", {"PortUnanswered"}},
      {"wall-jump", {"JumpWall"}},
      {"rolling-deployment", {"Stop"}},
      {"new-version", {"NewVersion", "Stop"}},
      {"poll-stuck", {"Stick"}},
  };
  for (const FaultType* type : AllFaults()) {
    SCOPED_TRACE(type->name);
    ASSERT_TRUE(verbs.contains(std::string(type->name)));
    const std::vector<std::string>& allowed = verbs.at(std::string(type->name));
    for (uint64_t salt = 0; salt < 50; ++salt) {
      const std::optional<Fault> fault = DrawnSomewhere(*type, salt);
      ASSERT_TRUE(fault.has_value());
      FakeSurface surface(kSize);
      ASSERT_TRUE(type->fire(surface, *fault));
      ASSERT_FALSE(surface.calls().empty());
      for (const std::string& call : surface.calls()) {
        EXPECT_NE(std::find(allowed.begin(), allowed.end(), call.substr(0, call.find(' '))), allowed.end()) << call;
      }
    }
  }
}

TEST_F(FaultsTest, HealingPutsTheWorldRight) {
  for (const FaultType* type : AllFaults()) {
    SCOPED_TRACE(type->name);
    for (uint64_t salt = 0; salt < 50; ++salt) {
      const Fault fault = *DrawnSomewhere(*type, salt);
      FakeSurface surface(kSize);
      ASSERT_TRUE(type->fire(surface, fault));
      if (type->heal == nullptr) {
        EXPECT_TRUE(surface.Wrong().empty()) << "it does not heal by itself";
        continue;
      }
      EXPECT_FALSE(surface.Wrong().empty()) << "there was nothing to heal";
      EXPECT_GT(fault.duration_ns, 0);
      type->heal(surface, fault);
      EXPECT_TRUE(surface.Wrong().empty()) << surface.Wrong().front();
      // Healing twice is harmless.
      type->heal(surface, fault);
      EXPECT_TRUE(surface.Wrong().empty());
    }
  }
}

TEST_F(FaultsTest, WhatIsNotThereIsNotStruck) {
  static constexpr std::array kWorldWide = {"coordinator-moved", "broker-restart", "broker-stop", "alarm",
                                            "confirms-scattered"};
  for (const FaultType* type : AllFaults()) {
    SCOPED_TRACE(type->name);
    if (std::find(kWorldWide.begin(), kWorldWide.end(), type->name) != kWorldWide.end()) continue;
    for (const int32_t target : {-1, 0, 99, 70'000}) {
      const Fault fault = {.id = 1,
                           .kind = std::string(type->name),
                           .trigger = {.process = 99},
                           .target = target,
                           .part = 1,
                           .duration_ns = kMillisecond,
                           .amount = 1};
      FakeSurface surface(kNothing);
      EXPECT_FALSE(type->fire(surface, fault)) << target;
      EXPECT_TRUE(surface.calls().empty()) << target;
      if (type->heal != nullptr) type->heal(surface, fault);
      EXPECT_TRUE(surface.calls().empty()) << target;
    }
  }
}

TEST_F(FaultsTest, AppliesBySemantics) {
  const std::set<std::string_view> logs = {"coordinator-moved", "retention", "duplicate-delivery"};
  const std::set<std::string_view> queues = {"publish-returned", "alarm", "queue-deleted", "demote",
                                             "confirms-scattered"};
  for (const FaultType* type : AllFaults()) {
    EXPECT_EQ(type->applies(Scene(Semantics::kLog)), !queues.contains(type->name)) << type->name;
    EXPECT_EQ(type->applies(Scene(Semantics::kQueue)), !logs.contains(type->name)) << type->name;
  }
}

TEST_F(FaultsTest, AppliesByWhatThereIs) {
  const Topology nothing;
  for (const FaultType* type : AllFaults()) {
    FaultScene scene = Scene(Semantics::kLog);
    if (!type->applies(scene)) scene = Scene(Semantics::kQueue);
    ASSERT_TRUE(type->applies(scene)) << type->name;
    FaultScene other = scene;
    other.job_ids.clear();
    EXPECT_EQ(type->applies(other), !type->name.starts_with("stage-")) << type->name;
    other = scene;
    other.new_version = false;
    EXPECT_EQ(type->applies(other), type->name != "new-version") << type->name;
    Topology no_ports = *scene.topology;
    no_ports.ports.clear();
    other = scene;
    other.topology = &no_ports;
    EXPECT_EQ(type->applies(other), !type->name.starts_with("port-")) << type->name;
    // What strikes the broker or groups as such needs neither processes nor stages; the rest does.
    other = scene;
    other.processes = 0;
    other.topology = &nothing;
    const bool broad = type->name == "coordinator-moved" || type->name == "alarm" || type->name == "confirms-scattered";
    EXPECT_EQ(type->applies(other), broad) << type->name;
  }
}

TEST_F(FaultsTest, DrawsStayWithinTheScene) {
  for (const FaultType* type : AllFaults()) {
    SCOPED_TRACE(type->name);
    for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
      const FaultScene scene = Scene(semantics);
      if (!type->applies(scene)) continue;
      std::set<int32_t> targets;
      for (uint64_t salt = 0; salt < 1000; ++salt) {
        const Fault fault = Drawn(*type, scene, salt);
        targets.insert(fault.target);
        EXPECT_GE(fault.duration_ns, 0);
        EXPECT_EQ(fault.duration_ns % kMillisecond, 0);
        EXPECT_LE(fault.duration_ns, 120 * kSecond);
        EXPECT_GE(fault.trigger.at_ns, 0);
        EXPECT_LE(fault.trigger.at_ns, scene.busy_ns);
        EXPECT_LT(fault.trigger.process, scene.processes);
        EXPECT_GE(fault.trigger.count, 1u);
        if (fault.trigger.kind == TriggerKind::kAtJob) {
          EXPECT_NE(std::find(scene.job_ids.begin(), scene.job_ids.end(), fault.trigger.job), scene.job_ids.end());
        }
        if (type->target == "stage") {
          ASSERT_GE(fault.target, 0);
          ASSERT_LT(static_cast<size_t>(fault.target), scene.topology->stages.size());
        }
        if (type->name == "demote") {
          EXPECT_NE(fault.target, 1) << "price reads an unordered topic";
        }
        if (type->name == "queue-deleted" && fault.target == 1) {
          EXPECT_EQ(fault.part, 0) << "an unordered topic has one queue";
        }
        if (type->name == "retention") {
          EXPECT_NE(fault.target, 3) << "dead letters are kept";
        }
        if (type->name == "wall-jump" || type->name == "publish-nack") {
          EXPECT_NE(fault.amount, 0);
        }
      }
      if (type->target == "process" && type->name != "rolling-deployment" && type->name != "new-version") {
        EXPECT_TRUE(targets.contains(-1) && targets.contains(0) && targets.contains(2));
        EXPECT_EQ(targets.contains(kFeedTarget), MayStrikeFeed(type->name));
      }
    }
  }
}

TEST_F(FaultsTest, ADrawIsAFunctionOfSaltAndId) {
  const FaultScene scene = Scene(Semantics::kLog);
  const FaultType& crash = *FindFault("crash");
  std::set<int64_t> times;
  for (uint64_t salt = 0; salt < 100; ++salt) {
    const Fault fault = Drawn(crash, scene, salt);
    EXPECT_EQ(fault, Drawn(crash, scene, salt));
    times.insert(fault.trigger.at_ns * 1000 + fault.trigger.count);
  }
  EXPECT_GT(times.size(), 60u);
}

TEST_F(FaultsTest, AnyTriggerKnowsAllKinds) {
  const FaultScene scene = Scene(Semantics::kLog);
  std::map<TriggerKind, int> kinds;
  std::map<ActionKind, int> actions;
  int after = 0;
  for (uint32_t id = 0; id < 1000; ++id) {
    const Random random(1);
    FaultDraw draw(random, id, scene);
    const Trigger trigger = draw.Any(2);
    ++kinds[trigger.kind];
    if (trigger.kind == TriggerKind::kAtJob) ++actions[trigger.action];
    if (trigger.kind == TriggerKind::kInPort) {
      EXPECT_EQ(trigger.process, 2u);
      after += trigger.after;
    }
  }
  EXPECT_EQ(kinds.size(), 4u);
  for (const auto& [kind, count] : kinds) EXPECT_GT(count, 150) << static_cast<int>(kind);
  EXPECT_EQ(actions.size(), 4u);
  EXPECT_GT(after, 50);
}

TEST_F(FaultsTest, PausesGoBeyondTheSessionAndFallShortOfIt) {
  int longer = 0, shorter = 0;
  for (uint64_t salt = 0; salt < 1000; ++salt) {
    (DrawnSomewhere(*FindFault("pause"), salt)->duration_ns > timing_.session_timeout_ns ? longer : shorter)++;
  }
  EXPECT_GT(longer, 600);
  EXPECT_GT(shorter, 100);
}

TEST_F(FaultsTest, LoopsAreStuckBeyondTheTimeBetweenPollsAndForLess) {
  int longer = 0, shorter = 0;
  for (uint64_t salt = 0; salt < 1000; ++salt) {
    (DrawnSomewhere(*FindFault("poll-stuck"), salt)->duration_ns > timing_.max_poll_interval_ns ? longer : shorter)++;
  }
  EXPECT_GT(longer, 250);
  EXPECT_GT(shorter, 500);
}

TEST_F(FaultsTest, CrashComesBackAsItSays) {
  const FaultType& crash = *FindFault("crash");
  FakeSurface surface(kSize);
  Fault fault = {.kind = "crash", .trigger = {.process = 1}};
  EXPECT_TRUE(crash.fire(surface, fault));
  fault.target = 2;
  fault.duration_ns = 7;
  EXPECT_TRUE(crash.fire(surface, fault));
  fault.amount = 1;
  EXPECT_TRUE(crash.fire(surface, fault));
  EXPECT_EQ(surface.calls(), (std::vector<std::string>{"Crash 1 500000000", "Crash 2 7", "Crash 2 -1"}));
}

TEST_F(FaultsTest, PartitionsCutTheWayTheySay) {
  const FaultType& partition = *FindFault("net-partition");
  FakeSurface surface(kSize);
  Fault fault = {.kind = "net-partition", .target = 0, .duration_ns = 1};
  for (const int32_t part : {-1, 0, 1, 2}) {
    fault.part = part;
    EXPECT_TRUE(partition.fire(surface, fault));
  }
  fault.target = kFeedTarget;
  EXPECT_TRUE(partition.fire(surface, fault));
  EXPECT_EQ(surface.calls(),
            (std::vector<std::string>{"Cut 0 1 1", "Cut 0 1 1", "Cut 0 1 0", "Cut 0 0 1", "Cut 4294967295 0 1"}));
}

TEST_F(FaultsTest, AStormTakesEachProcessOnceAndStaggersReturns) {
  const FaultType& storm = *FindFault("rebalance-storm");
  FakeSurface surface(kSize);
  const Fault fault = {.kind = "rebalance-storm", .target = 2, .part = 1, .duration_ns = 10, .amount = 99};
  EXPECT_TRUE(storm.fire(surface, fault));
  EXPECT_EQ(surface.calls(), (std::vector<std::string>{"Stop 2 10", "Stop 0 20", "Stop 1 30", "Join 2"}));
}

TEST_F(FaultsTest, ARollingDeploymentIsAFaultForEachProcess) {
  const FaultScene scene = Scene(Semantics::kQueue);
  for (const char* name : {"rolling-deployment", "new-version"}) {
    const Fault drawn = Drawn(*FindFault(name), scene, 1);
    const std::vector<Fault> faults = ExpandRolling(scene, drawn);
    ASSERT_EQ(faults.size(), 3u);
    for (uint32_t i = 0; i < 3; ++i) {
      EXPECT_EQ(faults[i].id, drawn.id + i);
      EXPECT_EQ(faults[i].target, static_cast<int32_t>(i));
      EXPECT_EQ(faults[i].trigger.at_ns, drawn.trigger.at_ns + i * drawn.amount);
      EXPECT_EQ(faults[i].amount, 0);
      FakeSurface surface(kSize);
      EXPECT_TRUE(FindFault(name)->fire(surface, faults[i]));
      EXPECT_EQ(surface.calls().back(), "Stop " + std::to_string(i) + " " + std::to_string(drawn.duration_ns));
    }
  }
  const Fault crash = Drawn(*FindFault("crash"), scene, 1);
  EXPECT_EQ(ExpandRolling(scene, crash), std::vector<Fault>{crash});
}

TEST_F(FaultsTest, SuspensionsNamePromisesAndSayWhy) {
  const std::set<std::string_view> promises = {"no-loss",
                                               "settled-correctly",
                                               "settle-before-confirm",
                                               "announced",
                                               "key-order",
                                               "duplicate-effect",
                                               "zombie-effect",
                                               "commit-after-revoke",
                                               "commit-regression",
                                               "phantom",
                                               "dead-letter",
                                               "one-id-one-content",
                                               "final-state",
                                               "unjustified-dead-letter",
                                               "drain",
                                               "duplicates-explained",
                                               "log-consistency",
                                               "bounded",
                                               "starvation",
                                               "liveness"};
  for (const FaultType* type : AllFaults()) {
    for (const Suspension& suspension : type->suspends) {
      EXPECT_TRUE(promises.contains(suspension.promise)) << type->name << " " << suspension.promise;
      EXPECT_FALSE(suspension.why.empty());
      // These hold whatever happens.
      EXPECT_NE(suspension.promise, "liveness");
      EXPECT_NE(suspension.promise, "announced");
      EXPECT_NE(suspension.promise, "settle-before-confirm");
    }
  }
  for (const char* strict : {"crash", "pause", "net-partition", "broker-restart", "publish-unknown", "stage-poison"}) {
    EXPECT_TRUE(FindFault(strict)->suspends.empty()) << strict;
  }
}

}  // namespace
}  // namespace millrace::sim
