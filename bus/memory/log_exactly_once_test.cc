// The log clients in transactions: a consumer whose settlements go along with its producer's.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bus/memory/log_client.h"
#include "bus/memory/log_test_support.h"

namespace millrace::bus {
namespace {

using log_testing::CountingWaker;
using log_testing::Member;
using log_testing::SlowLink;
using std::chrono::milliseconds;
using std::chrono::seconds;

class EndRecorder : public log_testing::ConfirmRecorder {
 public:
  void OnEnded(const absl::Status& status) override { ends.push_back(status); }
  void OnTrouble(const absl::Status& status) override { troubles.push_back(status); }
  std::vector<absl::Status> ends, troubles;
};

LogProducerOptions Transactional(std::string id = "tx") {
  return {.transaction = {.id = std::move(id), .inputs = {"in"}, .timeout = seconds(10)}};
}

class LogExactlyOnceTest : public ::testing::Test {
 protected:
  LogExactlyOnceTest()
      : member(broker, {.group = "g", .topics = {"in"}, .instance = "m", .transactional = true}, now),
        producer(std::make_unique<LogProducer>(std::vector<std::string>{"out"}, Transactional(),
                                               std::make_unique<LogDirectLink>(broker, waker), now)) {
    for (int i = 0; i < 5; ++i) broker.Append({input, 0}, {.body = std::to_string(i)});
    Poll();
  }
  void Poll() {
    member.Poll(now);
    producer->Advance(now);
    producer->Poll(recorder);
  }
  void Publish(LogProducer& by, std::string_view body) {
    const Outgoing out{.topic = 0, .partition = 0, .message = {.body = body}};
    ASSERT_EQ(by.Publish({&out, 1}, ++token), 1u);
  }
  TransactionOffsets Prepared(int64_t next, std::string_view note = {}) {
    const Settle settle{.holding = member.HoldingOf(0),
                        .ranges = {},
                        .next = static_cast<uint64_t>(next),
                        .has_note = !note.empty(),
                        .note = note};
    return member.consumer->Prepare({&settle, 1});
  }
  void Committed(int64_t next, std::string_view note = {}) {
    member.consumer->Settle({.holding = member.HoldingOf(0),
                             .ranges = {},
                             .next = static_cast<uint64_t>(next),
                             .has_note = !note.empty(),
                             .note = note,
                             .committed = true});
  }
  std::vector<std::string> Out() {
    std::vector<std::string> bodies;
    for (int64_t at = 0, before = -1; at != before;) {
      before = at;
      const LogPartition::Slice slice = broker.ReadCommitted({output, 0}, at, 100);
      for (const Delivery& d : slice.records) bodies.emplace_back(*d.message.body);
      at = slice.next;
    }
    return bodies;
  }
  int64_t CommittedOffset() const { return broker.Group("g")->CommittedOf({input, 0}).offset; }
  absl::Status LastEnd(LogProducer& by) {
    recorder.ends.clear();
    by.Advance(now);
    by.Poll(recorder);
    return recorder.ends.empty() ? absl::UnknownError("not told") : recorder.ends.back();
  }

  using Bodies = std::vector<std::string>;
  LogBroker broker{{}};
  CountingWaker waker;
  MonotonicTime now{1'000'000'000};
  int32_t input = *broker.CreateTopic({.name = "in", .partitions = 1, .groups = {"g"}});
  int32_t output = *broker.CreateTopic({.name = "out", .partitions = 1, .groups = {"h"}});
  EndRecorder recorder;
  Member member;
  std::unique_ptr<LogProducer> producer;
  uint64_t token = 0;
};

TEST_F(LogExactlyOnceTest, ACommitCarriesOffsetsAndNotes) {
  ASSERT_EQ(member.recorder.got.size(), 5u);
  Publish(*producer, "a");
  producer->Commit(Prepared(2, "note"));
  EXPECT_TRUE(LastEnd(*producer).ok());
  EXPECT_EQ(recorder.confirms.size(), 1u);
  EXPECT_EQ(Out(), Bodies{"a"});
  EXPECT_EQ(CommittedOffset(), 2);
  EXPECT_EQ(broker.Group("g")->CommittedOf({input, 0}).note, "note");
  Committed(2, "note");
  // Without a note of its own the next one carries the last along.
  producer->Commit(Prepared(3));
  EXPECT_TRUE(LastEnd(*producer).ok());
  EXPECT_EQ(broker.Group("g")->CommittedOf({input, 0}).note, "note");
}

TEST_F(LogExactlyOnceTest, AnAbortLeavesNothingAndTheNextOneIsWhole) {
  Publish(*producer, "a");
  producer->Abort();
  EXPECT_TRUE(LastEnd(*producer).ok());
  EXPECT_EQ(Out(), Bodies{});
  EXPECT_EQ(CommittedOffset(), -1);
  Publish(*producer, "a");
  producer->Commit(Prepared(1));
  EXPECT_TRUE(LastEnd(*producer).ok());
  EXPECT_EQ(Out(), Bodies{"a"});
  producer->Abort();
  EXPECT_TRUE(LastEnd(*producer).ok()) << "nothing was begun";
}

TEST_F(LogExactlyOnceTest, TheConsumerCommitsNothingByItself) {
  Publish(*producer, "a");
  producer->Commit(Prepared(5));
  ASSERT_TRUE(LastEnd(*producer).ok());
  Committed(5);
  broker.AppendGap({input, 0}, 3);
  Poll();
  EXPECT_EQ(CommittedOffset(), 5) << "a commit on its way could land behind a later transaction";
  // What was stepped over goes along with the next.
  broker.Append({input, 0}, {.body = "5"});
  broker.AppendGap({input, 0}, 1);
  Poll();
  producer->Commit(Prepared(9));
  ASSERT_TRUE(LastEnd(*producer).ok());
  EXPECT_EQ(CommittedOffset(), 10);
}

TEST_F(LogExactlyOnceTest, AfterATimeOutTheProducerBeginsAnew) {
  Publish(*producer, "a");
  Poll();
  now = now + seconds(11);
  broker.Advance(now);
  producer->Commit(Prepared(1));
  EXPECT_EQ(LastEnd(*producer).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Out(), Bodies{});
  now = now + milliseconds(200);
  Poll();
  ASSERT_TRUE(producer->connected());
  Publish(*producer, "a");
  producer->Commit(Prepared(1));
  EXPECT_TRUE(LastEnd(*producer).ok());
  EXPECT_EQ(Out(), Bodies{"a"});
}

TEST_F(LogExactlyOnceTest, WhatIsPublishedIntoATransactionThatIsOverIsAnsweredSo) {
  Publish(*producer, "a");
  Poll();
  now = now + seconds(11);
  broker.Advance(now);
  Publish(*producer, "b");
  Poll();
  ASSERT_EQ(recorder.confirms.size(), 2u);
  EXPECT_EQ(recorder.confirms[1].status.code(), absl::StatusCode::kAborted);
  now = now + milliseconds(200);
  Poll();
  Publish(*producer, "c");
  Poll();
  EXPECT_EQ(recorder.confirms.back().status.code(), absl::StatusCode::kAborted) << "until it is ended";
  producer->Abort();
  EXPECT_TRUE(LastEnd(*producer).ok());
  EXPECT_FALSE(broker.InTransaction("tx"));
}

TEST_F(LogExactlyOnceTest, TwoProducersOfOneIdFenceEachOtherWithBackOff) {
  LogProducer other({"out"}, Transactional(), std::make_unique<LogDirectLink>(broker, waker), now);
  const Outgoing out{.topic = 0, .partition = 0, .message = {.body = "a"}};
  int commits = 0, fenced = 0;
  for (int round = 0; round < 1000; ++round) {
    now = now + milliseconds(20);
    for (LogProducer* each : {producer.get(), &other}) {
      EndRecorder told;
      each->Advance(now);
      each->Poll(told);
      if (each->Publish({&out, 1}, ++token) == 0) continue;
      each->Poll(told);
      each->Commit(Prepared(1));
      each->Poll(told);
      ASSERT_EQ(told.ends.size(), 1u);
      told.ends[0].ok() ? ++commits : ++fenced;
    }
  }
  EXPECT_GT(commits, 900);
  EXPECT_GT(fenced, 3);
  EXPECT_LT(fenced, 40);
  EXPECT_EQ(Out().size(), static_cast<size_t>(commits));
}

TEST_F(LogExactlyOnceTest, AMemberThatIsOutIsRefusedAndItsTransactionAborted) {
  Publish(*producer, "a");
  const TransactionOffsets stale = Prepared(3);
  now = now + seconds(60);
  broker.Advance(now);
  LogProducer late({"out"}, Transactional("late"), std::make_unique<LogDirectLink>(broker, waker), now);
  const Outgoing out{.topic = 0, .partition = 0, .message = {.body = "late"}};
  ASSERT_EQ(late.Publish({&out, 1}, 1), 1u);
  late.Commit(stale);
  EXPECT_EQ(LastEnd(late).code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(broker.InTransaction("late"));
  EXPECT_EQ(Out(), Bodies{});
  EXPECT_EQ(CommittedOffset(), -1);
}

TEST_F(LogExactlyOnceTest, ANewOwnerWaitsForTheTransactionOfTheOldOne) {
  Publish(*producer, "a");
  SlowLink* link = nullptr;
  CountingWaker slow_waker;
  auto slow = std::make_unique<SlowLink>(broker, slow_waker);
  link = slow.get();
  LogProducer old({"out"}, Transactional("old"), std::move(slow), now);
  EndRecorder told;
  const auto turn = [&](size_t requests) {
    link->Pass(requests, now);
    old.Advance(now);
    old.Poll(told);
  };
  turn(0);
  turn(1);  // metadata
  turn(1);  // init
  ASSERT_TRUE(old.connected());
  const Outgoing out{.topic = 0, .partition = 0, .message = {.body = "x"}};
  ASSERT_EQ(old.Publish({&out, 1}, 1), 1u);
  turn(0);
  old.Commit(Prepared(3));
  turn(1);  // the offsets are there, the end is not
  ASSERT_TRUE(broker.InTransaction("old"));
  Member next(broker, {.group = "g", .topics = {"in"}, .instance = "n", .transactional = true}, now);
  // A rebalance is heard of with the next heartbeat.
  for (int i = 0; i < 14; ++i) {
    next.Poll(now);
    member.Poll(now);
    member.ReleaseAll();
    now = now + milliseconds(500);
  }
  EXPECT_TRUE(member.recorder.held.empty() && next.recorder.held.empty()) << "nobody is told where to start yet";
  turn(1);
  EXPECT_TRUE(!told.ends.empty() && told.ends[0].ok());
  for (int i = 0; i < 5; ++i) {
    now = now + milliseconds(100);
    next.Poll(now);
    member.Poll(now);
  }
  const Member& owner = next.recorder.held.empty() ? member : next;
  ASSERT_EQ(owner.recorder.held.size(), 1u);
  EXPECT_EQ(owner.recorder.held.begin()->second.start, 3u);
}

// A commit goes out, and the connection breaks: before the broker has it, or behind.
TEST_F(LogExactlyOnceTest, WhatBecameOfACommitWithoutAnAnswerIsFoundOut) {
  for (const bool arrived : {false, true}) {
    const std::string id = arrived ? "arrived" : "lost";
    auto slow = std::make_unique<SlowLink>(broker, waker);
    SlowLink* link = slow.get();
    LogProducer by({"out"}, Transactional(id), std::move(slow), now);
    EndRecorder told;
    const auto turn = [&](size_t requests) {
      link->Pass(requests, now);
      by.Advance(now);
      by.Poll(told);
    };
    for (int i = 0; i < 4; ++i) turn(1);
    ASSERT_TRUE(by.connected());
    const Outgoing out{.topic = 0, .partition = 0, .message = {.body = id}};
    ASSERT_EQ(by.Publish({&out, 1}, 1), 1u);
    turn(0);
    const int64_t next = arrived ? 4 : 2;
    by.Commit(Prepared(next));
    turn(1);                          // the offsets
    if (arrived) link->Pass(1, now);  // the end; its answer is lost
    link->Cut(now);
    turn(0);
    EXPECT_TRUE(told.ends.empty());
    for (int i = 0; i < 10; ++i) {
      now = now + milliseconds(100);
      turn(1);
    }
    ASSERT_EQ(told.ends.size(), 1u) << id;
    EXPECT_EQ(told.ends[0].ok(), arrived) << told.ends[0];
    EXPECT_EQ(CommittedOffset(), arrived ? next : -1);
  }
  EXPECT_EQ(Out(), Bodies{"arrived"});
}

// By the time it asks, one of its partitions is another member's, whose commits say nothing of ours.
TEST_F(LogExactlyOnceTest, WhatBecameOfACommitIsFoundOutWhereAPartitionHasMovedOn) {
  struct Case {
    std::string id;
    bool arrived;
    int64_t moved;  // what the new owner of partition 0 has committed
  };
  for (const Case& c : {Case{"same offset", true, 3}, Case{"further on", true, 7}, Case{"never arrived", false, 7}}) {
    const int32_t two = *broker.CreateTopic({.name = c.id, .partitions = 2, .groups = {"of " + c.id}});
    auto slow = std::make_unique<SlowLink>(broker, waker);
    SlowLink* link = slow.get();
    LogProducer by({"out"}, {.transaction = {.id = c.id, .inputs = {c.id}, .timeout = seconds(10)}}, std::move(slow),
                   now);
    EndRecorder told;
    const auto turn = [&](size_t requests) {
      link->Pass(requests, now);
      by.Advance(now);
      by.Poll(told);
    };
    for (int i = 0; i < 4; ++i) turn(1);
    ASSERT_TRUE(by.connected());
    const Outgoing out{.topic = 0, .partition = 0, .message = {.body = c.id}};
    ASSERT_EQ(by.Publish({&out, 1}, 1), 1u);
    turn(0);
    TransactionOffsets offsets;
    offsets.group = "of " + c.id;
    offsets.offsets = {{.partition = {0, 0}, .next = 3, .note = "ours"},
                       {.partition = {0, 1}, .next = 5, .note = "ours"}};
    by.Commit(offsets);
    turn(2);                            // the offsets
    if (c.arrived) link->Pass(1, now);  // the end; its answer is lost
    link->Cut(now);
    turn(0);
    ASSERT_EQ(broker.SetCommitted(offsets.group, {two, 0}, c.moved, "theirs"), LogError::kNone);
    for (int i = 0; i < 10; ++i) {
      now = now + milliseconds(100);
      turn(1);
    }
    ASSERT_EQ(told.ends.size(), 1u) << c.id;
    EXPECT_EQ(told.ends[0].ok(), c.arrived) << c.id << ": " << told.ends[0];
  }
  EXPECT_EQ(Out(), (Bodies{"same offset", "further on"}));
}

// A client library may tell that it was fenced by ending the connection, and by one name whether another producer took the
// id or the time was up.
TEST_F(LogExactlyOnceTest, AConnectionThatEndsByAFenceIsToldAsOneAndBacksOff) {
  auto slow = std::make_unique<SlowLink>(broker, waker);
  SlowLink* link = slow.get();
  LogProducer by({"out"}, Transactional("cut"), std::move(slow), now);
  EndRecorder told;
  const auto turn = [&] {
    link->Pass(1, now);
    by.Advance(now);
    by.Poll(told);
  };
  for (int i = 0; i < 4; ++i) turn();
  const Outgoing out{.topic = 0, .partition = 0, .message = {.body = "x"}};
  Duration away{};
  for (const bool late : {false, false, true}) {
    ASSERT_TRUE(by.connected());
    ASSERT_EQ(by.Publish({&out, 1}, ++token), 1u);
    if (late) now = now + seconds(10);
    link->Cut(now, LogError::kProducerFenced);
    by.Advance(now);
    by.Poll(told);
    ASSERT_FALSE(told.confirms.empty());
    const absl::Status& answer = told.confirms.back().status;
    EXPECT_EQ(answer.code(), absl::StatusCode::kAborted) << answer;
    EXPECT_EQ(answer.message().find("another producer") == std::string::npos, late) << answer;
    ASSERT_EQ(told.troubles.size(), 1u);
    EXPECT_NE(told.troubles[0].message().find("transactional.id \"cut\""), std::string::npos) << told.troubles[0];
    told.troubles.clear();
    told.ends.clear();
    by.Abort();
    by.Poll(told);
    ASSERT_EQ(told.ends.size(), 1u);
    EXPECT_TRUE(told.ends[0].ok());
    const MonotonicTime since = now;
    while (!by.connected() && now < since + seconds(20)) {
      now = now + milliseconds(10);
      turn();
    }
    EXPECT_GT(now - since, away) << "each time longer";
    away = now - since;
  }
  EXPECT_EQ(Out(), Bodies{});
}

// Whoever repeats an end by itself may be fenced by its heir after it was taken.
TEST_F(LogExactlyOnceTest, ACommitThatEndsByAFenceMayHaveBeenTaken) {
  for (const bool arrived : {false, true}) {
    const std::string id = arrived ? "arrived" : "lost";
    auto slow = std::make_unique<SlowLink>(broker, waker);
    SlowLink* link = slow.get();
    LogProducer by({"out"}, Transactional(id), std::move(slow), now);
    EndRecorder told;
    const auto turn = [&](size_t requests) {
      link->Pass(requests, now);
      by.Advance(now);
      by.Poll(told);
    };
    for (int i = 0; i < 4; ++i) turn(1);
    const Outgoing out{.topic = 0, .partition = 0, .message = {.body = id}};
    ASSERT_EQ(by.Publish({&out, 1}, 1), 1u);
    turn(0);
    by.Commit(Prepared(arrived ? 4 : 2));
    turn(1);
    if (arrived) link->Pass(1, now);
    link->Cut(now, LogError::kProducerFenced);
    turn(0);
    EXPECT_TRUE(told.ends.empty());
    for (int i = 0; i < 100; ++i) {
      now = now + milliseconds(100);
      turn(1);
    }
    ASSERT_EQ(told.ends.size(), 1u) << id;
    EXPECT_EQ(told.ends[0].ok(), arrived) << told.ends[0];
  }
  EXPECT_EQ(Out(), Bodies{"arrived"});
}

// It is tried again for ever, so people have to hear why.
TEST_F(LogExactlyOnceTest, WhatIsRefusedForGoodIsTold) {
  const TransactionOffsets nowhere = [&] {
    TransactionOffsets offsets = Prepared(2);
    offsets.offsets[0].partition.number = 9;
    return offsets;
  }();
  for (const bool published : {true, false}) {
    recorder.troubles.clear();
    if (published) Publish(*producer, "a");
    producer->Commit(nowhere);
    const absl::Status end = LastEnd(*producer);
    EXPECT_EQ(end.code(), absl::StatusCode::kAborted);
    EXPECT_NE(end.message().find("offsets (UNKNOWN_TOPIC_OR_PARTITION)"), std::string::npos) << end;
    ASSERT_EQ(recorder.troubles.size(), 1u);
    EXPECT_NE(recorder.troubles[0].message().find("transactional.id \"tx\": the broker did not take"),
              std::string::npos)
        << recorder.troubles[0];
  }
  // What a group says while it changes is no news: its consumer hears of it too.
  recorder.troubles.clear();
  TransactionOffsets stale = Prepared(2);
  stale.generation += 7;
  Publish(*producer, "a");
  producer->Commit(stale);
  EXPECT_EQ(LastEnd(*producer).code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(recorder.troubles.empty()) << recorder.troubles[0];
}

TEST_F(LogExactlyOnceTest, JobsGoOnWithoutANoteThatIsTooLarge) {
  const std::string note(5000, 'n');
  Publish(*producer, "a");
  producer->Commit(Prepared(2, note));
  EXPECT_EQ(LastEnd(*producer).code(), absl::StatusCode::kAborted);
  ASSERT_EQ(recorder.troubles.size(), 1u);
  EXPECT_NE(recorder.troubles[0].message().find("offset.metadata.max.bytes"), std::string::npos);
  Publish(*producer, "a");
  producer->Commit(Prepared(2, note));
  ASSERT_TRUE(LastEnd(*producer).ok()) << recorder.ends.back();
  EXPECT_EQ(Out(), Bodies{"a"});
  EXPECT_EQ(CommittedOffset(), 2);
  EXPECT_EQ(broker.Group("g")->CommittedOf({input, 0}).note, "");
  Committed(2, note);
  // One that fits is taken.
  producer->Commit(Prepared(3, "short"));
  ASSERT_TRUE(LastEnd(*producer).ok());
  EXPECT_EQ(broker.Group("g")->CommittedOf({input, 0}).note, "short");
  EXPECT_EQ(recorder.troubles.size(), 1u);
}

TEST_F(LogExactlyOnceTest, ClosingAbortsWhatIsOpen) {
  Publish(*producer, "a");
  ASSERT_TRUE(broker.InTransaction("tx"));
  EXPECT_TRUE(producer->Close(recorder, now).ok());
  EXPECT_FALSE(broker.InTransaction("tx"));
  EXPECT_EQ(Out(), Bodies{});
}

}  // namespace
}  // namespace millrace::bus
