// The worker against seeded schedules: random interleavings of deliveries, attempts, confirms, failures, revokes,
// losses and crashes, and a crash, revoke or loss at each single action of a run. After each schedule every message
// must have ended, in order, with nothing settled too early.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "bus/random.h"
#include "stages/dead_letter.h"
#include "stages/testing/worker_world.h"

namespace millrace::stages {
namespace {

using std::chrono::milliseconds;

struct Scenario {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  int messages = 30;
  int keys = 5;
};

// Which message a body names, and whether it must die.
bool Poison(const std::string& body) { return body.ends_with("!"); }
bool Twofold(const std::string& body) { return body.ends_with("1") || body.ends_with("4"); }

void Fill(WorkerWorld& world, const Scenario& scenario, const Random& random) {
  int64_t offset[2] = {0, 0};
  for (int i = 0; i < scenario.messages; ++i) {
    const auto p = static_cast<int32_t>(random.Below(1, {static_cast<uint64_t>(i)}, 2));
    const uint64_t key = random.Below(2, {static_cast<uint64_t>(i)}, static_cast<uint64_t>(scenario.keys));
    offset[p] += 1 + static_cast<int64_t>(random.Below(3, {static_cast<uint64_t>(i)}, 3));  // gaps
    std::string body = "m" + std::to_string(i);
    if (random.Below(4, {static_cast<uint64_t>(i)}, 10) == 0) body += "!";
    std::string headers;
    bus::HeaderBuilder(&headers).Add("ce_id", body);
    // Keys belong to partitions, as the partitioner would have it.
    world.Append(p, "p" + std::to_string(p) + "k" + std::to_string(key), body, offset[p], headers);
  }
}

WorkerWorld::Process Flaky(const Random& random) {
  return [random](Context& context, const bus::Message& message, Outputs& outputs) -> absl::Status {
    const std::string body(message.body.value_or(""));
    if (Poison(body)) return absl::InvalidArgumentError("poison");
    const uint64_t draw = random.Below(5, {std::hash<std::string>{}(body), context.attempt()}, 10);
    if (draw == 0 && context.attempt() < 3) return absl::InternalError("flaky");
    if (draw == 1 && context.attempt() < 2) return absl::DeadlineExceededError("flaky");
    absl::Status emitted = outputs.Emit({.to = {}, .body = message.body});
    // Some inputs have two outputs, the second on another lane.
    if (Twofold(body)) emitted.Update(outputs.Emit({.to = {}, .key = "second of " + body, .body = body + "+"}));
    return emitted;
  };
}

// Everything that must hold at the end.
void CheckEnd(const WorkerWorld& world, WorkerWorld& mutable_world, const std::string& what) {
  ASSERT_TRUE(world.AllSettled()) << what;
  std::set<std::string> passed, dead;
  for (const WorldOutput& o : world.outputs) (o.topic == 0 ? passed : dead).insert(o.body);
  std::map<std::string, std::vector<std::string>> first;  // key → bodies by first occurrence
  std::set<std::string> seen;
  for (const WorldOutput& o : world.outputs) {
    if (o.topic == 0 && seen.insert(o.body).second) first[*o.key].push_back(o.body);
  }
  for (int32_t p = 0; p < 2; ++p) {
    std::map<std::string, std::vector<std::string>> expected;
    for (const WorldRecord& record : mutable_world.partition(p).records) {
      if (Poison(record.body)) {
        EXPECT_TRUE(dead.contains(record.body)) << what << ": poison " << record.body << " left no dead letter";
        EXPECT_FALSE(passed.contains(record.body)) << what;
      } else {
        EXPECT_TRUE(passed.contains(record.body) && (!Twofold(record.body) || passed.contains(record.body + "+")))
            << what << ": lost " << record.body;
        EXPECT_FALSE(dead.contains(record.body)) << what << ": unjustified dead letter of " << record.body;
        expected[*record.key].push_back(record.body);
      }
    }
    for (const auto& [key, bodies] : expected) EXPECT_EQ(first[key], bodies) << what << ": order of key " << key;
  }
}

// No settlement may cover a message whose outcome is not durable.
void CheckSettled(WorkerWorld& world, const std::string& what) {
  std::set<std::string> durable;
  for (const WorldOutput& o : world.outputs) durable.insert(o.body);
  for (int32_t p = 0; p < 2; ++p) {
    for (const WorldRecord& record : world.partition(p).records) {
      const bool settled = world.partition(p).settled.contains(static_cast<uint64_t>(record.offset)) ||
                           static_cast<uint64_t>(record.offset) < world.partition(p).committed;
      const bool whole =
          durable.contains(record.body) && (!Twofold(record.body) || durable.contains(record.body + "+"));
      ASSERT_TRUE(!settled || whole) << what << ": " << record.body << " was settled before its outcome was durable";
    }
  }
}

// One random move.
void Move(WorkerWorld& world, const Random& random, uint64_t step, bool gapless) {
  const uint64_t kind = random.Below(10, {step}, 100);
  const auto p = static_cast<int32_t>(random.Below(11, {step}, 2));
  const bool assigned = world.partition(p).epoch != 0;
  if (kind < 25) {
    if (assigned && world.partition(p).flowing) world.Deliver(p, 1 + random.Below(12, {step}, 8));
  } else if (kind < 45) {
    if (!world.dispatched.empty()) world.Run(random.Below(13, {step}, world.dispatched.size()));
  } else if (kind < 70) {
    if (world.in_flight.empty()) return;
    // Confirms of a lane come in order from a gapless producer, and a failure takes all behind it along.
    const size_t index = gapless ? 0 : random.Below(14, {step}, world.in_flight.size());
    const uint64_t outcome = random.Below(15, {step}, 12);
    if (outcome > 1) {
      world.Confirm(index);
    } else if (!gapless) {
      world.Confirm(index, outcome == 0 ? absl::UnavailableError("x") : absl::DeadlineExceededError("x"));
    } else {
      const size_t all = world.in_flight.size();
      for (size_t i = 0; i < all && !world.in_flight.empty(); ++i) world.Confirm(0, absl::UnavailableError("x"));
    }
  } else if (kind < 80) {
    if (!world.notes.empty())
      world.AnswerNote(random.Below(16, {step}, 8) == 0 ? absl::UnavailableError("x") : absl::OkStatus());
  } else if (kind < 88) {
    if (world.timer_set()) world.FireTimer();
  } else if (kind < 92) {
    if (!assigned) world.Assign(p);
  } else if (kind < 94) {
    if (assigned) world.Revoke(p, milliseconds(200));
  } else if (kind < 96) {
    if (assigned) world.Lose(p);
  } else if (kind < 97) {
    world.Crash(random.Below(17, {step}, 2) == 0);
  } else {
    world.Advance(milliseconds(50));
  }
}

void Finish(WorkerWorld& world, const std::string& what) {
  for (int round = 0; round < 200 && !world.AllSettled(); ++round) {
    for (int32_t p = 0; p < 2; ++p) {
      if (world.partition(p).epoch == 0) world.Assign(p);
    }
    world.Settle(2000);
  }
  std::string pending;
  for (const std::string& line : world.worker().Pending()) pending += line + "\n";
  ASSERT_TRUE(world.AllSettled()) << what << " is stuck:\n" << pending;
}

// What the worker was made to do, over all seeds.
struct Seen {
  int timed_out = 0;  // attempts
  int given_up = 0;   // … that did not return in time either
};

void RunSeed(uint64_t seed, Seen* seen) {
  const Random random(seed);
  Scenario scenario;
  scenario.options.retry.attempts_max = 5;
  scenario.options.retry.deaths_max = 1000;  // crashes here are not the messages' fault
  scenario.options.concurrency = 1 + static_cast<uint32_t>(random.Below(20, {}, 3));
  scenario.options.batch = 1 + static_cast<uint32_t>(random.Below(21, {}, 6));
  scenario.options.window_messages = 2 + random.Below(22, {}, 20);
  scenario.options.batch_stage = random.Below(23, {}, 4) == 0;
  scenario.options.salt = seed;
  const bool individual = random.Below(24, {}, 2) == 0;
  scenario.options.settlement = individual ? bus::Settlement::kIndividual : bus::Settlement::kPrefix;
  scenario.options.notes = !individual;
  scenario.options.strict = individual || random.Below(25, {}, 3) == 0;
  if (random.Below(26, {}, 3) == 0) {
    // Attempts run out of time, and of the grace behind it; here that is not the messages' fault.
    scenario.options.attempt_timeout = milliseconds(20 + random.Below(27, {}, 100));
    scenario.options.timeout_grace = milliseconds(20 + random.Below(28, {}, 100));
    scenario.options.retry.attempts_max = 1000;
  }
  WorkerWorld world(scenario.options, Flaky(random));
  Fill(world, scenario, random);
  const std::string what = "seed " + std::to_string(seed);
  for (uint64_t step = 0; step < 300; ++step) {
    Move(world, random, step, /*gapless=*/!scenario.options.strict);
    CheckSettled(world, what);
    if (testing::Test::HasFatalFailure()) return;
  }
  Finish(world, what);
  if (testing::Test::HasFatalFailure()) return;
  CheckEnd(world, world, what);
  for (const std::string& line : world.trace) {
    seen->timed_out += line.starts_with("cancel");
    seen->given_up += line == "not ready";
  }
}

TEST(WorkerChaos, RandomSchedulesLoseNothingAndKeepOrder) {
  Seen seen;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    RunSeed(seed, &seen);
    if (HasFailure()) FAIL() << "first failing seed: " << seed;
  }
  EXPECT_GT(seen.timed_out, 100);
  EXPECT_GT(seen.given_up, 100);
}

enum class Blow { kCrash, kCrashAfter, kLose, kRevoke };

// One run with a blow at the k-th action; false when the run had fewer actions.
bool RunWithBlow(uint64_t k, Blow blow, bool individual) {
  const Random random(7);
  Scenario scenario;
  scenario.messages = 12;
  scenario.options.batch = 3;
  scenario.options.concurrency = 2;
  scenario.options.settlement = individual ? bus::Settlement::kIndividual : bus::Settlement::kPrefix;
  scenario.options.notes = !individual;
  scenario.options.strict = individual;
  WorkerWorld world(scenario.options, Flaky(random));
  Fill(world, scenario, random);
  bool struck = false;
  world.before_action = [&](const Action&) {
    if (world.actions_seen != k || struck || blow == Blow::kLose || blow == Blow::kRevoke) return true;
    struck = true;
    return false;  // the process stops here, with this action not carried out
  };
  const std::string what = "blow " + std::to_string(static_cast<int>(blow)) + " at action " + std::to_string(k);
  world.Assign(0);
  world.Assign(1);
  if (blow == Blow::kCrash || blow == Blow::kCrashAfter) {
    world.Settle();
    if (!struck) return false;
    world.Crash(/*published_survive=*/blow == Blow::kCrashAfter);
  } else {
    while (world.actions_seen < k && !world.AllSettled()) {
      if (!world.Settle(1) && world.actions_seen >= k) break;
    }
    if (world.AllSettled()) return false;
    for (int32_t p = 0; p < 2; ++p) {
      if (world.partition(p).epoch == 0) continue;
      if (blow == Blow::kLose) {
        world.Lose(p);
      } else {
        world.Revoke(p, milliseconds(10));
      }
    }
  }
  CheckSettled(world, what);
  Finish(world, what);
  if (!testing::Test::HasFatalFailure()) CheckEnd(world, world, what);
  return true;
}

TEST(WorkerChaos, ABlowAtEachActionLosesNothing) {
  for (const bool individual : {false, true}) {
    for (const Blow blow : {Blow::kCrash, Blow::kCrashAfter, Blow::kLose, Blow::kRevoke}) {
      uint64_t k = 1;
      while (RunWithBlow(k, blow, individual) && k < 1000 && !HasFailure()) ++k;
      EXPECT_GT(k, 20u) << "the run has more actions than that";
      if (HasFailure()) FAIL() << "at action " << k;
    }
  }
}

}  // namespace
}  // namespace millrace::stages
