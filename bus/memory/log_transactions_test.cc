// Transactions of the log broker's model, at its wire.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "bus/memory/log_broker.h"
#include "bus/memory/log_test_support.h"

namespace millrace::bus {
namespace {

using log_testing::CountingWaker;
using std::chrono::seconds;

class LogTransactionsTest : public ::testing::Test {
 protected:
  explicit LogTransactionsTest(const LogBrokerOptions& options = {}) : broker(options) {}
  std::vector<LogEvent> Events(LogConnectionId c) {
    std::vector<LogEvent> events;
    broker.TakeEvents(c, events);
    return events;
  }
  LogConnectionId Open() {
    const LogConnectionId c = broker.Open(waker, now);
    Events(c);
    return c;
  }
  LogConnectionId OpenProducer(std::string_view id = "tx") {
    const LogConnectionId c = Open();
    broker.Receive(c, {.method = LogMethod::kInitProducer, .timeout_ms = 10'000, .instance = id}, now);
    EXPECT_EQ(Events(c).back().error, LogError::kNone);
    return c;
  }
  LogError Put(LogConnectionId c, std::string_view body, int32_t partition = 0) {
    const Outgoing out{.topic = 0, .partition = partition, .message = {.body = body}};
    if (broker.Produce(c, {&topic, 1}, {&out, 1}, ++token) == 0) return LogError::kRefused;
    return Events(c).back().error;
  }
  LogError Offset(LogConnectionId c, int64_t offset, std::string_view note = {}) {
    broker.Receive(
        c,
        {.method = LogMethod::kTransactOffset, .partition = {input, 0}, .offset = offset, .group = "g", .note = note},
        now);
    return Events(c).back().error;
  }
  LogError End(LogConnectionId c, bool commit) {
    broker.Receive(c, {.method = LogMethod::kEndTransaction, .commit = commit}, now);
    return Events(c).back().error;
  }
  std::vector<std::string> Seen(int32_t partition = 0) {
    std::vector<std::string> bodies;
    for (int64_t at = broker.Log({topic, partition}).start(), before = -1; at != before;) {
      before = at;
      const LogPartition::Slice slice = broker.ReadCommitted({topic, partition}, at, 100);
      for (const Delivery& d : slice.records) bodies.emplace_back(*d.message.body);
      at = slice.next;
    }
    return bodies;
  }
  LogOffsets Offsets(LogError* error = nullptr) {
    const LogConnectionId c = Open();
    const Partition partition{input, 0};
    broker.Receive(c, {.method = LogMethod::kOffsets, .group = "g", .partitions = {&partition, 1}}, now);
    const LogEvent answer = std::move(Events(c).back());
    if (error != nullptr) *error = answer.error;
    return answer.detail->offsets[0];
  }

  using Bodies = std::vector<std::string>;
  LogBroker broker;
  CountingWaker waker;
  MonotonicTime now{1};
  uint64_t token = 0;
  int32_t topic = *broker.CreateTopic({.name = "t", .partitions = 2, .groups = {"h"}});
  int32_t input = *broker.CreateTopic({.name = "in", .partitions = 1, .groups = {"g"}});
};

TEST_F(LogTransactionsTest, RecordsAndOffsetsBecomeVisibleInOneStep) {
  const LogConnectionId c = OpenProducer();
  EXPECT_EQ(Put(c, "a"), LogError::kNone);
  EXPECT_EQ(Put(c, "b", 1), LogError::kNone);
  EXPECT_EQ(Offset(c, 5, "note"), LogError::kNone);
  EXPECT_TRUE(broker.InTransaction("tx"));
  EXPECT_EQ(Seen(), Bodies{});
  EXPECT_EQ(End(c, true), LogError::kNone);
  EXPECT_EQ(Seen(0), Bodies{"a"});
  EXPECT_EQ(Seen(1), Bodies{"b"});
  EXPECT_EQ(Offsets().committed, 5);
  EXPECT_EQ(Offsets().note, "note");
  EXPECT_EQ(broker.Log({topic, 0}).end(), 2) << "the marker takes an offset";
  EXPECT_EQ(broker.Log({topic, 0}).records(), 1u);
  EXPECT_FALSE(broker.InTransaction("tx"));
}

TEST_F(LogTransactionsTest, EachEndIsToldWithWhatItDid) {
  std::vector<std::string> told;
  broker.WatchTransactions([&](const LogTransactionEnd& end) {
    std::string line = std::to_string(end.number) + (end.committed ? " committed" : " aborted") + " why " +
                       std::to_string(static_cast<int>(end.why));
    for (const Partition p : end.written)
      line += " t/" + std::to_string(p.number) + " ends " + std::to_string(broker.Log(p).end());
    for (const LogTransactionEnd::Offset& o : end.offsets) {
      line += " " + std::string(o.group) + " from " + std::to_string(o.before) + " to " + std::to_string(o.after);
    }
    told.push_back(line);
  });
  const LogConnectionId plain = Open(), c = OpenProducer();
  EXPECT_FALSE(broker.Transactional(plain));
  EXPECT_TRUE(broker.Transactional(c));
  EXPECT_EQ(broker.TransactionOf(c), 0u) << "it has not begun";
  Put(c, "a", 1);
  EXPECT_EQ(broker.TransactionOf(c), 1u);
  EXPECT_EQ(broker.TransactionOf(plain), 0u);
  EXPECT_EQ(broker.StableEnd({topic, 1}), 0);
  Offset(c, 5);
  End(c, true);
  EXPECT_EQ(broker.TransactionOf(c), 0u);
  EXPECT_EQ(broker.StableEnd({topic, 1}), 2);
  Offset(c, 7);
  EXPECT_EQ(broker.TransactionOf(c), 2u) << "an offset begins one too";
  now = now + seconds(11);
  broker.Advance(now);
  EXPECT_EQ(broker.TransactionOf(c), 0u);
  const LogConnectionId next = OpenProducer();
  Put(next, "b");
  OpenProducer();
  EXPECT_EQ(broker.TransactionOf(next), 0u) << "it is fenced";
  EXPECT_EQ(told, (std::vector<std::string>{"1 committed why 0 t/1 ends 2 g from -1 to 5", "2 aborted why 1",
                                            "3 aborted why 2 t/0 ends 2"}));
}

TEST_F(LogTransactionsTest, AnAbortLeavesNeither) {
  const LogConnectionId c = OpenProducer();
  Put(c, "a");
  Offset(c, 5);
  EXPECT_EQ(End(c, false), LogError::kNone);
  EXPECT_EQ(Seen(), Bodies{});
  EXPECT_EQ(Offsets().committed, -1);
  EXPECT_EQ(broker.CommittedFrom({topic, 0}, 0), 0u);
  Put(c, "b");
  End(c, true);
  EXPECT_EQ(Seen(), Bodies{"b"});
  EXPECT_EQ(End(c, true), LogError::kTransactionState) << "there is none";
}

TEST_F(LogTransactionsTest, AWaitingReaderIsAnsweredWhenTheTransactionEnds) {
  const LogConnectionId producer = OpenProducer(), reader = Open();
  const auto fetch = [&](int64_t offset) {
    broker.Receive(reader, {.method = LogMethod::kFetch, .max = 10, .partition = {topic, 0}, .offset = offset}, now);
  };
  fetch(0);
  Put(producer, "a");
  broker.Append({topic, 0}, {.body = "of none"});
  EXPECT_TRUE(Events(reader).empty());
  End(producer, false);
  std::vector<LogEvent> events = Events(reader);
  ASSERT_EQ(events.size(), 1u);
  ASSERT_EQ(events[0].records.size(), 1u);
  EXPECT_EQ(*events[0].records[0].message.body, "of none");
  EXPECT_EQ(events[0].offset, 3) << "behind the marker";
  Put(producer, "b");
  fetch(3);
  End(producer, false);
  events = Events(reader);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].records.empty());
  EXPECT_EQ(events[0].offset, 5) << "nothing to see, but on";
}

TEST_F(LogTransactionsTest, WhoInitialisesEndsWhatWasLeftOpenAndFencesItsOwner) {
  const LogConnectionId zombie = OpenProducer();
  Put(zombie, "a");
  Offset(zombie, 5);
  const LogConnectionId heir = OpenProducer();
  EXPECT_EQ(Seen(), Bodies{});
  EXPECT_FALSE(broker.InTransaction("tx"));
  Put(heir, "b");
  EXPECT_EQ(Put(zombie, "late"), LogError::kProducerFenced);
  EXPECT_EQ(Offset(zombie, 9), LogError::kProducerFenced);
  EXPECT_EQ(End(zombie, true), LogError::kProducerFenced) << "a commit that comes late ends nobody else's";
  EXPECT_EQ(Seen(), Bodies{});
  EXPECT_EQ(End(heir, true), LogError::kNone);
  EXPECT_EQ(Seen(), Bodies{"b"});
  EXPECT_EQ(Offsets().committed, -1);
}

TEST_F(LogTransactionsTest, ATransactionThatTakesTooLongIsAbortedAndItsProducerFenced) {
  const LogConnectionId c = OpenProducer();
  Put(c, "a");
  EXPECT_LE(broker.NextTimer(), now + seconds(10));
  now = now + seconds(10);
  broker.Advance(now);
  EXPECT_FALSE(broker.InTransaction("tx"));
  broker.Append({topic, 0}, {.body = "later"});
  EXPECT_EQ(Seen(), Bodies{"later"}) << "nobody is held back any more";
  EXPECT_EQ(End(c, true), LogError::kProducerEpoch);
  EXPECT_EQ(Put(c, "b"), LogError::kProducerEpoch);
  broker.Receive(c, {.method = LogMethod::kInitProducer, .timeout_ms = 10'000, .instance = "tx"}, now);
  EXPECT_EQ(Events(c).back().error, LogError::kNone);
  Put(c, "c");
  EXPECT_EQ(End(c, true), LogError::kNone);
  EXPECT_EQ(Seen(), (Bodies{"later", "c"}));
}

TEST_F(LogTransactionsTest, NobodyIsToldWhereToStartWhileOffsetsArePending) {
  const LogConnectionId c = OpenProducer();
  Offset(c, 5);
  LogError error = LogError::kNone;
  Offsets(&error);
  EXPECT_EQ(error, LogError::kUnstableOffset);
  End(c, true);
  Offsets(&error);
  EXPECT_EQ(error, LogError::kNone);
}

TEST_F(LogTransactionsTest, OffsetsOfAnotherGenerationAreRefused) {
  const LogConnectionId member = Open(), c = OpenProducer();
  const LogJoin join{.protocols = {"range"}, .topics = {input}, .owned = {}};
  broker.Receive(member, {.method = LogMethod::kJoin, .id = 1, .group = "g", .join = &join}, now);
  const std::string id = Events(member).back().detail->member;
  broker.Receive(member, {.method = LogMethod::kJoin, .id = 2, .group = "g", .member = id, .join = &join}, now);
  const int32_t generation = Events(member).back().generation;
  const auto offset = [&](int32_t g, std::string_view who) {
    broker.Receive(c,
                   {.method = LogMethod::kTransactOffset,
                    .generation = g,
                    .partition = {input, 0},
                    .offset = 1,
                    .group = "g",
                    .member = who},
                   now);
    return Events(c).back().error;
  };
  EXPECT_EQ(offset(generation - 1, id), LogError::kIllegalGeneration);
  EXPECT_EQ(offset(generation, "somebody"), LogError::kUnknownMember);
  EXPECT_EQ(offset(-1, ""), LogError::kUnknownMember) << "the group has members";
  EXPECT_EQ(offset(generation, id), LogError::kNone);
}

TEST_F(LogTransactionsTest, AFullTopicHoldsUpOnlyTheBeginning) {
  const int32_t narrow =
      *broker.CreateTopic({.name = "n", .partitions = 1, .groups = {"h"}, .backlog_bytes_max = 1000});
  const LogConnectionId c = OpenProducer();
  const std::string body(600, 'x');
  const int32_t topics[] = {topic, narrow};
  const auto put = [&](int32_t to) {
    const Outgoing out{.topic = to, .partition = 0, .message = {.body = body}};
    return broker.Produce(c, topics, {&out, 1}, ++token);
  };
  EXPECT_EQ(put(1), 1u);
  EXPECT_EQ(put(1), 1u) << "over the bound, in the middle of a transaction";
  EXPECT_EQ(put(0), 1u);
  Events(c);
  End(c, true);
  EXPECT_EQ(put(0), 0u) << "the other topic is full: the next one waits";
  Events(c);
  const LogConnectionId reader = Open();
  broker.Receive(reader, {.method = LogMethod::kCommit, .partition = {narrow, 0}, .offset = 3, .group = "h"}, now);
  const std::vector<LogEvent> events = Events(c);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, LogEventKind::kWritable);
  EXPECT_EQ(put(0), 1u);
}

TEST_F(LogTransactionsTest, ARestartOfTheBrokerLeavesTransactionsAsTheyAre) {
  const LogConnectionId c = OpenProducer();
  Put(c, "a");
  broker.Stop();
  broker.Start(now);
  EXPECT_TRUE(broker.InTransaction("tx"));
  const LogConnectionId again = OpenProducer();
  EXPECT_FALSE(broker.InTransaction("tx"));
  Put(again, "b");
  End(again, true);
  EXPECT_EQ(Seen(), Bodies{"b"});
}

TEST_F(LogTransactionsTest, WithoutACoordinatorNothingBeginsOrEnds) {
  const LogConnectionId c = OpenProducer();
  Put(c, "a");
  broker.SetCoordinator(false, now);
  EXPECT_EQ(End(c, true), LogError::kCoordinatorUnavailable);
  EXPECT_EQ(Offset(c, 1), LogError::kCoordinatorUnavailable);
  broker.SetCoordinator(true, now);
  EXPECT_EQ(Offset(c, 1), LogError::kNone);
  EXPECT_EQ(End(c, true), LogError::kNone);
  EXPECT_EQ(Seen(), Bodies{"a"});
}

TEST_F(LogTransactionsTest, RetentionTellsOnlyOfRecordsThatCouldBeSeen) {
  std::vector<std::string> destroyed;
  broker.WatchDestroyed(
      [&](std::string_view, Partition, const Delivery& d) { destroyed.emplace_back(*d.message.body); });
  const LogConnectionId c = OpenProducer();
  Put(c, "aborted");
  End(c, false);
  Put(c, "kept");
  End(c, true);
  broker.DeleteRecordsBefore({topic, 0}, broker.Log({topic, 0}).end());
  EXPECT_EQ(destroyed, Bodies{"kept"});
}

class LogTransactionsRetentionTest : public LogTransactionsTest {
 protected:
  LogTransactionsRetentionTest() : LogTransactionsTest({.segment_bytes = 2048, .retention_bytes = 4096}) {
    broker.WatchDestroyed(
        [this](std::string_view, Partition, const Delivery& d) { destroyed.emplace_back(*d.message.body); });
  }
  Bodies destroyed;
};

TEST_F(LogTransactionsRetentionTest, NothingIsCutOutOfATransactionThatIsOpen) {
  const LogConnectionId c = OpenProducer();
  broker.Append({topic, 0}, {.body = "before"});
  Put(c, "first");
  for (int i = 0; i < 100; ++i) broker.Append({topic, 0}, {.body = "of none"});
  Put(c, "last");
  EXPECT_LE(broker.Log({topic, 0}).start(), 1);
  broker.DeleteRecordsBefore({topic, 0}, broker.Log({topic, 0}).end());
  EXPECT_EQ(broker.Log({topic, 0}).start(), 1);
  EXPECT_EQ(destroyed, Bodies{"before"});
  End(c, true);
  EXPECT_GT(broker.Log({topic, 0}).start(), 1);
  ASSERT_GT(destroyed.size(), 1u);
  EXPECT_EQ(destroyed[1], "first") << "told of, as it could be seen by then";
}

}  // namespace
}  // namespace millrace::bus
