#include "stages/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "bus/message.h"
#include "stages/dead_letter.h"
#include "stages/partition_note.h"
#include "stages/testing/worker_world.h"

namespace millrace::stages {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

size_t CountOf(const std::vector<std::string>& lines, const std::string& prefix) {
  return static_cast<size_t>(
      std::count_if(lines.begin(), lines.end(), [&](const std::string& l) { return l.starts_with(prefix); }));
}

std::vector<std::string> Bodies(const std::vector<WorldOutput>& outputs) {
  std::vector<std::string> bodies;
  for (const WorldOutput& output : outputs) bodies.push_back(output.body);
  return bodies;
}

// A stage that answers from a table: body → statuses, one for each try; what is not in it passes.
WorkerWorld::Process Scripted(std::map<std::string, std::vector<absl::Status>> script) {
  auto tries = std::make_shared<std::map<std::string, size_t>>();
  return [script = std::move(script), tries](Context& context, const bus::Message& message,
                                             Outputs& outputs) -> absl::Status {
    const std::string body(message.body.value_or(""));
    if (auto it = script.find(body); it != script.end()) {
      const size_t n = (*tries)[body]++;
      if (n < it->second.size() && !it->second[n].ok()) return it->second[n];
    }
    return WorkerWorld::PassThrough(context, message, outputs);
  };
}

TEST(Worker, SettlesOnlyAfterEveryOutputIsConfirmed) {
  WorkerWorld world(WorkerWorld::DefaultOptions(), [](Context&, const bus::Message& m, Outputs& out) {
    absl::Status s = out.Emit({.to = {}, .key = "a", .body = m.body});
    s.Update(out.Emit({.to = {}, .key = "b", .body = m.body}));
    return s;
  });
  world.Append(0, "k", "one");
  world.Assign(0);
  world.Deliver(0);
  EXPECT_EQ(world.dispatched.size(), 1u);
  world.Run();
  ASSERT_EQ(world.in_flight.size(), 2u);
  EXPECT_EQ(world.partition(0).committed, 0u);
  world.Confirm(1);
  EXPECT_EQ(world.partition(0).committed, 0u) << "one of two outputs is still open";
  world.Confirm(0);
  EXPECT_EQ(world.partition(0).committed, 1u);
}

TEST(Worker, CommitsTheContiguousPrefixOverOutOfOrderCompletionAndGaps) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.concurrency = 4;
  options.batch = 1;
  WorkerWorld world(options);
  const int64_t offsets[] = {3, 4, 9, 20};
  for (int i = 0; i < 4; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i), offsets[i]);
  world.partition(0).committed = 3;
  world.Assign(0);
  world.Deliver(0);
  ASSERT_EQ(world.dispatched.size(), 4u);
  world.Run(3);  // offset 20
  world.Run(1);  // offset 4
  world.ConfirmAll();
  EXPECT_EQ(world.partition(0).committed, 3u);
  world.Run(0);  // offset 3
  world.ConfirmAll();
  EXPECT_EQ(world.partition(0).committed, 9u) << "next is the lowest in flight, over the gap";
  world.Run(0);  // offset 9
  world.ConfirmAll();
  EXPECT_EQ(world.partition(0).committed, 21u);
}

TEST(Worker, IndividualSettlementNamesEachMessageOnce) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.settlement = bus::Settlement::kIndividual;
  options.notes = false;
  options.concurrency = 4;
  options.batch = 1;
  WorkerWorld world(options);
  for (int i = 0; i < 4; ++i) world.Append(0, "k" + std::to_string(i), "m");
  world.Assign(0);
  world.Deliver(0);
  world.Run(2);
  world.Run(2);
  world.ConfirmAll();
  EXPECT_THAT(world.trace, Contains("settle 0 2-2 next 0"));
  EXPECT_THAT(world.trace, Contains("settle 0 3-3 next 0"));
  world.Run(0);
  world.Run(0);
  world.ConfirmAll();
  EXPECT_EQ(world.partition(0).settled.size(), 4u);
  EXPECT_EQ(CountOf(world.trace, "settle"), 4u);
}

TEST(Worker, AKeyIsSerialAndKeysAreConcurrent) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.concurrency = 8;
  options.batch = 1;
  options.strict = true;
  WorkerWorld world(options);
  for (const char* body : {"a1", "a2", "b1", "a3", "c1"}) world.Append(0, std::string(1, body[0]), body);
  world.Assign(0);
  world.Deliver(0);
  ASSERT_EQ(world.dispatched.size(), 3u) << "a1, b1, c1";
  world.Run(0);
  EXPECT_EQ(world.dispatched.size(), 2u) << "strict: a2 waits for the confirm of a1";
  world.Confirm();
  EXPECT_EQ(world.dispatched.size(), 3u);
  ASSERT_TRUE(world.Settle());
  std::vector<std::string> a;
  for (const std::string& body : world.processed) {
    if (body[0] == 'a') a.push_back(body);
  }
  EXPECT_THAT(a, ElementsAre("a1", "a2", "a3"));
}

TEST(Worker, AHotKeyRunsAsAChainInOneGroupAndStopsAtAFailure) {
  WorkerWorld world(WorkerWorld::DefaultOptions(), Scripted({{"a2", {absl::InternalError("once")}}}));
  for (const char* body : {"a1", "a2", "a3", "a4"}) world.Append(0, "a", body);
  world.Assign(0);
  world.Deliver(0);
  ASSERT_EQ(world.dispatched.size(), 1u);
  EXPECT_EQ(world.dispatched[0]->items.size(), 4u);
  world.Run();
  EXPECT_THAT(world.processed, ElementsAre("a1", "a2")) << "what follows a failure is not run";
  EXPECT_TRUE(world.dispatched.empty()) << "the key waits for its back-off";
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a1", "a2", "a3", "a4"));
  EXPECT_EQ(world.partition(0).committed, 4u);
}

TEST(Worker, AFollowerWhoseReportComesAfterItsPredecessorsRetryIsNotForgotten) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.concurrency = 2;
  WorkerWorld world(options, Scripted({{"a1", {absl::InternalError("once")}}}));
  for (const char* body : {"a1", "a2", "a3"}) world.Append(0, "a", body);
  world.Assign(0);
  world.Deliver(0);
  ASSERT_EQ(world.dispatched.size(), 1u);
  world.RunPart(0, 1);  // a1 has failed; that a2 and a3 were skipped is not told yet
  ASSERT_TRUE(world.timer_set());
  world.FireTimer();
  ASSERT_EQ(world.dispatched.size(), 2u) << "a1 is tried again";
  world.Run(1);
  world.ConfirmAll();
  world.RunPart(0, 3);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a1", "a2", "a3"));
  EXPECT_EQ(world.partition(0).committed, 3u);
}

TEST(Worker, WhoeverRunsBesideAKillerIsNotAccused) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.concurrency = 4;
  WorkerWorld world(options);
  for (int32_t p = 0; p < 2; ++p) {
    for (int i = 0; i < 5; ++i)
      world.Append(p, "k" + std::to_string(i), p == 1 && i == 0 ? "killer" : "m" + std::to_string(i));
  }
  world.before_action = [&](const Action& action) {
    const auto* dispatch = std::get_if<DispatchAction>(&action);
    if (dispatch == nullptr) return true;
    for (const AttemptItem& item : dispatch->group->items) {
      if (item.delivery.message.body == "killer") return false;
    }
    return true;
  };
  int deaths = 0;
  for (; deaths < 50; ++deaths) {
    world.Assign(0);
    world.Assign(1);
    if (world.Settle()) break;
    world.Crash();
  }
  EXPECT_TRUE(world.AllSettled());
  ASSERT_EQ(world.OnTopic(1).size(), 1u);
  EXPECT_EQ(world.OnTopic(1)[0].body, "killer");
}

TEST(Worker, OrderIsKeptThroughRetriesWhileOtherKeysGoOn) {
  WorkerWorld world(WorkerWorld::DefaultOptions(),
                    Scripted({{"a1", {absl::InternalError("x"), absl::InternalError("x")}}}));
  for (const char* body : {"a1", "a2", "b1", "a3"}) world.Append(0, std::string(1, body[0]), body);
  world.Assign(0);
  world.Deliver(0);
  world.Run();  // a1, and a2 and a3 behind it
  world.Run();  // b1
  world.ConfirmAll();
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("b1"));
  EXPECT_EQ(world.partition(0).committed, 0u);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("b1", "a1", "a2", "a3"));
  EXPECT_EQ(world.worker().stats().retried, 2u);
  EXPECT_EQ(world.partition(0).committed, 4u);
}

TEST(Worker, InvalidArgumentIsDeadLetteredAtOnceWithReasonHistoryAndSource) {
  WorkerWorld world(WorkerWorld::DefaultOptions(),
                    Scripted({{"bad", {absl::InvalidArgumentError("PostalCode: 'X' is none")}}}));
  std::string headers;
  bus::HeaderBuilder(&headers).Add("ce_id", "job-7").Add("odd", std::nullopt);
  world.Append(2, "k", "good");
  world.Append(2, "k", "bad", -1, headers);
  world.Assign(2);
  world.Deliver(2);
  world.Run();
  EXPECT_EQ(world.in_flight.size(), 2u);
  world.Confirm(0);
  EXPECT_EQ(world.partition(2).committed, 1u) << "not settled before the dead letter is confirmed";
  world.Confirm(0);
  EXPECT_EQ(world.partition(2).committed, 2u);
  const auto dead = world.OnTopic(1);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].body, "bad");
  EXPECT_EQ(dead[0].key, "k");
  EXPECT_EQ(dead[0].headers.at("odd"), "(null)") << "the message's own headers survive";
  EXPECT_EQ(dead[0].headers.at(std::string(kDeadReason)), "INVALID_ARGUMENT: PostalCode: 'X' is none");
  EXPECT_EQ(dead[0].headers.at(std::string(kDeadSource)), "in/2/1");
  EXPECT_EQ(dead[0].headers.at(std::string(kDeadId)), "job-7");
  EXPECT_EQ(dead[0].headers.at("mr_root"), "job-7");
  EXPECT_EQ(dead[0].headers.at(std::string(kDeadAttempts)), "1");
  EXPECT_THAT(dead[0].headers.at(std::string(kDeadHistory)), HasSubstr("INVALID_ARGUMENT"));
}

TEST(Worker, AttemptsEndInADeadLetterAndTheKeyGoesOn) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.retry.attempts_max = 3;
  WorkerWorld world(options, Scripted({{"a1", std::vector<absl::Status>(9, absl::InternalError("always"))}}));
  world.Append(0, "a", "a1");
  world.Append(0, "a", "a2");
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(world.processed, ElementsAre("a1", "a1", "a1", "a2"));
  EXPECT_THAT(Bodies(world.OnTopic(1)), ElementsAre("a1"));
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a2"));
}

TEST(Worker, AThrowingStageHasFailedThatAttempt) {
  auto thrown = std::make_shared<int>(0);
  WorkerWorld world(WorkerWorld::DefaultOptions(),
                    [thrown](Context& c, const bus::Message& m, Outputs& o) -> absl::Status {
                      if ((*thrown)++ == 0) throw std::runtime_error("boom");
                      return WorkerWorld::PassThrough(c, m, o);
                    });
  world.Append(0, "a", "a1");
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_EQ(world.worker().stats().retried, 1u);
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a1"));
}

TEST(Worker, AnOutagePausesTheStageUsesNoAttemptsAndNeverDeadLetters) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.retry.attempts_max = 2;
  bool down = true;
  WorkerWorld world(options, [&down](Context& c, const bus::Message& m, Outputs& o) -> absl::Status {
    if (down) return absl::UnavailableError("store down");
    return WorkerWorld::PassThrough(c, m, o);
  });
  for (int i = 0; i < 10; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i));
  world.Assign(0);
  world.Deliver(0);
  world.Run();
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(world.dispatched.empty()) << "open";
    world.FireTimer();
    ASSERT_EQ(world.dispatched.size(), 1u);
    EXPECT_EQ(world.dispatched[0]->items.size(), 1u) << "one probe";
    EXPECT_EQ(world.dispatched[0]->items[0].attempt, 1u);
    world.Run();
  }
  EXPECT_THAT(world.worker().Pending(), Contains(HasSubstr("paused")));
  down = false;
  ASSERT_TRUE(world.Settle());
  EXPECT_EQ(world.OnTopic(0).size(), 10u);
  EXPECT_THAT(world.OnTopic(1), IsEmpty());
  EXPECT_EQ(world.partition(0).committed, 10u);
}

TEST(Worker, AFullWindowPausesThePartitionAndPendingNamesTheKey) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.window_messages = 8;
  WorkerWorld world(options, Scripted({{"stuck", std::vector<absl::Status>(3, absl::InternalError("x"))}}));
  world.Append(0, "bad", "stuck");
  for (int i = 0; i < 20; ++i) world.Append(0, "k" + std::to_string(i), "m");
  world.Assign(0);
  world.Deliver(0, 4);
  world.Run();
  world.ConfirmAll();
  EXPECT_TRUE(world.partition(0).flowing) << "one stuck key does not stall others before the window is full";
  world.Deliver(0, 4);
  EXPECT_FALSE(world.partition(0).flowing);
  world.Run();
  world.ConfirmAll();
  EXPECT_THAT(world.worker().Pending(), Contains(HasSubstr("key 'bad'")));
  EXPECT_EQ(world.worker().stats().in_window, 8u);
  ASSERT_TRUE(world.Settle());
  EXPECT_TRUE(world.partition(0).flowing);
  EXPECT_EQ(world.partition(0).committed, 21u);
}

TEST(Worker, TheWindowCountsBytesToo) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.window_bytes = 1000;
  WorkerWorld world(options);
  world.Append(0, "a", std::string(600, 'x'));
  world.Append(0, "b", std::string(600, 'x'));
  world.Assign(0);
  world.Deliver(0, 1);
  EXPECT_TRUE(world.partition(0).flowing);
  world.Deliver(0, 1);
  EXPECT_FALSE(world.partition(0).flowing);
  ASSERT_TRUE(world.Settle());
  EXPECT_TRUE(world.partition(0).flowing);
}

TEST(Worker, ATimeOutCancelsBlocksTheKeyAndThrowsTheLateResultAway) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.attempt_timeout = milliseconds(100);
  options.concurrency = 2;
  WorkerWorld world(options);
  world.Append(0, "a", "a1");
  world.Assign(0);
  world.Deliver(0);
  AttemptGroup* group = world.dispatched[0];
  world.FireTimer();
  EXPECT_TRUE(group->results[0].cancelled);
  world.Append(0, "a", "a2");
  world.Deliver(0);
  EXPECT_EQ(world.dispatched.size(), 1u) << "the key stays blocked until the attempt returns";
  world.Run();
  EXPECT_THAT(world.in_flight, IsEmpty()) << "a late result is discarded";
  EXPECT_EQ(world.worker().stats().retried, 1u);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a1", "a2"));
}

TEST(Worker, PastTheGraceTheInstanceIsNotReadyAndGivesItsPartitionsUp) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.attempt_timeout = milliseconds(100);
  options.timeout_grace = seconds(1);
  options.batch = 1;
  WorkerWorld world(options);
  world.Append(0, "a", "a1");
  world.Append(1, "b", "b1");
  world.Assign(0);
  world.Assign(1);
  world.Deliver(0);
  world.FireTimer();
  world.FireTimer();
  EXPECT_FALSE(world.ready);
  EXPECT_THAT(world.released, ElementsAre(1)) << "what has nothing running goes at once";
  world.FireTimer();
  EXPECT_THAT(world.released, ElementsAre(1, 0));
  world.Run();
  EXPECT_TRUE(world.ready);
  EXPECT_EQ(world.partition(0).committed, 0u);
  EXPECT_EQ(world.worker().stats().stale, 1u);
}

TEST(Worker, ATimeOutIsChargedToTheItemThatRunsAndCountsFromItsBeginning) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.attempt_timeout = milliseconds(100);
  options.retry.attempts_max = 1;
  WorkerWorld world(options);
  for (const char* body : {"a", "b", "c"}) world.Append(0, body, body);
  world.Assign(0);
  world.Deliver(0);
  ASSERT_EQ(world.dispatched.size(), 1u);
  AttemptGroup* group = world.dispatched[0];
  // Nothing is reported: a was quick, and b began 60 ms after it.
  const MonotonicTime began = world.Now() + milliseconds(60);
  world.progress = [&](const AttemptGroup&) { return AttemptProgress::Reading{.from = 1, .to = 2, .since = began}; };
  world.FireTimer();
  EXPECT_FALSE(group->results[0].cancelled);
  EXPECT_FALSE(group->results[1].cancelled) << "it has run for 40 ms";
  EXPECT_EQ(world.timer(), began + options.attempt_timeout);
  world.FireTimer();
  EXPECT_FALSE(group->results[0].cancelled);
  EXPECT_TRUE(group->results[1].cancelled);
  EXPECT_FALSE(group->results[2].cancelled);
  world.Run();
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a", "c"));
  EXPECT_THAT(Bodies(world.OnTopic(1)), ElementsAre("b"));
}

TEST(Worker, AGroupThatGetsOnMayTakeAsLongAsItLikes) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.attempt_timeout = milliseconds(100);
  WorkerWorld world(options);
  for (int i = 0; i < 30; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i));
  world.Assign(0);
  world.Deliver(0);
  ASSERT_EQ(world.dispatched.size(), 1u);
  const MonotonicTime start = world.Now();
  world.progress = [&](const AttemptGroup&) {
    const auto item = static_cast<uint32_t>((world.Now() - start) / milliseconds(60));
    return AttemptProgress::Reading{.from = item, .to = item + 1, .since = start + item * milliseconds(60)};
  };
  while (world.Now() < start + milliseconds(1700)) world.FireTimer();
  world.Run();
  EXPECT_THAT(world.trace, Not(Contains(HasSubstr("cancel"))));
  EXPECT_EQ(world.worker().stats().retried, 0u);
}

TEST(Worker, OfABatchThatRunsOutOfTimeEachIsTriedAloneAndOnlyTheSlowOneHasFailed) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.attempt_timeout = milliseconds(100);
  options.batch_stage = true;
  options.concurrency = 2;
  options.retry.attempts_max = 1;
  WorkerWorld world(options);
  for (const char* body : {"a", "slow", "b"}) world.Append(0, body, body);
  world.Assign(0);
  world.Deliver(0);
  ASSERT_EQ(world.dispatched.size(), 2u);
  AttemptGroup* group = world.dispatched[0];
  ASSERT_EQ(group->items.size(), 2u);
  world.Run(1);
  world.FireTimer();
  EXPECT_TRUE(group->results[0].cancelled && group->results[1].cancelled);
  world.Append(0, "c", "c");
  world.Append(0, "d", "d");
  world.Deliver(0);
  world.Run(0);
  while (!world.dispatched.empty()) {
    const AttemptGroup& next = *world.dispatched[0];
    const auto is = [](const AttemptItem& item, const char* body) { return item.delivery.message.body == body; };
    for (const AttemptItem& item : next.items) {
      if (is(item, "a") || is(item, "slow")) {
        EXPECT_EQ(next.items.size(), 1u);
      }
    }
    if (is(next.items[0], "slow")) world.FireTimer();
    world.Run(0);
  }
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ::testing::UnorderedElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(Bodies(world.OnTopic(1)), ElementsAre("slow"));
}

// Gives the partition up as often as it hangs: the world's attempts do not return while a partition is held. The number of
// owners that it took.
int OwnersUntilSettled(WorkerWorld& world, const std::string& hangs) {
  for (int owners = 1; owners <= 50; ++owners) {
    world.Assign(0);
    while (world.partition(0).epoch != 0 && !world.AllSettled()) {
      const auto hanging = [&](const AttemptGroup* group) {
        return std::any_of(group->items.begin(), group->items.end(),
                           [&](const AttemptItem& item) { return item.delivery.message.body == hangs; });
      };
      const auto quick = std::find_if_not(world.dispatched.begin(), world.dispatched.end(), hanging);
      if (!world.notes.empty()) {
        world.AnswerNote();
      } else if (world.partition(0).next < world.partition(0).records.size()) {
        world.Deliver(0);
      } else if (quick != world.dispatched.end()) {
        world.Run(static_cast<size_t>(quick - world.dispatched.begin()));
      } else if (!world.in_flight.empty()) {
        world.Confirm();
      } else if (!world.TakeGate()) {
        world.FireTimer();
      }
    }
    if (world.AllSettled()) return owners;
    world.Crash();  // the attempt never returns, and somebody starts the process again
  }
  return 0;
}

TEST(Worker, AMessageThatNeverReturnsIsCountedAcrossOwnersAndEndsAsADeadLetter) {
  for (const bool batch_stage : {false, true}) {
    WorkerOptions options = WorkerWorld::DefaultOptions();
    options.attempt_timeout = milliseconds(100);
    options.timeout_grace = seconds(1);
    options.batch_stage = batch_stage;
    options.retry.attempts_max = 3;
    WorkerWorld world(options);
    world.progress = [&](const AttemptGroup& group) {
      AttemptProgress::Reading running{.from = 0, .to = static_cast<uint32_t>(group.items.size()), .since = {0}};
      for (uint32_t i = 0; i < group.items.size() && !batch_stage; ++i) {
        if (group.items[i].delivery.message.body == "hang") running = {.from = i, .to = i + 1, .since = {0}};
      }
      return running;
    };
    for (const char* body : {"a", "b", "hang", "c"}) world.Append(0, body, body);
    // Of a batch the first owner does not know whose fault it is.
    EXPECT_EQ(OwnersUntilSettled(world, "hang"), 3 + (batch_stage ? 1 : 0) + 1);
    EXPECT_THAT(Bodies(world.OnTopic(0)), ::testing::UnorderedElementsAre("a", "b", "c"));
    ASSERT_THAT(Bodies(world.OnTopic(1)), ElementsAre("hang"));
    EXPECT_THAT(world.OnTopic(1)[0].headers.at(std::string(kDeadReason)), HasSubstr("did not return"));
    EXPECT_EQ(world.OnTopic(1)[0].headers.at(std::string(kDeadAttempts)), "3");
  }
}

TEST(Worker, WithoutNotesTheDeliveryCountEndsWhatNeverReturns) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.settlement = bus::Settlement::kIndividual;
  options.notes = false;
  options.attempt_timeout = milliseconds(100);
  options.timeout_grace = seconds(1);
  WorkerWorld world(options);
  world.progress = [&](const AttemptGroup& group) {
    AttemptProgress::Reading running;
    for (uint32_t i = 0; i < group.items.size(); ++i) {
      if (group.items[i].delivery.message.body == "hang") running = {.from = i, .to = i + 1, .since = {0}};
    }
    return running;
  };
  for (const char* body : {"a", "b", "hang", "c"}) world.Append(0, body, body);
  const int owners = OwnersUntilSettled(world, "hang");
  EXPECT_GT(owners, 0);
  EXPECT_LE(owners, 22);
  EXPECT_THAT(Bodies(world.OnTopic(0)), ::testing::UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(Bodies(world.OnTopic(1)), ElementsAre("hang"));
}

TEST(Worker, TimeOutOfTheMiddleOfAChainDiscardsWhatRanBehindIt) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.attempt_timeout = milliseconds(100);
  WorkerWorld world(options);
  for (const char* body : {"a1", "a2", "a3"}) world.Append(0, "a", body);
  world.Assign(0);
  world.Deliver(0);
  world.RunPart(0, 1);
  world.Advance(milliseconds(150));
  world.FireTimer();
  world.RunPart(0, 3);
  world.ConfirmAll();
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a1"));
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a1", "a2", "a3"));
}

TEST(Worker, RevokingFinishesWhatRunsSettlesAndReleases) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.batch = 1;
  WorkerWorld world(options);
  world.Append(0, "a", "a1");
  world.Append(0, "b", "b1");
  world.Assign(0);
  world.Deliver(0);
  world.Revoke(0, seconds(10));
  EXPECT_THAT(world.released, IsEmpty());
  world.Run();
  EXPECT_TRUE(world.dispatched.empty()) << "nothing new starts";
  world.ConfirmAll();
  EXPECT_EQ(world.partition(0).committed, 1u);
  EXPECT_THAT(world.released, ElementsAre(0));
}

TEST(Worker, AtTheRevokesDeadlineThePartitionIsGivenUpAndLateResultsSettleNothing) {
  WorkerWorld world;
  world.Append(0, "a", "a1");
  world.Assign(0);
  world.Deliver(0);
  world.Revoke(0, seconds(1));
  world.FireTimer();
  EXPECT_THAT(world.released, ElementsAre(0));
  world.Run();
  EXPECT_THAT(world.in_flight, IsEmpty());
  EXPECT_EQ(world.partition(0).committed, 0u);
}

TEST(Worker, LostMeansNoSettlementAndStaleEpochsAreIgnored) {
  WorkerWorld world;
  world.Append(0, "a", "a1");
  world.Assign(0);
  world.Deliver(0);
  world.Run();
  world.Lose(0);
  world.Assign(0);
  const size_t settles = CountOf(world.trace, "settle 0 0-");
  world.ConfirmAll();
  EXPECT_EQ(CountOf(world.trace, "settle 0 0-"), settles) << "a confirm from an earlier epoch settles nothing";
  EXPECT_EQ(world.partition(0).committed, 0u);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("a1", "a1"));
  EXPECT_EQ(world.OnTopic(0)[0].headers.at("ce_id"), world.OnTopic(0)[1].headers.at("ce_id"))
      << "a replay has the same id";
  EXPECT_EQ(world.OnTopic(0)[0].headers.at("mr_digest"), world.OnTopic(0)[1].headers.at("mr_digest"));
}

TEST(Worker, FailedPublishesAreRepeatedInOrderUnderTheSameIdsBeforeAnythingNew) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  WorkerWorld world(options);
  for (int i = 0; i < 4; ++i) world.Append(0, "same", "m" + std::to_string(i));
  world.Assign(0);
  world.Deliver(0, 3);
  world.Run();
  ASSERT_EQ(world.in_flight.size(), 3u);
  const std::string id0 = world.in_flight[0].output.headers.at("ce_id");
  world.Confirm(0, absl::UnavailableError("leader gone"));
  world.Deliver(0);
  world.Run();
  EXPECT_EQ(world.in_flight.size(), 2u) << "nothing new on the lane";
  world.Confirm(0, absl::UnavailableError("leader gone"));
  world.Confirm(0, absl::DeadlineExceededError("unknown"));
  EXPECT_EQ(world.partition(0).committed, 0u);
  world.FireTimer();
  ASSERT_EQ(world.in_flight.size(), 4u);
  EXPECT_EQ(world.in_flight[0].output.headers.at("ce_id"), id0);
  std::vector<std::string> order;
  for (const auto& f : world.in_flight) order.push_back(f.output.body);
  EXPECT_THAT(order, ElementsAre("m0", "m1", "m2", "m3"));
  ASSERT_TRUE(world.Settle());
  EXPECT_EQ(world.partition(0).committed, 4u);
}

TEST(Worker, ARepeatIsNotPublishedForAnInputThatIsNoLongerOurs) {
  WorkerWorld world;
  world.Append(0, "a", "a1");
  world.Assign(0);
  world.Deliver(0);
  world.Run();
  world.Confirm(0, absl::UnavailableError("x"));
  world.Lose(0);
  world.FireTimer();
  EXPECT_THAT(world.in_flight, IsEmpty());
}

TEST(Worker, AnOutputThatCanNeverBePublishedMakesItsInputADeadLetter) {
  WorkerWorld world;
  world.Append(0, "a", "a1");
  world.Assign(0);
  world.Deliver(0);
  world.Run();
  world.Confirm(0, absl::InvalidArgumentError("too large"));
  ASSERT_TRUE(world.Settle());
  ASSERT_EQ(world.OnTopic(1).size(), 1u);
  EXPECT_THAT(world.OnTopic(1)[0].headers.at(std::string(kDeadReason)), HasSubstr("too large"));
  EXPECT_EQ(world.partition(0).committed, 1u);
}

TEST(Worker, ADeadLetterThatIsRefusedKeepsItsSourceUnsettledUntilItGoesThrough) {
  WorkerWorld world(WorkerWorld::DefaultOptions(), Scripted({{"bad", {absl::InvalidArgumentError("no")}}}));
  world.Append(0, "a", "bad");
  world.Assign(0);
  world.Deliver(0);
  world.Run();
  for (int i = 0; i < 5; ++i) {
    world.Confirm(0, i % 2 == 0 ? absl::UnavailableError("x") : absl::InvalidArgumentError("y"));
    EXPECT_EQ(world.partition(0).committed, 0u);
    world.FireTimer();
    ASSERT_EQ(world.in_flight.size(), 1u);
  }
  ASSERT_TRUE(world.Settle());
  EXPECT_EQ(world.OnTopic(1).size(), 1u);
  EXPECT_EQ(world.partition(0).committed, 1u);
}

TEST(Worker, ADeadLetterOverTheLimitIsSpooledThenCut) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.dead_letter_bytes_max = 20'000;
  const std::string large(30'000, 'z');
  WorkerWorld world(options, Scripted({{large, {absl::InvalidArgumentError("no")}}}));
  world.Append(0, "a", large);
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  ASSERT_EQ(world.spooled.size(), 1u);
  EXPECT_EQ(world.spooled[0].first, large);
  ASSERT_EQ(world.OnTopic(1).size(), 1u);
  const WorldOutput dead = world.OnTopic(1)[0];
  EXPECT_LT(dead.body.size(), 20'000u);
  EXPECT_THAT(dead.headers.at(std::string(kDeadCut)), HasSubstr("30000 "));
  EXPECT_EQ(world.partition(0).committed, 1u);
}

TEST(Worker, AParkedKeyFollowsItsDeadLetterAcrossRestartsUntilItIsRedriven) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.park_key = true;
  options.strict = true;
  WorkerWorld world(options, Scripted({{"a1", {absl::InvalidArgumentError("no")}}}));
  for (const char* body : {"a1", "a2", "b1"}) world.Append(0, std::string(1, body[0]), body);
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(1)), ElementsAre("a1", "a2"));
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("b1"));
  world.Crash();
  world.Append(0, "a", "a3");
  std::string redriven;
  bus::HeaderBuilder(&redriven).Add("mr_redriven", "1");
  world.Append(0, "a", "a1 mended", -1, redriven);
  world.Append(0, "a", "a4");
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(Bodies(world.OnTopic(1)), ElementsAre("a1", "a2", "a3"));
  EXPECT_THAT(Bodies(world.OnTopic(0)), ElementsAre("b1", "a1 mended", "a4"));
  EXPECT_THAT(world.partition(0).note, Not(HasSubstr("parked")));
}

// Their keys have to fit into one note when their dead letters are confirmed, however many of those are under way.
TEST(Worker, DeadLettersUnderWayHaveTheirKeysCountedAmongTheParked) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.park_key = true;
  WorkerWorld world(options, [](Context&, const bus::Message&, Outputs&) { return absl::InvalidArgumentError("no"); });
  for (int i = 0; i < 500; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i));
  world.Assign(0);
  for (int round = 0; round < 20; ++round) {
    world.Deliver(0);
    while (!world.dispatched.empty()) world.Run();
    while (!world.notes.empty()) world.AnswerNote();
  }
  EXPECT_EQ(world.in_flight.size(), PartitionNote::kParkedMax);
  world.ConfirmAll();
  while (!world.notes.empty()) world.AnswerNote();
  EXPECT_EQ(world.partition(0).committed, PartitionNote::kParkedMax);
  EXPECT_LE(world.partition(0).note.size(), PartitionNote::kBytesMax);
  EXPECT_EQ(PartitionNote::Read(world.partition(0).note).parked.size(), PartitionNote::kParkedMax);
}

TEST(Worker, AnInputThatKillsTheProcessIsFoundAcrossRestartsAndOnlyThatOne) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.concurrency = 4;
  options.batch = 2;
  WorkerWorld world(options);
  for (int i = 0; i < 10; ++i) world.Append(0, "k" + std::to_string(i), i == 5 ? "killer" : "m" + std::to_string(i));
  int deaths = 0;
  world.before_action = [&](const Action& action) {
    const auto* dispatch = std::get_if<DispatchAction>(&action);
    if (dispatch == nullptr) return true;
    for (const AttemptItem& item : dispatch->group->items) {
      if (item.delivery.message.body == "killer") return false;
    }
    return true;
  };
  for (; deaths < 50; ++deaths) {
    world.Assign(0);
    if (world.Settle()) break;
    world.Crash();
  }
  EXPECT_LE(deaths, 3 + 3 + 1);
  EXPECT_TRUE(world.AllSettled());
  ASSERT_EQ(world.OnTopic(1).size(), 1u);
  EXPECT_EQ(world.OnTopic(1)[0].body, "killer");
  EXPECT_THAT(world.OnTopic(1)[0].headers.at(std::string(kDeadReason)), HasSubstr("the process died 3 times"));
}

TEST(Worker, WithoutNotesTheDeliveryCountOfTheHeadFindsTheKiller) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.settlement = bus::Settlement::kIndividual;
  options.notes = false;
  options.batch = 4;
  WorkerWorld world(options);
  for (int i = 0; i < 6; ++i) world.Append(0, "k" + std::to_string(i), i == 2 ? "killer" : "m" + std::to_string(i));
  world.before_action = [&](const Action& action) {
    const auto* dispatch = std::get_if<DispatchAction>(&action);
    return dispatch == nullptr ||
           std::none_of(dispatch->group->items.begin(), dispatch->group->items.end(),
                        [](const AttemptItem& item) { return item.delivery.message.body == "killer"; });
  };
  int deaths = 0;
  for (; deaths < 50; ++deaths) {
    world.Assign(0);
    if (world.Settle()) break;
    world.Crash();
  }
  EXPECT_LE(deaths, 22);
  EXPECT_TRUE(world.AllSettled());
  EXPECT_THAT(Bodies(world.OnTopic(1)), ElementsAre("killer"));
}

TEST(Worker, CleanHandOversDuringAnOutageAccuseNobody) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  bool down = true;
  WorkerWorld world(options, [&down](Context& c, const bus::Message& m, Outputs& o) -> absl::Status {
    return down ? absl::UnavailableError("down") : WorkerWorld::PassThrough(c, m, o);
  });
  world.Append(0, "a", "a1");
  world.Append(0, "b", "b1");
  for (int i = 0; i < 20; ++i) {
    world.Assign(0);
    world.AnswerNote();
    world.Deliver(0);
    while (world.dispatched.empty()) world.FireTimer();
    world.Run();
    world.Revoke(0, seconds(1));
    while (!world.notes.empty()) world.AnswerNote();
  }
  EXPECT_THAT(world.partition(0).note, Not(HasSubstr("starts"))) << world.partition(0).note;
  down = false;
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_THAT(world.OnTopic(1), IsEmpty());
  EXPECT_EQ(world.OnTopic(0).size(), 2u);
}

TEST(Worker, ACleanLeaveIsNotRepeatedEvenWhereItFinishedOutOfOrder) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.concurrency = 4;
  options.batch = 1;
  WorkerWorld world(options, Scripted({{"m1", {absl::InternalError("x")}}}));
  for (int i = 0; i < 6; ++i) world.Append(0, "k" + std::to_string(i), "m" + std::to_string(i), 10 * i);
  world.Assign(0);
  world.Deliver(0, 5);
  while (!world.dispatched.empty()) world.Run();
  world.ConfirmAll();
  world.Drain(seconds(1));
  EXPECT_TRUE(world.left);
  EXPECT_EQ(world.partition(0).committed, 10u);
  EXPECT_THAT(world.partition(0).note, HasSubstr("done=20-40"));
  world.Crash();
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_EQ(world.partition(0).committed, 51u);
  EXPECT_THAT(Bodies(world.OnTopic(0)), ::testing::UnorderedElementsAre("m0", "m1", "m2", "m3", "m4", "m5"))
      << "each once";
}

TEST(Worker, NotesOfOthersAreNoNotes) {
  WorkerWorld world;
  world.partition(0).note = "some other tool's metadata";
  world.Append(0, "a", "a1");
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_EQ(world.partition(0).committed, 1u);
}

TEST(Worker, DrainStartsNothingReleasesBackOffAtOnceAndLeaves) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.batch = 1;
  WorkerWorld world(options, Scripted({{"a1", {absl::InternalError("x")}}}));
  for (const char* body : {"a1", "b1", "c1"}) world.Append(0, std::string(1, body[0]), body);
  world.Append(1, "d", "d1");
  world.Assign(0);
  world.Assign(1);
  world.Deliver(0);
  world.Run();  // a1 fails and is in back-off; b1 runs
  world.Drain(seconds(20));
  EXPECT_THAT(world.released, ElementsAre(1));
  EXPECT_FALSE(world.partition(0).flowing) << "what comes while the last attempts run would pile up";
  world.Deliver(0);
  world.Run();
  EXPECT_TRUE(world.dispatched.empty()) << "no dispatch after the drain began";
  EXPECT_FALSE(world.left);
  world.ConfirmAll();
  EXPECT_THAT(world.released, ElementsAre(1, 0)) << "a key in back-off is released, not waited for";
  EXPECT_TRUE(world.left);
  EXPECT_EQ(world.partition(0).committed, 0u);
  EXPECT_THAT(world.OnTopic(1), IsEmpty());
}

TEST(Worker, WhatIsAssignedWhileDrainingGoesBackAtOnce) {
  WorkerWorld world;
  world.Drain(seconds(1));
  EXPECT_TRUE(world.left);
  world.Append(0, "a", "a1");
  world.Assign(0);
  EXPECT_THAT(world.released, ElementsAre(0));
}

TEST(Worker, KeylessMessagesRunConcurrentlyAndAllAreSettled) {
  WorkerWorld world;
  for (int i = 0; i < 200; ++i) world.Append(i % 4, std::nullopt, "m" + std::to_string(i));
  for (int p = 0; p < 4; ++p) world.Assign(p);
  ASSERT_TRUE(world.Settle());
  EXPECT_TRUE(world.AllSettled());
  EXPECT_EQ(world.OnTopic(0).size(), 200u);
}

TEST(Worker, AStageThatEmitsNothingIsSettled) {
  WorkerWorld world(WorkerWorld::DefaultOptions(),
                    [](Context&, const bus::Message&, Outputs&) { return absl::OkStatus(); });
  world.Append(0, "a", "a1");
  world.Assign(0);
  ASSERT_TRUE(world.Settle());
  EXPECT_EQ(world.partition(0).committed, 1u);
}

}  // namespace
}  // namespace millrace::stages
