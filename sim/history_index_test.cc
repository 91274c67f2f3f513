#include "sim/history_index.h"

#include <gtest/gtest.h>

#include "sim/testing/history_builder.h"

namespace millrace::sim {
namespace {

HistoryBuilder Pipeline(bool queues = false) {
  HistoryBuilder b;
  if (queues) b.Queues();
  b.Topic("raw", 2).Topic("clean").Topic("dead").DeadLetters();
  b.Stage("parse", "raw", {"clean"}, "dead").Stage("audit", "raw", {}).Stage("store", "clean", {}, "dead").Sink();
  return b;
}

TEST(HistoryIndex, PlacesAndPairs) {
  HistoryBuilder b = Pipeline();
  const uint32_t job = b.Job("a", "raw", "k", 1), in = b.Input(job), out = b.Derive(in, "parse", "clean");
  b.Feed(job).Append(out);
  const HistoryIndex index(b.history());
  EXPECT_EQ(index.partitions(), 4u);
  EXPECT_EQ(index.slots(), 5u);  // two of each of the readers of raw, and one of store
  EXPECT_EQ(index.PartitionOf(b.topic("clean"), 0), 2u);
  EXPECT_EQ(index.PartitionOf(b.topic("clean"), 1), kNone);
  EXPECT_EQ(index.TopicOfPartition(2), b.topic("clean"));
  EXPECT_NE(index.PairOf(b.stage("parse"), in), index.PairOf(b.stage("audit"), in));
  EXPECT_EQ(index.PairOf(b.stage("store"), in), kNone);
  EXPECT_EQ(index.pairs().size(), 3u);
  EXPECT_EQ(index.message(in).first_append, 1u);
  EXPECT_EQ(index.message(in).partition, 1u);
  EXPECT_EQ(index.SlotOfPair(index.pair(index.PairOf(b.stage("audit"), in))), 3u);
  EXPECT_EQ(index.PartitionOfSlot(3), 1u);
}

TEST(HistoryIndex, DurableWhenAllOutputsOfOneAttemptAre) {
  HistoryBuilder b = Pipeline();
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job);
  const uint32_t one = b.Derive(in, "parse", "clean"), two = b.Derive(in, "parse", "clean");
  b.Feed(job).Attempt(0, "parse", in, {one, two}).Append(one);
  EXPECT_EQ(HistoryIndex(b.history()).pair(0).durable_at, kNever);
  b.Append(two);
  EXPECT_EQ(HistoryIndex(b.history()).pair(0).durable_at, b.last());
  EXPECT_EQ(HistoryIndex(b.history()).pair(0).confirmed_at, kNever);
  b.Confirm(0, "parse", two).Confirm(0, "parse", one);
  const HistoryIndex index(b.history());
  EXPECT_EQ(index.pair(0).confirmed_at, b.last());
  EXPECT_EQ(index.attempts()[0].outputs, 2u);
  EXPECT_EQ(index.pair(index.PairOf(b.stage("audit"), in)).durable_at, kNever);
}

// Who publishes a dead letter has made it, whether that was written down or not.
TEST(HistoryIndex, DeadLettersOfBothReaders) {
  HistoryBuilder b = Pipeline();
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job), letter = b.DeadLetter(in, "parse");
  b.Feed(job).Publish(0, "parse", letter);
  const uint32_t made = b.last();
  b.Append(letter);
  const uint32_t appended = b.last();
  const uint16_t parse = b.stage("parse"), audit = b.stage("audit");
  const HistoryIndex one(b.history());
  EXPECT_EQ(one.pair(one.PairOf(parse, in)).dead_at, appended);
  EXPECT_EQ(one.pair(one.PairOf(parse, in)).dead_made_at, made);
  EXPECT_EQ(one.pair(one.PairOf(audit, in)).dead_at, kNever);
  b.Publish(0, "audit", letter);
  const HistoryIndex both(b.history());
  EXPECT_EQ(both.pair(both.PairOf(audit, in)).dead_at, appended);
}

TEST(HistoryIndex, SettlementsOfLogsFollowTheOffset) {
  HistoryBuilder b = Pipeline();
  for (const char* name : {"a", "b", "c"}) b.Feed(b.Job(name, "raw"));
  b.Committed("parse", 0, 2);
  const uint32_t first = b.last();
  b.Committed("parse", 0, 1).Committed("parse", 0, 3);
  const HistoryIndex index(b.history());
  ASSERT_EQ(index.settlements().size(), 4u);  // two, then the second again with the third
  EXPECT_EQ(index.settlements()[1].record, first);
  EXPECT_EQ(index.settlements()[3].record, first + 2);
  ASSERT_EQ(index.steps_back().size(), 1u);
  EXPECT_EQ(index.steps_back()[0].from, 2u);
  EXPECT_EQ(index.steps_back()[0].to, 1u);
  EXPECT_EQ(index.steps_back()[0].recovered, first + 2);
  EXPECT_EQ(index.WentBack(0, first + 1, 0), 0u) << "not yet";
  EXPECT_EQ(index.WentBack(0, first + 2, 0), 1u);
  EXPECT_EQ(index.WentBack(0, first + 3, first + 1), 1u);
  EXPECT_EQ(index.WentBack(0, first + 3, first + 2), 0u) << "no more";
  EXPECT_EQ(index.WentBack(1, first + 3, 0), 0u) << "another partition";
  EXPECT_EQ(index.pair(index.PairOf(b.stage("parse"), 2)).open, 0u);
  EXPECT_EQ(index.pair(index.PairOf(b.stage("audit"), 2)).open, 1u);
}

TEST(HistoryIndex, CopiesOnQueuesAreCounted) {
  HistoryBuilder b = Pipeline(/*queues=*/true);
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job);
  b.Feed(job).Append(in).Acked("parse", in);
  EXPECT_EQ(HistoryIndex(b.history()).pair(0).open, 1u);
  b.Acked("parse", in);
  EXPECT_EQ(HistoryIndex(b.history()).pair(0).open, 0u);
}

TEST(HistoryIndex, HoldingsByEpochAndLife) {
  HistoryBuilder b = Pipeline();
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job);
  b.Start(0).Feed(job).Assign(0, "parse");
  const uint32_t assigned = b.last();
  b.Deliver(0, "parse", in).Crash(0);
  const uint32_t crash = b.last();
  b.Start(0).Deliver(0, "parse", in);  // the epoch of its life before
  const HistoryIndex index(b.history());
  ASSERT_EQ(index.holdings().size(), 1u);
  EXPECT_EQ(index.holdings()[0].assigned, assigned);
  EXPECT_EQ(index.holdings()[0].end, crash);
  EXPECT_EQ(index.HoldingOf(assigned + 1), 0u);
  EXPECT_EQ(index.HoldingOf(b.last()), kNone);
}

TEST(HistoryIndex, DestroyedAndAnnounced) {
  HistoryBuilder b = Pipeline();
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job);
  b.Feed(job).Destroy("parse", in);
  const uint32_t destroyed = b.last();
  b.DataLoss(0, "parse");
  const HistoryIndex index(b.history());
  const PairFacts& pair = index.pair(index.PairOf(b.stage("parse"), in));
  EXPECT_EQ(pair.destroyed_at, destroyed);
  EXPECT_TRUE(index.Announced(pair));
  EXPECT_EQ(pair.open, 0u);
  EXPECT_EQ(index.CopiesIn(0)[0].destroyed, destroyed);
}

}  // namespace
}  // namespace millrace::sim
