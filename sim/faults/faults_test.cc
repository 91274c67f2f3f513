#include <gtest/gtest.h>

#include <algorithm>
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

namespace millrace::sim {
namespace {

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
  // On a log, in a queue, and on a log with a stage in transactions.
  std::vector<FaultScene> Scenes() {
    std::vector<FaultScene> scenes = {Scene(Semantics::kLog), Scene(Semantics::kQueue), Scene(Semantics::kLog)};
    once_.stages[0].exactly_once = true;
    scenes.back().topology = &once_;
    return scenes;
  }
  // For any scene in which it applies.
  std::optional<Fault> DrawnSomewhere(const FaultType& type, uint64_t salt) {
    for (const FaultScene& scene : Scenes()) {
      if (type.applies(scene)) return Drawn(type, scene, salt);
    }
    return std::nullopt;
  }

  Topology log_ = ExampleTopology(false);
  Topology once_ = ExampleTopology(false);
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
  EXPECT_EQ(names.size(), 36u);
  EXPECT_EQ(FindFault("no-such-fault"), nullptr);
}

// The reference says of each field what it means (docs/reference/faults.md), or that it means nothing.
TEST_F(FaultsTest, WhatIsDrawnIsExplained) {
  for (const FaultType* type : AllFaults()) {
    SCOPED_TRACE(type->name);
    for (uint64_t salt = 0; salt < 50; ++salt) {
      for (const FaultScene& scene : Scenes()) {
        if (!type->applies(scene)) continue;
        for (const Fault& fault : ExpandRolling(scene, Drawn(*type, scene, salt))) {
          EXPECT_TRUE(fault.target == -1 || type->target != "none");
          EXPECT_TRUE(fault.part == -1 || !type->part.empty());
          EXPECT_TRUE(fault.duration_ns == 0 || !type->duration.empty());
          EXPECT_TRUE(fault.amount == 0 || !type->amount.empty());
          EXPECT_GE(fault.amount, type->amount_least);
          EXPECT_LE(fault.amount, type->amount_most);
        }
      }
    }
  }
}

TEST_F(FaultsTest, AppliesBySemantics) {
  const std::set<std::string_view> logs = {"coordinator-moved", "retention"};
  const std::set<std::string_view> queues = {"publish-returned", "alarm", "queue-deleted", "demote",
                                             "confirms-scattered"};
  const std::set<std::string_view> transactions = {"transaction-timeout", "twin"};
  for (const FaultType* type : AllFaults()) {
    const bool transacts = transactions.contains(type->name);
    const bool on_logs = !queues.contains(type->name);
    EXPECT_EQ(type->applies(Scene(Semantics::kLog)), on_logs && !transacts) << type->name;
    EXPECT_EQ(type->applies(Scene(Semantics::kQueue)), !logs.contains(type->name) && !transacts) << type->name;
    EXPECT_EQ(type->applies(Scenes().back()), on_logs) << type->name;
  }
}

TEST_F(FaultsTest, AppliesByWhatThereIs) {
  const Topology nothing;
  for (const FaultType* type : AllFaults()) {
    FaultScene scene;
    for (const FaultScene& each : Scenes()) {
      if (scene.topology == nullptr && type->applies(each)) scene = each;
    }
    ASSERT_NE(scene.topology, nullptr) << type->name;
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
    for (const FaultScene& scene : Scenes()) {
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
        EXPECT_EQ(targets.contains(kFeedTarget), type->traits.strikes_feed);
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

TEST_F(FaultsTest, TriggersKnowCommitsWhereThereAreAny) {
  for (const FaultScene& scene : Scenes()) {
    std::map<ActionKind, int> actions;
    for (uint32_t id = 0; id < 1000; ++id) {
      const Random random(1);
      FaultDraw draw(random, id, scene);
      const Trigger trigger = draw.Any(2);
      if (trigger.kind == TriggerKind::kAtJob) ++actions[trigger.action];
    }
    EXPECT_EQ(actions[ActionKind::kCommit] > 15, HasTransactions(*scene.topology));
    EXPECT_GT(actions[ActionKind::kSettle], 15);
  }
}

TEST_F(FaultsTest, TransactionsAreHeldBeyondTheirTimeAndForLess) {
  int longer = 0, shorter = 0;
  for (uint64_t salt = 0; salt < 1000; ++salt) {
    (DrawnSomewhere(*FindFault("transaction-timeout"), salt)->duration_ns > 10 * kSecond ? longer : shorter)++;
  }
  EXPECT_GT(longer, 600);
  EXPECT_GT(shorter, 150);
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
      EXPECT_EQ(faults[i].duration_ns, drawn.duration_ns);
    }
  }
  const Fault crash = Drawn(*FindFault("crash"), scene, 1);
  EXPECT_EQ(ExpandRolling(scene, crash), std::vector<Fault>{crash});
}

TEST_F(FaultsTest, SomePromisesAreNeverSuspended) {
  for (const FaultType* type : AllFaults()) {
    for (const Suspension& suspension : type->suspends) {
      EXPECT_NE(suspension.promise, "liveness");
      EXPECT_NE(suspension.promise, "announced");
      EXPECT_NE(suspension.promise, "settle-before-confirm");
      EXPECT_NE(suspension.promise, "no-loss");
    }
  }
  for (const char* strict : {"crash", "pause", "net-partition", "broker-restart", "publish-unknown", "stage-poison"}) {
    EXPECT_TRUE(FindFault(strict)->suspends.empty()) << strict;
  }
}

}  // namespace
}  // namespace millrace::sim
