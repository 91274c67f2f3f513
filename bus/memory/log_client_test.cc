#include "bus/memory/log_client.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bus/memory/log_test_support.h"

namespace millrace::bus {
namespace {

using log_testing::ConfirmRecorder;
using log_testing::CountingWaker;
using log_testing::Member;
using log_testing::Recorder;
using log_testing::SlowLink;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LogClientTest : public ::testing::Test {
 protected:
  void Topic(int32_t partitions, TopicSpec spec = {.name = "raw", .groups = {"g"}}) {
    spec.partitions = partitions;
    topic = *broker.CreateTopic(spec);
  }
  void Put(int32_t partition, int count, const std::string& prefix = "m") {
    for (int i = 0; i < count; ++i) {
      const std::string body = prefix + std::to_string(put++);
      broker.Append({topic, partition}, {.body = body});
    }
  }
  Member& Join(ConsumerOptions options = {}, LogConsumerOptions log = {}) {
    options.group = "g";
    options.topics = {"raw"};
    members.push_back(std::make_unique<Member>(broker, options, now, log));
    return *members.back();
  }
  // Polls everybody in turn while time stands still, releasing what is revoked.
  void Settle(bool release = true) {
    for (int round = 0; round < 12; ++round) {
      for (auto& member : members) {
        if (!member->consumer) continue;
        member->Poll(now);
        if (release) member->ReleaseAll();
      }
    }
  }
  // The same, in steps of time.
  void Pass(Duration time, Duration step = milliseconds(500)) {
    for (const MonotonicTime end = now + time; now < end;) {
      now = now + step;
      broker.Advance(now);
      Settle();
    }
  }
  static int64_t Lost(const Member& member) {
    const std::vector<std::string>& log = member.recorder.log;
    return std::count_if(log.begin(), log.end(), [](const std::string& line) { return line.starts_with("lost "); });
  }
  int64_t Committed(int32_t partition) { return broker.Group("g")->CommittedOf({topic, partition}).offset; }

  MonotonicTime now{1'000'000'000};
  LogBroker broker{{}};
  int32_t topic = -1;
  int put = 0;
  std::vector<std::unique_ptr<Member>> members;
};

TEST_F(LogClientTest, AloneItHoldsAllAndStartsAtTheBeginning) {
  Topic(3);
  Put(1, 5);
  Member& a = Join({.batch_max = 2});
  a.SettleBatches();
  Settle();
  EXPECT_EQ(a.recorder.Numbers(), (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(a.recorder.held.at({0, 1}).start, 0u);
  EXPECT_EQ(a.recorder.Bodies(), (std::vector<std::string>{"m0", "m1", "m2", "m3", "m4"}));
  EXPECT_EQ(a.recorder.batches, (std::vector<size_t>{2, 2, 1}));
  EXPECT_EQ(Committed(1), 5);
  EXPECT_EQ(broker.Log({topic, 1}).start(), 5) << "what every group has settled is given back";
  EXPECT_TRUE(a.recorder.troubles.empty());
}

TEST_F(LogClientTest, WakesWhenThereIsSomething) {
  Topic(1);
  Member& a = Join();
  Settle();
  EXPECT_GT(a.consumer->NextTimer(), now) << "nothing to do";
  const int before = a.waker.wakes;
  Put(0, 1);
  EXPECT_EQ(a.waker.wakes, before + 1);
  a.Poll(now);
  EXPECT_EQ(a.recorder.got.size(), 1u);
}

TEST_F(LogClientTest, TakesTurnsBetweenPartitions) {
  Topic(2);
  Put(0, 6);
  Put(1, 6);
  Member& a = Join({.batch_max = 2});
  Settle();
  std::vector<int32_t> turns;
  for (size_t i = 0; i < a.recorder.got.size(); i += 2) turns.push_back(a.recorder.got[i].holding.partition.number);
  EXPECT_EQ(turns, (std::vector<int32_t>{0, 1, 0, 1, 0, 1}));
}

TEST_F(LogClientTest, ACrashBringsBackWhatWasNotCommittedAndNothingElse) {
  Topic(1);
  Put(0, 6);
  Member& a = Join({.batch_max = 6});
  Settle();
  a.Settle(a.HoldingOf(0), 4);
  a.consumer.reset();  // crashes
  Member& b = Join();
  Pass(seconds(44));
  EXPECT_TRUE(b.recorder.got.empty()) << "the session of the dead one still runs";
  Pass(seconds(3));
  EXPECT_EQ(b.recorder.held.at({0, 0}).start, 4u);
  EXPECT_EQ(b.recorder.Bodies(), (std::vector<std::string>{"m4", "m5"}));
}

TEST_F(LogClientTest, ConnectionSessionsEndWithTheConnection) {
  Topic(1);
  Put(0, 3);
  Member& a = Join({}, {.session_is_connection = true});
  Settle();
  a.Settle(a.HoldingOf(0), 1);
  now = now + std::chrono::hours(1);  // alive all the time, though it never says so
  Member& b = Join({}, {.session_is_connection = true});
  b.Poll(now);
  EXPECT_TRUE(b.recorder.held.empty());
  a.consumer.reset();
  Settle();
  EXPECT_EQ(b.recorder.Bodies(), (std::vector<std::string>{"m1", "m2"}));
}

TEST_F(LogClientTest, AStaticMemberKeepsItsPlaceThoughItsConnectionWasItsSession) {
  Topic(2);
  ConsumerOptions options;
  options.static_id = "one";
  Member& a = Join(options, {.session_is_connection = true});
  Member& b = Join({}, {.session_is_connection = true});
  Settle();
  const std::vector<int32_t> of_a = a.recorder.Numbers();
  const size_t told = b.recorder.log.size();
  a.consumer.reset();
  Pass(seconds(20));
  Member& again = Join(options, {.session_is_connection = true});
  Settle();
  EXPECT_EQ(again.recorder.Numbers(), of_a);
  EXPECT_EQ(b.recorder.log.size(), told);
  again.consumer.reset();
  Pass(seconds(46));
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{0, 1}));
}

TEST_F(LogClientTest, CloseCommitsLeavesAndHandsOverAtOnce) {
  Topic(1);
  Put(0, 3);
  Member& a = Join();
  Settle();
  a.Settle(a.HoldingOf(0), 2);
  EXPECT_TRUE(a.consumer->Close(now + seconds(1)).ok());
  a.consumer.reset();
  EXPECT_EQ(broker.Group("g")->state(), LogGroup::State::kEmpty);
  Member& b = Join();
  Settle();
  EXPECT_EQ(b.recorder.Bodies(), (std::vector<std::string>{"m2"}));
}

TEST_F(LogClientTest, EagerRebalanceRevokesAllAndSplits) {
  Topic(4);
  Member& a = Join();
  Settle();
  const Epoch before = a.HoldingOf(3).epoch;
  Member& b = Join();
  b.Poll(now);
  a.Poll(now + seconds(3));  // its heartbeat tells
  ASSERT_EQ(a.recorder.revoking.size(), 4u);
  EXPECT_EQ(a.recorder.deadline, now + seconds(3) + seconds(20));
  EXPECT_TRUE(b.recorder.held.empty()) << "not before the other has given back";
  now = now + seconds(3);
  Settle();
  EXPECT_EQ(a.recorder.Numbers(), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{2, 3}));
  EXPECT_GT(a.HoldingOf(0).epoch, before);
}

TEST_F(LogClientTest, WhileRevokingSettlingWorksAndNothingIsDelivered) {
  Topic(1);
  Put(0, 4);
  Member& a = Join({.batch_max = 2});
  a.Poll(now);
  const Holding h = a.HoldingOf(0);
  Member& b = Join();
  b.Poll(now);
  now = now + seconds(3);
  a.Poll(now);
  ASSERT_EQ(a.recorder.revoking.size(), 1u);
  const size_t got = a.recorder.got.size();
  a.Poll(now);
  EXPECT_EQ(a.recorder.got.size(), got);
  a.Settle(h, 2);
  a.ReleaseAll();
  a.Settle(h, 3);  // too late: released
  Settle();
  EXPECT_EQ(Committed(0), 2);
}

TEST_F(LogClientTest, AtTheDeadlineItIsLost) {
  Topic(2);
  Member& a = Join();
  Settle();
  Member& b = Join({.revoke_timeout = seconds(20)});
  b.Poll(now);
  now = now + seconds(3);
  a.Poll(now);
  ASSERT_EQ(a.recorder.revoking.size(), 2u);
  for (int s = 0; s < 21; ++s) {
    now = now + seconds(1);
    broker.Advance(now);
    a.Poll(now);
    b.Poll(now);
  }
  EXPECT_EQ(std::count(a.recorder.log.begin(), a.recorder.log.end(), "lost 0/0"), 1);
  EXPECT_EQ(a.recorder.Numbers(), (std::vector<int32_t>{0}));
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{1}));
}

TEST_F(LogClientTest, CooperativeRebalanceMovesOnlyWhatMoves) {
  Topic(4);
  Put(0, 10);
  Member& a = Join({.batch_max = 2, .cooperative = true});
  Settle();
  const Epoch kept = a.HoldingOf(0).epoch;
  a.consumer->Flow(a.HoldingOf(1), false);
  Member& b = Join({.cooperative = true});
  Pass(seconds(10));
  EXPECT_EQ(a.recorder.Numbers(), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(a.HoldingOf(0).epoch, kept);
  EXPECT_EQ(std::count(a.recorder.log.begin(), a.recorder.log.end(), "revoking 0/0"), 0);
  EXPECT_EQ(a.recorder.got.size(), 10u) << "no message twice";
  Put(1, 1);
  Settle();
  EXPECT_EQ(a.recorder.got.size(), 10u) << "flow is still off";
  a.consumer->Flow(a.HoldingOf(1), true);
  Settle();
  EXPECT_EQ(a.recorder.got.size(), 11u);
  b.consumer->Close(now).IgnoreError();
  b.consumer.reset();
  Pass(seconds(10));
  EXPECT_EQ(a.recorder.Numbers(), (std::vector<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(a.HoldingOf(0).epoch, kept);
}

TEST_F(LogClientTest, ASettlementDuringACooperativeRebalanceIsNotForgotten) {
  Topic(2);
  Put(0, 4);
  Member& a = Join({.cooperative = true});
  Settle();
  Member& b = Join({.cooperative = true});
  b.Poll(now);
  now = now + seconds(3);
  a.Poll(now);  // joins again, waits for b's sync or is its leader
  a.Settle(a.HoldingOf(0), 3);
  Pass(seconds(5));
  EXPECT_EQ(Committed(0), 3);
}

TEST_F(LogClientTest, AStaticMemberComesBackToItsPartitionsUnnoticed) {
  Topic(4);
  Member& a = Join({.static_id = "one"});
  Member& b = Join({.static_id = "two"});
  Pass(seconds(5));
  const int32_t generation = broker.Group("g")->generation();
  const std::vector<int32_t> of_b = b.recorder.Numbers();
  const size_t told = a.recorder.log.size();
  EXPECT_TRUE(b.consumer->Close(now).ok());
  b.consumer.reset();
  Pass(seconds(5));
  Member& again = Join({.static_id = "two"});
  Pass(seconds(5));
  EXPECT_EQ(again.recorder.Numbers(), of_b);
  EXPECT_EQ(broker.Group("g")->generation(), generation);
  EXPECT_EQ(a.recorder.log.size(), told);
}

// Never answers where partitions start.
class StartlessLink : public SlowLink {
 public:
  using SlowLink::SlowLink;
  void Send(const LogRequest& request, MonotonicTime now) override {
    if (request.method != LogMethod::kOffsets) SlowLink::Send(request, now);
  }
};

// What it owns counts from the assignment on, whether it has begun or not: whoever gets it next waits until it is given back.
TEST_F(LogClientTest, WhatMovesAwayBeforeItHasBegunIsHandedOn) {
  Topic(4);
  CountingWaker waker;
  Recorder recorder;
  auto link = std::make_unique<StartlessLink>(broker, waker);
  StartlessLink* passes = link.get();
  LogConsumer slow({.group = "g", .topics = {"raw"}, .cooperative = true}, {}, std::move(link), now);
  const auto pass = [&](int rounds) {
    for (int round = 0; round < rounds; ++round) {
      now = now + milliseconds(500);
      broker.Advance(now);
      Settle();
      slow.Advance(now);
      passes->Pass(100, now);
      slow.Poll(recorder);
    }
  };
  pass(10);
  ASSERT_EQ(broker.Group("g")->Members().size(), 1u);
  EXPECT_TRUE(recorder.held.empty());
  Member& b = Join({.cooperative = true});
  pass(30);
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{2, 3}));
}

// The group went on while its connection was broken; it joins again with what it holds, and the broker refuses what it
// commits under the old generation meanwhile. The partition stays its own, so the settlement is said again.
TEST_F(LogClientTest, WhatIsRefusedWhileItJoinsAgainIsCommittedAfterIt) {
  Topic(2);
  for (int32_t p = 0; p < 2; ++p) Put(p, 2);
  Join({.cooperative = true});
  Settle();
  CountingWaker waker;
  Recorder recorder;
  auto link = std::make_unique<SlowLink>(broker, waker);
  SlowLink* passes = link.get();
  LogConsumer slow({.group = "g", .topics = {"raw"}, .cooperative = true}, {}, std::move(link), now);
  const auto poll = [&] {
    slow.Advance(now);
    slow.Poll(recorder);
    passes->Pass(100, now);
    slow.Poll(recorder);
  };
  const auto pass = [&](int rounds, const std::function<void()>& one) {
    for (int round = 0; round < rounds; ++round) {
      now = now + milliseconds(500);
      broker.Advance(now);
      Settle();
      one();
    }
  };
  pass(30, [&] {
    poll();
    for (const Holding& h : std::exchange(recorder.revoking, {})) slow.Release(h);
  });
  ASSERT_EQ(recorder.held.size(), 1u);
  const Holding holding = recorder.held.begin()->second.holding;
  const int32_t before = broker.Group("g")->generation();
  // A third comes. The slow one joins again, and its connection breaks before it hears the answer.
  Join({.cooperative = true});
  pass(12, [&] {
    if (broker.Group("g")->generation() != before) return;
    slow.Advance(now);
    slow.Poll(recorder);
    passes->Pass(100, now);
    if (broker.Group("g")->generation() != before) passes->Cut(now);
  });
  ASSERT_GT(broker.Group("g")->generation(), before);
  ASSERT_EQ(broker.Group("g")->state(), LogGroup::State::kStable);
  // A fourth comes, so that the next join has to wait, and the slow one is back with something to settle.
  Member& fourth = Join({.cooperative = true});
  fourth.Poll(now);
  ASSERT_EQ(broker.Group("g")->state(), LogGroup::State::kPreparingRebalance);
  slow.Settle({.holding = holding, .ranges = {}, .next = 2, .has_note = false, .note = {}});
  for (int i = 0; i < 5; ++i) {
    now = now + milliseconds(100);
    poll();
  }
  ASSERT_EQ(broker.Group("g")->state(), LogGroup::State::kPreparingRebalance);
  EXPECT_LT(Committed(holding.partition.number), 2);
  pass(20, [&] {
    poll();
    for (const Holding& h : std::exchange(recorder.revoking, {})) slow.Release(h);
  });
  EXPECT_EQ(Committed(holding.partition.number), 2);
}

// Replaced while the group waits for it to give something back and join again: the one in its place was never told.
TEST_F(LogClientTest, WhatAStaticMemberOwedToTheGroupIsHandedOnWithoutIt) {
  Topic(4);
  Member& a = Join({.static_id = "one", .cooperative = true});
  Pass(seconds(2));
  ASSERT_EQ(a.recorder.Numbers(), (std::vector<int32_t>{0, 1, 2, 3}));
  Member& b = Join({.cooperative = true});
  for (int s = 0; s < 10 && a.recorder.revoking.empty(); ++s) {
    now = now + seconds(1);
    broker.Advance(now);
    Settle(/*release=*/false);
  }
  ASSERT_EQ(a.recorder.revoking.size(), 2u);
  ASSERT_TRUE(b.recorder.held.empty());
  a.consumer.reset();
  Member& again = Join({.static_id = "one", .cooperative = true});
  Pass(seconds(10));
  EXPECT_EQ(again.recorder.Numbers(), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{2, 3}));
}

TEST_F(LogClientTest, TwoWithOneStaticIdFenceEachOtherOnce) {
  Topic(1);
  Put(0, 2);
  Member& a = Join({.static_id = "one"});
  Settle();
  const Holding old = a.HoldingOf(0);
  Member& b = Join({.static_id = "one"});
  b.Poll(now);
  a.Settle(old, 2);  // the broker knows that this is not the one
  Settle();
  EXPECT_EQ(Committed(0), -1);
  EXPECT_TRUE(a.recorder.held.empty());
  ASSERT_EQ(a.recorder.troubles.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(a.recorder.troubles[0]));
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{0}));
}

TEST_F(LogClientTest, AZombieIsToldAndItsCommitsMeanNothing) {
  Topic(1);
  Put(0, 4);
  Member& a = Join({.batch_max = 2});
  a.Poll(now);
  const Holding h = a.HoldingOf(0);
  Member& b = Join();
  for (int s = 0; s < 50; ++s) {  // a is paused
    now = now + seconds(1);
    broker.Advance(now);
    b.Poll(now);
  }
  ASSERT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{0}));
  b.Settle(b.HoldingOf(0), 3);
  a.Settle(h, 2);  // wakes up and goes on where it was
  EXPECT_EQ(Committed(0), 3);
  a.Poll(now);
  EXPECT_EQ(a.recorder.log.back(), "lost 0/0");
  for (const absl::Status& s : a.recorder.troubles) EXPECT_FALSE(absl::IsDataLoss(s)) << s;
}

// It has heard nothing for a session's time and gives its partitions up; the broker has, and still knows it. Came it back
// under its old name, the broker would take what is still on its way over its old connection.
TEST_F(LogClientTest, HeartbeatsGoOnWhileNobodyPolls) {
  Topic(2);
  Put(0, 2);
  Member& a = Join({}, {.rebalance_timeout = seconds(120)});
  Settle();
  const int32_t generation = broker.Group("g")->generation();
  Member& b = Join({}, {.rebalance_timeout = seconds(120)});
  // Twice the session's length, in which the other one asks to be let in.
  for (const MonotonicTime end = now + seconds(90); now < end;) {
    now = now + seconds(1);
    broker.Advance(now);
    a.consumer->Advance(now);
    a.consumer->KeepAlive();
    b.Poll(now);
  }
  EXPECT_EQ(broker.Group("g")->generation(), generation) << "the group waits for it";
  EXPECT_EQ(a.recorder.Numbers(), (std::vector<int32_t>{0, 1})) << "nothing is told outside of Poll";
  EXPECT_TRUE(b.recorder.held.empty());
  a.SettleBatches();
  a.Settle(a.HoldingOf(0), 2);
  Pass(seconds(5));
  EXPECT_EQ(Committed(0), 2);
  EXPECT_EQ(a.recorder.held.size(), 1u);
  EXPECT_EQ(b.recorder.held.size(), 1u);
  EXPECT_EQ(Lost(a), 0);
}

TEST_F(LogClientTest, WhoDoesNotPollForTooLongLeavesAndIsToldSoLater) {
  Topic(2);
  Put(0, 2);
  Member& a = Join({}, {.rebalance_timeout = seconds(60)});
  Settle();
  const Holding before = a.HoldingOf(0);
  Member& b = Join({}, {.rebalance_timeout = seconds(60)});
  for (const MonotonicTime end = now + seconds(70); now < end;) {
    now = now + seconds(1);
    broker.Advance(now);
    a.consumer->Advance(now);
    a.consumer->KeepAlive();
    b.Poll(now);
  }
  EXPECT_EQ(b.recorder.Numbers(), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(b.recorder.Bodies(), (std::vector<std::string>{"m0", "m1"}));
  a.Settle(before, 2);
  a.Poll(now);
  EXPECT_EQ(Lost(a), 2);
  Pass(seconds(5));
  EXPECT_EQ(Committed(0), -1) << "what the former owner says does not count";
  EXPECT_EQ(a.recorder.held.size(), 1u);
  EXPECT_EQ(b.recorder.held.size(), 1u);
}

TEST_F(LogClientTest, AfterASessionWithoutAnswersItIsAnotherMember) {
  Topic(1);
  Put(0, 4);
  CountingWaker waker;
  Recorder recorder;
  auto link = std::make_unique<SlowLink>(broker, waker);
  SlowLink* passes = link.get();
  LogConsumer slow({.group = "g", .topics = {"raw"}}, {}, std::move(link), now);
  const auto poll = [&] {
    slow.Advance(now);
    slow.Poll(recorder);
    passes->Pass(100, now);
    slow.Poll(recorder);
  };
  for (int round = 0; round < 10; ++round) poll();
  ASSERT_EQ(recorder.held.size(), 1u);
  const std::string name = slow.membership().member();
  const int32_t generation = slow.membership().generation();
  now = now + ConsumerOptions().heartbeat_interval;
  slow.Advance(now);
  slow.Poll(recorder);
  passes->Pass(100, now);  // the broker hears its heartbeat, and it hears no answer
  passes->Cut(now);
  now = now + (ConsumerOptions().session_timeout - ConsumerOptions().heartbeat_interval);
  slow.Advance(now);
  slow.Poll(recorder);
  ASSERT_EQ(recorder.log.back(), "lost 0/0");
  for (int round = 0; round < 400 && recorder.held.empty(); ++round) {
    now = now + milliseconds(500);
    broker.Advance(now);
    poll();
  }
  ASSERT_EQ(recorder.held.size(), 1u);
  const Holding holding = recorder.held.begin()->second.holding;
  slow.Settle({.holding = holding, .ranges = {}, .next = 3, .has_note = false, .note = {}});
  poll();
  ASSERT_EQ(Committed(0), 3);
  EXPECT_NE(slow.membership().member(), name);
  LogDirectLink late(broker, waker);
  late.Connect(now);
  late.Send({.method = LogMethod::kCommit,
             .id = 1,
             .generation = generation,
             .partition = {topic, 0},
             .offset = 2,
             .group = "g",
             .member = name},
            now);
  EXPECT_EQ(Committed(0), 3) << "a commit from before came late";
}

TEST_F(LogClientTest, RetentionThatOvertakesIsAnnounced) {
  Topic(1);
  Put(0, 10);
  Member& a = Join({.batch_max = 2});
  a.Poll(now);
  a.Settle(a.HoldingOf(0), 1);
  broker.DeleteRecordsBefore({topic, 0}, 7);
  Settle();
  ASSERT_EQ(a.recorder.troubles.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(a.recorder.troubles[0]));
  EXPECT_NE(std::string(a.recorder.troubles[0].message()).find("offsets 2 to 6"), std::string::npos)
      << a.recorder.troubles[0];
  ASSERT_EQ(a.recorder.losses.size(), 1u);
  EXPECT_EQ(a.recorder.losses[0].partition, (Partition{0, 0}));
  EXPECT_EQ(a.recorder.losses[0].first, 2u);
  EXPECT_EQ(a.recorder.losses[0].last, 6u);
  EXPECT_EQ(a.recorder.Bodies(), (std::vector<std::string>{"m0", "m1", "m7", "m8", "m9"}));
}

// One answer of the broker may tell of several partitions: each is announced by itself.
TEST_F(LogClientTest, EachPartitionThatLostSomethingIsAnnounced) {
  Topic(3);
  for (int32_t partition = 0; partition < 3; ++partition) Put(partition, 10);
  broker.SetCommitted("g", {topic, 0}, 2, "");
  broker.SetCommitted("g", {topic, 2}, 5, "");
  broker.DeleteRecordsBefore({topic, 0}, 4);
  broker.DeleteRecordsBefore({topic, 2}, 9);
  Member& a = Join();
  Settle();
  ASSERT_EQ(a.recorder.losses.size(), 2u);
  EXPECT_EQ(a.recorder.troubles.size(), 2u);
  std::sort(a.recorder.losses.begin(), a.recorder.losses.end(),
            [](const DataLoss& x, const DataLoss& y) { return x.partition < y.partition; });
  EXPECT_EQ(a.recorder.losses[0].partition, (Partition{0, 0}));
  EXPECT_EQ(a.recorder.losses[0].first, 2u);
  EXPECT_EQ(a.recorder.losses[0].last, 3u);
  EXPECT_EQ(a.recorder.losses[1].partition, (Partition{0, 2}));
  EXPECT_EQ(a.recorder.losses[1].first, 5u);
  EXPECT_EQ(a.recorder.losses[1].last, 8u);
}

// Nobody hears what is announced while it closes, so it leaves both the offset and the announcement to the next owner.
TEST_F(LogClientTest, WhatIsDestroyedUnderOneThatClosesIsAnnouncedByTheNextOwner) {
  Topic(1);
  Put(0, 10);
  CountingWaker waker;
  Recorder recorder;
  auto link = std::make_unique<SlowLink>(broker, waker);
  SlowLink* passes = link.get();
  LogConsumer leaver({.group = "g", .topics = {"raw"}, .batch_max = 2}, {}, std::move(link), now);
  for (int round = 0; round < 20 && recorder.got.size() < 4; ++round) {
    leaver.Poll(recorder);
    passes->Pass(100, now);
  }
  ASSERT_EQ(recorder.got.size(), 4u);
  broker.DeleteRecordsBefore({topic, 0}, 8);
  leaver.Poll(recorder);
  passes->Pass(100, now);
  leaver.Poll(recorder);  // hears that its offset is out of range, and asks where the log begins
  ASSERT_EQ(recorder.got.size(), 6u);
  leaver.Settle({.holding = recorder.got.back().holding, .ranges = {}, .next = 6, .has_note = false, .note = {}});
  leaver.StartClose();
  for (int round = 0; round < 20 && !leaver.TryClose(); ++round) passes->Pass(100, now);
  ASSERT_TRUE(leaver.closed());
  EXPECT_TRUE(recorder.troubles.empty());
  EXPECT_EQ(Committed(0), 6);
  Member& next = Join();
  Settle();
  ASSERT_EQ(next.recorder.troubles.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(next.recorder.troubles[0])) << next.recorder.troubles[0];
}

TEST_F(LogClientTest, WhatWasDestroyedBeforeTheFirstReadIsAnnounced) {
  Topic(1);
  Put(0, 5);
  broker.DeleteRecordsBefore({topic, 0}, 3);
  Member& a = Join();
  Settle();
  ASSERT_EQ(a.recorder.troubles.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(a.recorder.troubles[0]));
  ASSERT_EQ(a.recorder.losses.size(), 1u);
  EXPECT_EQ(a.recorder.losses[0].first, 0u);
  EXPECT_EQ(a.recorder.losses[0].last, 2u);
  EXPECT_EQ(a.recorder.held.at({0, 0}).start, 3u);
}

TEST_F(LogClientTest, ACommittedOffsetBehindTheEndIsAnnounced) {
  Topic(1);
  Put(0, 3);
  broker.SetCommitted("g", {topic, 0}, 50, "");
  Member& a = Join();
  Settle();
  ASSERT_FALSE(a.recorder.troubles.empty());
  EXPECT_TRUE(absl::IsDataLoss(a.recorder.troubles[0]));
  ASSERT_FALSE(a.recorder.losses.empty());
  EXPECT_EQ(a.recorder.losses[0].first, 3u);
  EXPECT_EQ(a.recorder.losses[0].last, UINT64_MAX);
  EXPECT_EQ(a.recorder.held.at({0, 0}).start, 3u);
  Put(0, 1);
  Settle();
  EXPECT_EQ(a.recorder.got.size(), 1u);
}

TEST_F(LogClientTest, GapsAreSteppedOverAndCommitted) {
  Topic(1);
  Put(0, 2);
  broker.AppendGap({topic, 0}, 3);
  Put(0, 2);
  broker.AppendGap({topic, 0}, 2);
  Member& a = Join();
  a.SettleBatches();
  Settle();
  std::vector<int64_t> offsets;
  for (const auto& g : a.recorder.got) offsets.push_back(g.offset);
  EXPECT_EQ(offsets, (std::vector<int64_t>{0, 1, 5, 6}));
  EXPECT_EQ(Committed(0), 9) << "lag reaches 0 though the last offsets hold nothing";
  broker.AppendGap({topic, 0}, 1);
  Settle();
  EXPECT_EQ(Committed(0), 10);
}

TEST_F(LogClientTest, AGapIsNotCommittedOverWorkInFlight) {
  Topic(1);
  Put(0, 2);
  broker.AppendGap({topic, 0}, 3);
  Member& a = Join();
  Settle();
  EXPECT_EQ(Committed(0), -1);
  a.Settle(a.HoldingOf(0), 1);
  EXPECT_EQ(Committed(0), 1);
  a.Settle(a.HoldingOf(0), 2);
  EXPECT_EQ(Committed(0), 5);
}

TEST_F(LogClientTest, FlowOffLetsAtMostOneBatchThrough) {
  Topic(1);
  Member& a = Join({.batch_max = 2});
  Settle();
  a.consumer->Flow(a.HoldingOf(0), false);
  Put(0, 6);
  Settle();
  EXPECT_LE(a.recorder.got.size(), 2u);
  a.consumer->Flow(a.HoldingOf(0), true);
  EXPECT_EQ(a.consumer->NextTimer(), now);
  Settle();
  EXPECT_EQ(a.recorder.Bodies(), (std::vector<std::string>{"m0", "m1", "m2", "m3", "m4", "m5"}));
}

TEST_F(LogClientTest, NotesGoToTheNextOwnerAndSurviveSettlements) {
  Topic(1);
  Put(0, 4);
  Member& a = Join();
  Settle();
  const Holding h = a.HoldingOf(0);
  a.SettleWithNote(h, 1, "started 3");
  a.Settle(h, 2);
  a.SettleWithNote(h, 2, std::string(5000, 'x'));
  Settle();
  ASSERT_EQ(a.recorder.noted.size(), 2u);
  EXPECT_TRUE(a.recorder.noted[0].second.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(a.recorder.noted[1].second));
  a.Settle(h, 3);
  EXPECT_TRUE(a.consumer->Close(now).ok());
  a.consumer.reset();
  Member& b = Join();
  Settle();
  EXPECT_EQ(b.recorder.held.at({0, 0}).note, "started 3");
  EXPECT_EQ(b.recorder.held.at({0, 0}).start, 3u);
}

TEST_F(LogClientTest, ANoteOfALostPartitionIsAnsweredAborted) {
  Topic(1);
  Put(0, 1);
  Member& a = Join();
  Settle();
  const Holding h = a.HoldingOf(0);
  a.consumer.get();
  Member& b = Join();
  for (int s = 0; s < 50; ++s) {
    now = now + seconds(1);
    broker.Advance(now);
    b.Poll(now);
  }
  a.SettleWithNote(h, 0, "n");
  a.Poll(now);
  ASSERT_EQ(a.recorder.noted.size(), 1u);
  EXPECT_EQ(a.recorder.noted[0].first, h);
  EXPECT_FALSE(a.recorder.noted[0].second.ok());
}

TEST_F(LogClientTest, ReleaseUnaskedLeavesForAWhile) {
  Topic(2);
  Put(0, 1);
  Put(1, 1);
  Member& a = Join({}, {.away_time = seconds(10)});
  Member& b = Join();
  Pass(seconds(4));
  ASSERT_EQ(a.recorder.held.size(), 1u);
  const Holding h = a.recorder.held.begin()->second.holding;
  a.recorder.held.clear();
  a.consumer->Release(h);
  Pass(seconds(5));
  EXPECT_TRUE(a.recorder.held.empty());
  EXPECT_EQ(b.recorder.held.size(), 2u);
  Pass(seconds(12));
  EXPECT_EQ(a.recorder.held.size(), 1u);
  EXPECT_EQ(b.recorder.held.size(), 1u);
}

TEST_F(LogClientTest, ABrokerRestartInterruptsAndNothingIsLost) {
  Topic(1);
  Put(0, 4);
  Member& a = Join({.batch_max = 2});
  a.Poll(now);
  const Holding h = a.HoldingOf(0);
  broker.Stop();
  a.Settle(h, 2);
  a.Poll(now);
  ASSERT_EQ(a.recorder.troubles.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(a.recorder.troubles[0]));
  Pass(seconds(3));
  broker.Start(now);
  Pass(seconds(6));
  EXPECT_EQ(a.recorder.held.at({0, 0}).holding, h) << "the session outlived the restart";
  EXPECT_EQ(Committed(0), 2);
  EXPECT_EQ(a.recorder.got.size(), 4u);
  EXPECT_TRUE(a.recorder.troubles.back().ok());
}

TEST_F(LogClientTest, WithoutCoordinatorCommitsWaitAndFetchingGoesOn) {
  Topic(1);
  Put(0, 2);
  Member& a = Join();
  Settle();
  broker.SetCoordinator(false, now);
  a.Settle(a.HoldingOf(0), 2);
  Put(0, 1);
  Pass(seconds(5));
  EXPECT_EQ(a.recorder.got.size(), 3u);
  EXPECT_EQ(Committed(0), -1);
  broker.SetCoordinator(true, now);
  Pass(seconds(1));
  EXPECT_EQ(Committed(0), 2);
}

TEST_F(LogClientTest, AutoCommitOnATimerLosesWhatWasNotDone) {
  Topic(1);
  Put(0, 5);
  Member& a = Join({}, {.session_is_connection = true, .auto_commit_interval = seconds(5)});
  Settle();
  Pass(seconds(6));  // five delivered, none finished
  EXPECT_EQ(Committed(0), 5);
  a.consumer.reset();
  Member& b = Join();
  Pass(seconds(1));
  EXPECT_TRUE(b.recorder.got.empty()) << "this is what auto-commit does";
}

TEST_F(LogClientTest, AnUnknownTopicIsFinal) {
  Member& a = Join();
  Settle();
  ASSERT_EQ(a.recorder.troubles.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(a.recorder.troubles[0]));
  EXPECT_TRUE(a.consumer->Close(now).ok());
}

// ---------------------------------------------------------------- publishing

class LogProducerTest : public LogClientTest {
 protected:
  void Open(std::vector<std::string> topics = {"raw"}) {
    producer = std::make_unique<LogProducer>(topics, LogProducerOptions{},
                                             std::make_unique<LogDirectLink>(broker, waker), now);
  }
  std::vector<Outgoing> Messages(size_t count, std::string_view body = "body") {
    return std::vector<Outgoing>(count, Outgoing{.topic = 0, .partition = 0, .message = {.body = body}});
  }
  CountingWaker waker;
  ConfirmRecorder told;
  std::unique_ptr<LogProducer> producer;
};

TEST_F(LogProducerTest, OneConfirmPerPublish) {
  Topic(1);
  Open();
  EXPECT_EQ(producer->Publish(Messages(64), 1), 64u);
  EXPECT_EQ(producer->Publish(Messages(10), 65), 10u);
  EXPECT_EQ(producer->outstanding(), 74u);
  producer->Poll(told);
  ASSERT_EQ(told.confirms.size(), 1u) << "neighbours share an answer";
  EXPECT_EQ(told.confirms[0].first, 1u);
  EXPECT_EQ(told.confirms[0].count, 74u);
  EXPECT_TRUE(told.confirms[0].status.ok());
  EXPECT_EQ(producer->outstanding(), 0u);
  EXPECT_EQ(broker.Log({topic, 0}).end(), 74);
}

TEST_F(LogProducerTest, WhatCannotBeTakenIsAnsweredAmongTheOthers) {
  Topic(1);
  Open({"raw", "nowhere"});
  const std::string large(1'000'001, 'x');
  std::vector<Outgoing> out = Messages(5);
  out[1].message.body = large;
  out[2].partition = 7;
  out[3].topic = 1;
  EXPECT_EQ(producer->Publish(out, 10), 5u);
  producer->Poll(told);
  ASSERT_EQ(told.confirms.size(), 4u);
  EXPECT_TRUE(told.confirms[0].status.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(told.confirms[1].status));
  EXPECT_TRUE(absl::IsFailedPrecondition(told.confirms[2].status));
  EXPECT_EQ(told.confirms[2].count, 2u);
  EXPECT_TRUE(told.confirms[3].status.ok());
  EXPECT_EQ(told.confirms[3].first, 14u);
  EXPECT_EQ(broker.Log({topic, 0}).end(), 2);
}

TEST_F(LogProducerTest, AFullBacklogTakesAPrefixAndSaysWhenThereIsRoom) {
  const std::string body(200, 'x');
  const size_t each = LogPartition::Footprint({.body = body});
  Topic(1, {.name = "raw", .groups = {"g"}, .backlog_bytes_max = 10 * each});
  Open();
  Member& a = Join();
  Settle();
  EXPECT_EQ(producer->Publish(Messages(16, body), 1), 10u);
  producer->Poll(told);
  EXPECT_EQ(told.writable, 0);
  EXPECT_EQ(producer->Publish(Messages(6, body), 11), 0u);
  Settle();
  a.Settle(a.HoldingOf(0), 1);
  producer->Poll(told);
  EXPECT_EQ(told.writable, 0) << "hardly room";
  const int wakes = waker.wakes;
  a.Settle(a.HoldingOf(0), 4);
  EXPECT_EQ(waker.wakes, wakes + 1);
  producer->Poll(told);
  EXPECT_EQ(told.writable, 1);
  EXPECT_EQ(producer->Publish(Messages(6, body), 11), 4u);
  EXPECT_EQ(broker.Backlog(topic), 10 * each);
}

TEST_F(LogProducerTest, AMessageLargerThanTheBacklogIsTakenWhenItIsEmpty) {
  Topic(1, {.name = "raw", .groups = {"g"}, .backlog_bytes_max = 1000});
  Open();
  const std::string large(5000, 'x');
  EXPECT_EQ(producer->Publish(Messages(2, large), 1), 1u);
  Member& a = Join();
  a.SettleBatches();
  Settle();
  producer->Poll(told);
  EXPECT_EQ(told.writable, 1);
  EXPECT_EQ(producer->Publish(Messages(1, large), 2), 1u);
}

TEST_F(LogProducerTest, ABrokenConnectionIsComeBackTo) {
  Topic(1);
  Open();
  producer->Publish(Messages(2), 1);
  broker.Stop();  // the answer is lost with the connection
  producer->Advance(now);
  producer->Poll(told);
  ASSERT_EQ(told.confirms.size(), 1u);
  EXPECT_TRUE(absl::IsDeadlineExceeded(told.confirms[0].status));
  EXPECT_EQ(producer->Publish(Messages(1), 3), 0u);
  broker.Start(now);
  now = now + seconds(6);
  producer->Advance(now);
  producer->Poll(told);
  EXPECT_EQ(told.writable, 1);
  EXPECT_EQ(producer->Publish(Messages(1), 3), 1u);
  broker.RefuseNext(topic, 1);
  EXPECT_EQ(producer->Publish(Messages(1), 4), 1u);
  EXPECT_TRUE(producer->Close(told, now).ok());
  ASSERT_EQ(told.confirms.size(), 3u);
  EXPECT_TRUE(told.confirms[1].status.ok());
  EXPECT_TRUE(absl::IsUnavailable(told.confirms[2].status));
}

// Its owner before has left it, and the brokers have been told to take less since.
TEST_F(LogClientTest, ANoteThatIsNotTakenAnyMoreHoldsNoOffsetsUp) {
  LogBroker strict{{.note_bytes_max = 10}};
  const int32_t input = *strict.CreateTopic({.name = "in", .partitions = 1, .groups = {"g"}});
  for (int i = 0; i < 5; ++i) strict.Append({input, 0}, {.body = "x"});
  ASSERT_EQ(strict.SetCommitted("g", {input, 0}, 1, "longer than ten bytes"), LogError::kNone);
  Member a(strict, {.group = "g", .topics = {"in"}, .instance = "a"}, now);
  a.Poll(now);
  ASSERT_EQ(a.recorder.held.size(), 1u);
  a.Settle(a.HoldingOf(0), 3);
  for (int i = 0; i < 5; ++i) a.Poll(now);
  EXPECT_EQ(strict.Group("g")->CommittedOf({input, 0}).offset, 3);
  EXPECT_EQ(strict.Group("g")->CommittedOf({input, 0}).note, "");
  ASSERT_EQ(a.recorder.troubles.size(), 1u);
  EXPECT_NE(a.recorder.troubles[0].message().find("offset.metadata.max.bytes"), std::string::npos);
}

}  // namespace
}  // namespace millrace::bus
