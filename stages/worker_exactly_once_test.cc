// The worker in transactions: what a transaction holds, when it ends, and what is seen when it does not end well.
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
using std::chrono::seconds;

WorkerOptions Transactional() {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.exactly_once = true;
  return options;
}

std::vector<std::string> Bodies(const std::vector<WorldOutput>& outputs) {
  std::vector<std::string> bodies;
  for (const WorldOutput& o : outputs) bodies.push_back(o.body);
  return bodies;
}
using Strings = std::vector<std::string>;

// Without what every assignment says.
Strings Told(WorkerWorld& world) {
  Strings told;
  for (const std::string& line : world.trace) {
    if (line != "timer") told.push_back(line);
  }
  world.trace.clear();
  return told;
}

// A world in which the notes of the beginning are behind us.
void Begin(WorkerWorld& world, std::initializer_list<int32_t> partitions) {
  for (const int32_t p : partitions) world.Assign(p);
  while (world.ending.has_value()) world.End();
  world.trace.clear();
  world.commits = 0;
}

TEST(WorkerExactlyOnce, OutputsAndOffsetsAreCommittedTogether) {
  WorkerWorld world(Transactional());
  for (int i = 0; i < 3; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i));
  Begin(world, {0});
  world.Deliver(0);
  world.Run();
  EXPECT_EQ(Told(world), (Strings{"dispatch 3", "publish 3"}));
  world.ConfirmAll();
  EXPECT_EQ(Told(world), Strings{"commit, settle 0 0-2 next 3"});
  EXPECT_TRUE(world.outputs.empty());
  world.End();
  EXPECT_EQ(Told(world), Strings{"settle 0 0-2 next 3 (committed)"});
  EXPECT_EQ(Bodies(world.outputs), (Strings{"m0", "m1", "m2"}));
  EXPECT_EQ(world.worker().stats().done, 3u);
  EXPECT_EQ(world.worker().stats().out, 3u);
  EXPECT_TRUE(world.worker().Idle());
}

TEST(WorkerExactlyOnce, AssignmentsNoteTheirStartByTransactionsToo) {
  WorkerWorld world(Transactional());
  world.Append(0, "k", "m");
  world.Assign(0);
  const Strings told = Told(world);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].substr(0, 36), "commit, settle 0 next 0 note 'mr1 st");
  world.End();
  EXPECT_TRUE(world.notes.empty());
}

TEST(WorkerExactlyOnce, WhatComesWhileOneEndsIsOfTheNext) {
  WorkerOptions options = Transactional();
  options.batch = 1;
  options.concurrency = 2;
  WorkerWorld world(options);
  world.Append(0, "a", "m0");
  world.Append(0, "b", "m1");
  Begin(world, {0});
  world.Deliver(0);
  world.Run();
  world.ConfirmAll();  // m1 runs: the transaction waits for it, for a while
  EXPECT_FALSE(world.ending.has_value());
  world.FireTimer();
  ASSERT_TRUE(world.ending.has_value());
  world.trace.clear();
  world.Run();
  EXPECT_EQ(Told(world), Strings{}) << "nothing is published into a transaction that ends";
  world.End();
  EXPECT_EQ(Told(world), (Strings{"settle 0 0-0 next 1 (committed)", "publish 1"}));
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(world.commits, 2u);
  EXPECT_EQ(Bodies(world.outputs), (Strings{"m0", "m1"}));
}

TEST(WorkerExactlyOnce, AnOutputWaitsForThoseBeforeIt) {
  int failures = 1;
  WorkerWorld world(Transactional(), [&](Context&, const bus::Message& message, Outputs& outputs) -> absl::Status {
    if (*message.body == "m0" && failures-- > 0) return absl::InternalError("first");
    return outputs.Emit({.to = {}, .body = message.body});
  });
  world.Append(0, "a", "m0");
  world.Append(0, "b", "m1");
  world.Append(1, "c", "other");
  Begin(world, {0, 1});
  world.Deliver(0);
  world.Deliver(1);
  while (!world.dispatched.empty()) world.Run();
  world.ConfirmAll();
  world.End();
  EXPECT_EQ(Bodies(world.outputs), Strings{"other"}) << "another partition does not wait";
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(Bodies(world.outputs), (Strings{"other", "m0", "m1"}));
  EXPECT_EQ(world.processed, (Strings{"m0", "m1", "other", "m0"})) << "the result was kept";
}

TEST(WorkerExactlyOnce, AFailedPublishAbortsAndTheSameIsPublishedAgain) {
  WorkerWorld world(Transactional());
  for (int i = 0; i < 3; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i));
  Begin(world, {0});
  world.Deliver(0);
  world.Run();
  world.Confirm();
  const std::string id = world.in_flight[0].output.headers.at("ce_id");
  world.Confirm(0, absl::UnavailableError("broker away"));
  world.Confirm();
  EXPECT_EQ(Told(world), (Strings{"dispatch 3", "publish 3", "abort"}));
  world.End();
  EXPECT_EQ(Told(world), Strings{}) << "not at once";
  ASSERT_FALSE(world.worker().Pending().empty());
  EXPECT_EQ(world.worker().Pending().back(), "the last transaction was not committed: broker away");
  world.FireTimer();
  EXPECT_EQ(Told(world), Strings{"publish 3"});
  EXPECT_EQ(world.in_flight[1].output.headers.at("ce_id"), id);
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(Bodies(world.outputs), (Strings{"m0", "m1", "m2"}));
  EXPECT_EQ(world.processed.size(), 3u);
}

TEST(WorkerExactlyOnce, ACommitThatIsRefusedIsTriedAgainWithBackOff) {
  WorkerWorld world(Transactional());
  world.Append(0, "a", "m0");
  Begin(world, {0});
  world.Deliver(0);
  world.Run();
  world.ConfirmAll();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(world.ending.has_value());
    const MonotonicTime before = world.Now();
    world.End(absl::AbortedError("fenced"));
    EXPECT_TRUE(world.in_flight.empty());
    world.FireTimer();
    EXPECT_GE(world.Now() - before, milliseconds(50) * (1 << i));
    world.ConfirmAll();
  }
  world.End();
  EXPECT_EQ(Bodies(world.outputs), Strings{"m0"});
  EXPECT_EQ(world.partition(0).committed, 1u);
}

TEST(WorkerExactlyOnce, APartitionThatGoesTakesTheTransactionWithIt) {
  WorkerWorld world(Transactional());
  world.Append(0, "a", "gone");
  world.Append(1, "b", "stays");
  Begin(world, {0, 1});
  world.Deliver(0);
  world.Deliver(1);
  while (!world.dispatched.empty()) world.Run();
  world.Confirm();
  world.Lose(0);
  world.ConfirmAll();
  ASSERT_TRUE(world.ending.has_value());
  EXPECT_FALSE(world.ending->commit);
  world.End();
  EXPECT_TRUE(world.Settle(20) || true);
  EXPECT_EQ(Bodies(world.outputs), Strings{"stays"});
  EXPECT_EQ(world.partition(0).committed, 0u);
  world.Assign(0);
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(Bodies(world.outputs), (Strings{"stays", "gone"}));
}

TEST(WorkerExactlyOnce, ARefusedOutputEndsAsADeadLetterWithNothingElseSeen) {
  WorkerWorld world(Transactional(), [](Context&, const bus::Message& message, Outputs& outputs) -> absl::Status {
    absl::Status emitted = outputs.Emit({.to = {}, .body = message.body});
    emitted.Update(outputs.Emit({.to = {}, .body = "second of " + std::string(*message.body)}));
    return emitted;
  });
  world.Append(0, "a", "good");
  world.Append(0, "b", "large");
  Begin(world, {0});
  world.Deliver(0);
  world.Run();
  ASSERT_EQ(world.in_flight.size(), 4u);
  world.Confirm(3, absl::InvalidArgumentError("too large"));
  world.ConfirmAll();
  world.End();
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(Bodies(world.OnTopic(0)), (Strings{"good", "second of good"}));
  ASSERT_EQ(world.OnTopic(1).size(), 1u);
  EXPECT_EQ(world.OnTopic(1)[0].body, "large");
  EXPECT_EQ(world.OnTopic(1)[0].headers.at(std::string(kDeadReason)),
            "INVALID_ARGUMENT: an output was refused: too large");
  EXPECT_EQ(world.processed.size(), 2u);
}

TEST(WorkerExactlyOnce, ARevokedPartitionIsReleasedWhenItsShareIsCommitted) {
  WorkerWorld world(Transactional());
  world.Append(0, "a", "m0");
  world.Append(0, "b", "m1");
  Begin(world, {0});
  world.Deliver(0);
  world.Revoke(0, seconds(5));
  // That this start did not end in a crash is said while there is time.
  ASSERT_TRUE(world.ending.has_value());
  EXPECT_TRUE(world.ending->shares[0].has_note);
  world.Run();
  world.End();
  EXPECT_TRUE(world.released.empty());
  world.ConfirmAll();
  EXPECT_TRUE(world.released.empty());
  world.End();
  EXPECT_EQ(world.released, std::vector<int32_t>{0});
  EXPECT_EQ(world.partition(0).committed, 2u);
}

TEST(WorkerExactlyOnce, APartitionIsReleasedWhenItsNoteIsCommitted) {
  WorkerWorld world(Transactional());
  world.Append(0, "a", "m0");
  Begin(world, {0});
  world.Revoke(0, seconds(5));
  // Nothing was done, and this start did not end in a crash.
  EXPECT_TRUE(world.released.empty());
  ASSERT_TRUE(world.ending.has_value());
  EXPECT_TRUE(world.ending->shares[0].has_note);
  world.End(absl::AbortedError("once"));
  world.FireTimer();
  ASSERT_TRUE(world.ending.has_value());
  world.End();
  EXPECT_EQ(world.released, std::vector<int32_t>{0});
  EXPECT_EQ(world.partition(0).note.find("starts="), std::string::npos);
}

TEST(WorkerExactlyOnce, AtTheDeadlineAShareThatIsNotCommittedIsGivenUp) {
  WorkerWorld world(Transactional());
  world.Append(0, "a", "m0");
  Begin(world, {0});
  world.Deliver(0);
  world.Run();
  world.Revoke(0, milliseconds(10));
  world.Advance(milliseconds(10));
  world.FireTimer();
  EXPECT_EQ(world.released, std::vector<int32_t>{0});
  world.ConfirmAll();
  ASSERT_TRUE(world.ending.has_value());
  EXPECT_FALSE(world.ending->commit);
  world.End();
  EXPECT_TRUE(world.outputs.empty());
  EXPECT_EQ(world.partition(0).committed, 0u);
}

TEST(WorkerExactlyOnce, DrainingCommitsWhatRanAndLeaves) {
  WorkerWorld world(Transactional());
  for (int i = 0; i < 6; ++i) world.Append(i % 2, "k" + std::to_string(i), "m" + std::to_string(i));
  Begin(world, {0, 1});
  world.Deliver(0);
  world.Deliver(1);
  world.Drain(seconds(5));
  for (int i = 0; i < 100 && !world.left; ++i) {
    if (!world.dispatched.empty()) {
      world.Run();
    } else if (!world.in_flight.empty()) {
      world.Confirm();
    } else if (world.ending.has_value()) {
      world.End();
    }
  }
  EXPECT_TRUE(world.left);
  EXPECT_EQ(world.aborts, 0u);
  // What was not started is the next owner's; what was, is not seen again.
  world.Crash();
  world.Assign(0);
  world.Assign(1);
  EXPECT_TRUE(world.Settle());
  const Strings bodies = Bodies(world.outputs);
  EXPECT_EQ(std::set<std::string>(bodies.begin(), bodies.end()).size(), 6u);
  EXPECT_EQ(bodies.size(), 6u);
}

TEST(WorkerExactlyOnce, FailuresAreCountedAcrossAborts) {
  WorkerOptions options = Transactional();
  options.retry.attempts_max = 3;
  WorkerWorld world(options, [&](Context&, const bus::Message& message, Outputs& outputs) -> absl::Status {
    if (*message.body == "bad") return absl::InternalError("always");
    return outputs.Emit({.to = {}, .body = message.body});
  });
  world.Append(0, "a", "good");
  world.Append(0, "b", "bad");
  Begin(world, {0});
  world.Deliver(0);
  world.Run();
  for (int i = 0; i < 12; ++i) {  // each transaction is refused while "bad" is retried
    if (!world.dispatched.empty()) {
      world.Run();
    } else if (!world.in_flight.empty()) {
      world.Confirm();
    } else if (world.ending.has_value()) {
      world.End(absl::AbortedError("not yet"));
    } else {
      world.FireTimer();
    }
  }
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(std::count(world.processed.begin(), world.processed.end(), "bad"), 3);
  ASSERT_EQ(world.OnTopic(1).size(), 1u);
  EXPECT_EQ(world.OnTopic(1)[0].headers.at(std::string(kDeadAttempts)), "3");
}

TEST(WorkerExactlyOnce, AKeyIsParkedByTheTransactionOfItsDeadLetter) {
  WorkerOptions options = Transactional();
  options.park_key = true;
  WorkerWorld world(options, [&](Context&, const bus::Message& message, Outputs& outputs) -> absl::Status {
    if (*message.body == "bad") return absl::InvalidArgumentError("bad");
    return outputs.Emit({.to = {}, .body = message.body});
  });
  world.Append(0, "a", "bad");
  world.Append(0, "a", "follows");
  world.Append(0, "b", "good");
  Begin(world, {0});
  world.Deliver(0);
  while (!world.dispatched.empty()) world.Run();
  while (!world.in_flight.empty()) world.Confirm();
  ASSERT_TRUE(world.ending.has_value());
  world.End(absl::AbortedError("once"));
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(Bodies(world.OnTopic(0)), Strings{"good"});
  const std::vector<WorldOutput> dead = world.OnTopic(1);
  ASSERT_EQ(Bodies(dead), (Strings{"bad", "follows"}));
  EXPECT_EQ(dead[0].headers.at(std::string(kDeadReason)), "INVALID_ARGUMENT: bad");
  EXPECT_NE(world.partition(0).note.find("parked="), std::string::npos);
}

TEST(WorkerExactlyOnce, AFullWindowEndsTheTransaction) {
  WorkerOptions options = Transactional();
  options.window_messages = 4;
  options.batch = 1;
  WorkerWorld world(options);
  for (int i = 0; i < 20; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i));
  Begin(world, {0});
  const MonotonicTime before = world.Now();
  EXPECT_TRUE(world.Settle());
  EXPECT_EQ(world.outputs.size(), 20u);
  EXPECT_LT(world.Now() - before, milliseconds(100)) << "nobody waits for its time to be up";
  EXPECT_LE(world.commits, 10u) << "half a window at least";
}

TEST(WorkerExactlyOnce, AKillerIsFoundAndItsMarkIsCommittedBeforeItsTrial) {
  WorkerOptions options = Transactional();
  WorkerWorld world(options);
  world.Append(0, "k", "killer");
  world.Append(0, "l", "innocent");
  for (int life = 0; life < 12 && !world.AllSettled(); ++life) {
    world.Assign(0);
    bool died = false;
    for (int step = 0; step < 1000 && !died && !world.AllSettled(); ++step) {
      const bool runs = std::any_of(world.dispatched.begin(), world.dispatched.end(), [](const AttemptGroup* g) {
        return std::any_of(g->items.begin(), g->items.end(),
                           [](const AttemptItem& i) { return *i.delivery.message.body == "killer"; });
      });
      if (runs) {
        died = true;
        world.Crash();
      } else if (!world.Settle(1) && !world.ending.has_value() && world.dispatched.empty() && world.timer_set()) {
        world.FireTimer();
      }
    }
  }
  EXPECT_TRUE(world.AllSettled());
  EXPECT_EQ(Bodies(world.OnTopic(0)), Strings{"innocent"});
  EXPECT_EQ(Bodies(world.OnTopic(1)), Strings{"killer"});
}

// Whether a commit is on its way whose note of partition 0 says so.
bool CommitsNote(const WorkerWorld& world, const std::string& part) {
  return world.ending.has_value() && world.ending->commit && world.ending->shares.size() == 1 &&
         world.ending->shares[0].note.find(part) != std::string::npos;
}

// The first message has seen one death, and is to be tried again: to where its mark is on its way.
void BeginTrial(WorkerWorld& world) {
  world.partition(0).note = "mr1 running=1@0";
  world.Append(0, "k", "suspect");
  Begin(world, {0});
  world.Deliver(0);
  const auto asked = [&world] {
    return std::find(world.trace.begin(), world.trace.end(), "gate ask") != world.trace.end();
  };
  for (int i = 0; i < 10 && !asked(); ++i) world.FireTimer();
  ASSERT_TRUE(asked());
}

TEST(WorkerExactlyOnce, TheMarkOfATrialIsCommittedInTheStepThatMakesIt) {
  WorkerWorld world(Transactional());
  BeginTrial(world);
  EXPECT_TRUE(CommitsNote(world, "running=2@0")) << "the trial's patience would be spent on waiting for something else";
  EXPECT_TRUE(world.dispatched.empty());
  world.End();
  EXPECT_EQ(world.dispatched.size(), 1u);
}

TEST(WorkerExactlyOnce, ARevokeDuringATrialLeavesTheMarkWhereItIs) {
  WorkerWorld world(Transactional());
  BeginTrial(world);
  for (int i = 0; i < 10 && world.dispatched.empty(); ++i) world.ending.has_value() ? world.End() : world.FireTimer();
  ASSERT_EQ(world.dispatched.size(), 1u);
  world.Revoke(0, seconds(5));
  EXPECT_FALSE(world.ending.has_value()) << "nobody knows yet whether it is innocent";
  EXPECT_NE(world.partition(0).note.find("running=2@0"), std::string::npos);
  world.Run();
  world.ConfirmAll();
  while (world.ending.has_value()) world.End();
  EXPECT_EQ(world.released, std::vector<int32_t>{0});
  EXPECT_EQ(Bodies(world.outputs), Strings{"suspect"});
  EXPECT_EQ(world.partition(0).note.find("running="), std::string::npos);
}

// Without transactions a clean leave notes what is finished behind the first unfinished message.
TEST(WorkerExactlyOnce, WhatANoteSaysIsFinishedStaysSo) {
  WorkerWorld world(Transactional());
  world.partition(0).note = "mr1 done=1-1";
  for (int i = 0; i < 3; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i));
  Begin(world, {0});
  world.Deliver(0);
  world.Revoke(0, seconds(5));
  EXPECT_TRUE(CommitsNote(world, "done=1-1"));
}

TEST(WorkerExactlyOnce, AnAbortedTransactionForgetsNothingOfTheNote) {
  WorkerOptions options = Transactional();
  options.dead_letter_bytes_max = 100;
  WorkerWorld world(options);
  world.partition(0).note = "mr1 done=1-1";
  world.Append(0, "a", "m0");
  world.Append(0, "b", "m1");
  world.Assign(0);
  world.Deliver(0);
  world.Run();
  world.End(absl::AbortedError("once"));  // so the note goes along with m0
  world.FireTimer();
  world.ConfirmAll();
  ASSERT_TRUE(world.ending.has_value());
  ASSERT_EQ(world.ending->shares[0].next, 2u);
  ASSERT_TRUE(world.ending->shares[0].has_note);
  world.End(absl::AbortedError("twice"));
  world.FireTimer();
  // Refused for good, and to be spooled: the note is committed before.
  world.Confirm(0, absl::InvalidArgumentError("too large"));
  world.End();
  ASSERT_TRUE(world.ending.has_value());
  ASSERT_EQ(world.ending->shares[0].next, 0u);
  EXPECT_TRUE(CommitsNote(world, "done=1-1"));
}

// ---------------------------------------------------------------- seeded schedules

bool Poison(const std::string& body) { return body.ends_with("!"); }
bool Twofold(const std::string& body) { return body.ends_with("1") || body.ends_with("4"); }

void Fill(WorkerWorld& world, int messages, const Random& random) {
  int64_t offset[2] = {0, 0};
  for (int i = 0; i < messages; ++i) {
    const auto n = static_cast<uint64_t>(i);
    const auto p = static_cast<int32_t>(random.Below(1, {n}, 2));
    offset[p] += 1 + static_cast<int64_t>(random.Below(3, {n}, 3));
    std::string body = "m" + std::to_string(i);
    if (random.Below(4, {n}, 10) == 0) body += "!";
    std::string headers;
    bus::HeaderBuilder(&headers).Add("ce_id", body);
    const std::string key = "p" + std::to_string(p) + "k" + std::to_string(random.Below(2, {n}, 5));
    world.Append(p, key, body, offset[p], headers);
  }
}

WorkerWorld::Process Flaky(const Random& random) {
  return [random, away = std::set<std::string>()](Context& context, const bus::Message& message,
                                                  Outputs& outputs) mutable -> absl::Status {
    const std::string body(message.body.value_or(""));
    if (Poison(body)) return absl::InvalidArgumentError("poison");
    const uint64_t draw = random.Below(5, {std::hash<std::string>{}(body), context.attempt()}, 10);
    if (draw == 0 && context.attempt() < 3) return absl::InternalError("flaky");
    if (draw == 1 && away.insert(body).second) return absl::UnavailableError("away");
    if (body.ends_with("3")) return absl::OkStatus();  // emits nothing
    absl::Status emitted = outputs.Emit({.to = {}, .body = message.body});
    if (Twofold(body)) emitted.Update(outputs.Emit({.to = {}, .key = "second of " + body, .body = body + "+"}));
    return emitted;
  };
}

// Of each input all outputs are seen once or none, and with them its settlement; per partition in order.
void CheckSeen(WorkerWorld& world, const std::string& what) {
  std::map<std::string, int> seen;
  for (const WorldOutput& o : world.outputs) ++seen[o.body];
  for (const auto& [body, times] : seen) ASSERT_EQ(times, 1) << what << ": " << body << " is seen more than once";
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < world.outputs.size(); ++i) place[world.outputs[i].body] = i;
  for (int32_t p = 0; p < 2; ++p) {
    size_t last = 0;
    for (const WorldRecord& record : world.partition(p).records) {
      const bool settled = static_cast<uint64_t>(record.offset) < world.partition(p).committed;
      ASSERT_TRUE(settled || (!seen.contains(record.body) && !seen.contains(record.body + "+")))
          << what << ": " << record.body << " is seen and not settled";
      const auto at = place.find(record.body);
      if (at == place.end()) continue;
      ASSERT_GE(at->second, last) << what << ": " << record.body << " is seen out of order";
      last = at->second;
      ASSERT_EQ(Twofold(record.body) && !Poison(record.body), seen.contains(record.body + "+")) << what;
    }
  }
}

void CheckEnd(WorkerWorld& world, const std::string& what) {
  ASSERT_TRUE(world.AllSettled()) << what;
  std::set<std::string> passed, dead;
  for (const WorldOutput& o : world.outputs) (o.topic == 0 ? passed : dead).insert(o.body);
  for (int32_t p = 0; p < 2; ++p) {
    for (const WorldRecord& record : world.partition(p).records) {
      EXPECT_EQ(dead.contains(record.body), Poison(record.body)) << what << ": " << record.body;
      const bool emits = !Poison(record.body) && !record.body.ends_with("3");
      EXPECT_EQ(passed.contains(record.body), emits) << what << ": lost " << record.body;
    }
  }
}

void Move(WorkerWorld& world, const Random& random, uint64_t step) {
  const uint64_t kind = random.Below(10, {step}, 100);
  const auto p = static_cast<int32_t>(random.Below(11, {step}, 2));
  const bool assigned = world.partition(p).epoch != 0;
  if (kind < 22) {
    if (assigned && world.partition(p).flowing) world.Deliver(p, 1 + random.Below(12, {step}, 8));
  } else if (kind < 42) {
    if (!world.dispatched.empty()) world.Run(random.Below(13, {step}, world.dispatched.size()));
  } else if (kind < 64) {
    if (world.in_flight.empty()) return;
    const uint64_t outcome = random.Below(15, {step}, 16);
    // In order: they land as they are confirmed.
    world.Confirm(0, outcome == 0   ? absl::UnavailableError("x")
                     : outcome == 1 ? absl::DeadlineExceededError("x")
                                    : absl::OkStatus());
  } else if (kind < 76) {
    if (!world.ending.has_value()) return;
    world.End(random.Below(16, {step}, 6) == 0 ? absl::AbortedError("x") : absl::OkStatus());
  } else if (kind < 84) {
    if (world.timer_set()) world.FireTimer();
  } else if (kind < 89) {
    if (!assigned) world.Assign(p);
  } else if (kind < 92) {
    if (assigned) world.Revoke(p, milliseconds(200));
  } else if (kind < 94) {
    if (assigned) world.Lose(p);
  } else if (kind < 96) {
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

void RunSeed(uint64_t seed) {
  const Random random(seed);
  WorkerOptions options = Transactional();
  options.retry.deaths_max = 1000;  // crashes here are not the messages' fault
  options.concurrency = 1 + static_cast<uint32_t>(random.Below(20, {}, 3));
  options.batch = 1 + static_cast<uint32_t>(random.Below(21, {}, 6));
  options.window_messages = 2 + random.Below(22, {}, 20);
  options.batch_stage = random.Below(23, {}, 4) == 0;
  options.strict = random.Below(25, {}, 3) == 0;
  options.salt = seed;
  WorkerWorld world(options, Flaky(random));
  Fill(world, 30, random);
  const std::string what = "seed " + std::to_string(seed);
  for (uint64_t step = 0; step < 400; ++step) {
    Move(world, random, step);
    CheckSeen(world, what);
    if (testing::Test::HasFatalFailure()) return;
  }
  Finish(world, what);
  if (testing::Test::HasFatalFailure()) return;
  CheckSeen(world, what);
  CheckEnd(world, what);
}

TEST(WorkerExactlyOnceChaos, RandomSchedulesLoseAndDoubleNothing) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    RunSeed(seed);
    if (HasFailure()) FAIL() << "first failing seed: " << seed;
  }
}

enum class Blow { kCrash, kCrashAfter, kLose, kRevoke, kAbort };

// One run with a blow at the k-th action; false when the run had fewer actions.
bool RunWithBlow(uint64_t k, Blow blow) {
  const Random random(7);
  WorkerOptions options = Transactional();
  options.batch = 3;
  options.concurrency = 2;
  options.window_messages = 4;
  WorkerWorld world(options, Flaky(random));
  Fill(world, 40, random);
  bool struck = false;
  const bool crash = blow == Blow::kCrash || blow == Blow::kCrashAfter;
  world.before_action = [&](const Action&) {
    if (world.actions_seen != k || struck || !crash) return true;
    struck = true;
    return false;
  };
  const std::string what = "blow " + std::to_string(static_cast<int>(blow)) + " at action " + std::to_string(k);
  world.Assign(0);
  world.Assign(1);
  if (crash) {
    world.Settle();
    if (!struck) return false;
    world.Crash(/*published_survive=*/blow == Blow::kCrashAfter);
  } else {
    while (world.actions_seen < k && !world.AllSettled()) {
      if (!world.Settle(1) && world.actions_seen >= k) break;
    }
    if (world.AllSettled()) return false;
    if (blow == Blow::kAbort) {
      if (world.ending.has_value()) world.End(absl::AbortedError("blow"));
    }
    for (int32_t p = 0; p < 2 && blow != Blow::kAbort; ++p) {
      if (world.partition(p).epoch == 0) continue;
      if (blow == Blow::kLose) {
        world.Lose(p);
      } else {
        world.Revoke(p, milliseconds(10));
      }
    }
  }
  Finish(world, what);
  if (!testing::Test::HasFatalFailure()) CheckSeen(world, what);
  if (!testing::Test::HasFatalFailure()) CheckEnd(world, what);
  return true;
}

TEST(WorkerExactlyOnceChaos, ABlowAtEachActionLosesAndDoublesNothing) {
  for (const Blow blow : {Blow::kCrash, Blow::kCrashAfter, Blow::kLose, Blow::kRevoke, Blow::kAbort}) {
    uint64_t k = 1;
    while (RunWithBlow(k, blow) && k < 1000 && !HasFailure()) ++k;
    EXPECT_GT(k, 20u) << "the run has more actions than that";
    if (HasFailure()) FAIL() << "at action " << k;
  }
}

}  // namespace
}  // namespace millrace::stages
