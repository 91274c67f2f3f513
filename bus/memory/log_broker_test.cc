#include "bus/memory/log_broker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "bus/memory/log_test_support.h"

namespace millrace::bus {
namespace {

using log_testing::CountingWaker;

class LogBrokerTest : public ::testing::Test {
 protected:
  std::vector<LogEvent> Events(LogConnectionId c) {
    std::vector<LogEvent> events;
    broker.TakeEvents(c, events);
    return events;
  }
  LogConnectionId Open() {
    const LogConnectionId c = broker.Open(waker, now);
    EXPECT_EQ(Events(c).at(0).kind, LogEventKind::kConnected);
    return c;
  }
  void Fetch(LogConnectionId c, uint64_t id, int64_t offset, uint32_t max = 100, int32_t partition = 0) {
    broker.Receive(
        c, {.method = LogMethod::kFetch, .max = max, .id = id, .partition = {topic, partition}, .offset = offset}, now);
  }
  void Put(int count, int32_t partition = 0) {
    for (int i = 0; i < count; ++i) broker.Append({topic, partition}, {.body = "body"});
  }
  LogError Commit(LogConnectionId c, int64_t offset, std::string_view group = "g", std::string_view note = {}) {
    broker.Receive(
        c, {.method = LogMethod::kCommit, .partition = {topic, 0}, .offset = offset, .group = group, .note = note},
        now);
    return Events(c).back().error;
  }

  LogBroker broker{{}};
  CountingWaker waker;
  MonotonicTime now{1};
  int32_t topic = *broker.CreateTopic({.name = "t", .partitions = 2, .groups = {"g", "h"}});
};

TEST_F(LogBrokerTest, AFetchWaitsForRecords) {
  const LogConnectionId c = Open();
  Fetch(c, 1, 0);
  EXPECT_TRUE(Events(c).empty());
  Put(3);
  const std::vector<LogEvent> events = Events(c);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, 1u);
  EXPECT_EQ(events[0].records.size(), 1u) << "answered with the first that came";
  EXPECT_EQ(events[0].offset, 1);
  Fetch(c, 2, 1, 1);
  EXPECT_EQ(Events(c).at(0).records.size(), 1u);
}

TEST_F(LogBrokerTest, OnlyTheLastFetchOfAPartitionIsAnswered) {
  const LogConnectionId c = Open();
  const LogConnectionId other = Open();
  Fetch(c, 1, 0);
  Fetch(c, 2, 0);
  Fetch(other, 7, 0);
  Put(1);
  ASSERT_EQ(Events(other).size(), 1u);
  const std::vector<LogEvent> events = Events(c);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, 2u);
}

TEST_F(LogBrokerTest, WakesOnceUntilLookedAt) {
  const LogConnectionId c = Open();
  const int before = waker.wakes;
  Fetch(c, 1, 0);
  Fetch(c, 2, 0, 100, 1);
  Put(1);
  Put(1, 1);
  EXPECT_EQ(waker.wakes, before + 1);
  Events(c);
  Fetch(c, 3, 1);
  Put(1);
  EXPECT_EQ(waker.wakes, before + 2);
}

TEST_F(LogBrokerTest, OutOfRangeSaysWhereTheLogStarts) {
  const LogConnectionId c = Open();
  Put(10);
  broker.DeleteRecordsBefore({topic, 0}, 6);
  Fetch(c, 1, 3);
  LogEvent event = std::move(Events(c).at(0));
  EXPECT_EQ(event.error, LogError::kOffsetOutOfRange);
  EXPECT_EQ(event.offset, 6);
  EXPECT_EQ(event.end, 10);
  Fetch(c, 2, 11);
  EXPECT_EQ(Events(c).at(0).error, LogError::kOffsetOutOfRange);
  Fetch(c, 3, 10);
  EXPECT_TRUE(Events(c).empty());
  Put(2);
  EXPECT_EQ(Events(c).at(0).records.size(), 1u);
  Fetch(c, 4, 12);
  broker.DeleteRecordsBefore({topic, 0}, 12);
  EXPECT_TRUE(Events(c).empty()) << "nothing at the end is destroyed";
}

TEST_F(LogBrokerTest, AGapIsAnsweredByWhereToGoOn) {
  const LogConnectionId c = Open();
  Fetch(c, 1, 0);
  broker.AppendGap({topic, 0}, 4);
  const LogEvent event = std::move(Events(c).at(0));
  EXPECT_TRUE(event.records.empty());
  EXPECT_EQ(event.offset, 4);
}

TEST_F(LogBrokerTest, WhatAllGroupsHaveSettledIsGivenBack) {
  const LogConnectionId c = Open();
  Put(10);
  const uint64_t all = broker.Backlog(topic);
  EXPECT_EQ(all, 10 * LogPartition::Footprint({.body = "body"}));
  EXPECT_EQ(Commit(c, 6, "g"), LogError::kNone);
  EXPECT_EQ(broker.Backlog(topic), all) << "h has settled nothing";
  EXPECT_EQ(Commit(c, 4, "h"), LogError::kNone);
  EXPECT_EQ(broker.Backlog(topic), all * 6 / 10);
  EXPECT_EQ(broker.Log({topic, 0}).start(), 4);
  EXPECT_EQ(Commit(c, 10, "h"), LogError::kNone);
  EXPECT_EQ(Commit(c, 3, "h"), LogError::kNone) << "taken, but nothing comes back";
  EXPECT_EQ(broker.Log({topic, 0}).start(), 6);
  EXPECT_EQ(broker.SettledUpTo("h", {topic, 0}), 6);
}

TEST_F(LogBrokerTest, KeptTopicsKeepEverything) {
  topic = *broker.CreateTopic({.name = "kept", .groups = {"g"}, .keep = true});
  const LogConnectionId c = Open();
  Put(10);
  Commit(c, 10);
  EXPECT_EQ(broker.Log({topic, 0}).start(), 0);
  EXPECT_EQ(broker.Backlog(topic), 0u);
}

TEST_F(LogBrokerTest, TopicsWithoutGroupsKeepWhatNobodyCanHaveSettled) {
  topic = *broker.CreateTopic({.name = "open"});
  const LogConnectionId c = Open();
  Put(3);
  Commit(c, 3, "foreign");
  EXPECT_EQ(broker.Log({topic, 0}).start(), 0);
  ASSERT_TRUE(broker.CreateTopic({.name = "open", .groups = {"late"}}).ok());
  EXPECT_EQ(broker.SettledUpTo("late", {topic, 0}), 0);
  Commit(c, 2, "late");
  EXPECT_EQ(broker.Log({topic, 0}).start(), 2);
}

TEST_F(LogBrokerTest, RetentionByBytesDestroysTheOldest) {
  LogBroker small({.segment_bytes = 2048, .retention_bytes = 4096});
  const int32_t t = *small.CreateTopic({.name = "t", .groups = {"g"}});
  const std::string body(100, 'x');
  for (int i = 0; i < 1000; ++i) small.Append({t, 0}, {.body = body});
  const LogPartition& log = small.Log({t, 0});
  EXPECT_GT(log.start(), 0);
  EXPECT_GE(log.bytes(), 4096u);
  EXPECT_LE(log.bytes(), 4096u + 2 * 2048u);
  EXPECT_EQ(small.Backlog(t), log.bytes()) << "what is gone is no backlog";
}

TEST_F(LogBrokerTest, WhatIsDestroyedUnsettledIsTold) {
  std::vector<std::string> told;
  const auto watch = [&](std::string_view group, Partition partition, const Delivery& record) {
    told.push_back(std::string(group) + " " + std::to_string(partition.number) + "/" + std::to_string(record.offset));
  };
  broker.WatchDestroyed(watch);
  const LogConnectionId c = Open();
  Put(4);
  broker.AppendGap({topic, 0}, 2);
  Put(4);
  EXPECT_EQ(Commit(c, 3, "g"), LogError::kNone);
  EXPECT_EQ(Commit(c, 2, "h"), LogError::kNone);
  EXPECT_TRUE(told.empty()) << "what everybody has settled is not destroyed";
  broker.DeleteRecordsBefore({topic, 0}, 7);
  EXPECT_EQ(told, (std::vector<std::string>{"g 0/3", "g 0/6", "h 0/2", "h 0/3", "h 0/6"}));
  told.clear();
  broker.DeleteRecordsBefore({topic, 0}, 7);
  EXPECT_TRUE(told.empty()) << "once";

  LogBroker small({.segment_bytes = 2048, .retention_bytes = 4096});
  small.WatchDestroyed(watch);
  const int32_t t = *small.CreateTopic({.name = "t", .groups = {"g"}});
  for (int i = 0; i < 1000; ++i) small.Append({t, 0}, {.body = "0123456789"});
  EXPECT_EQ(told.size(), static_cast<size_t>(small.Log({t, 0}).start())) << "each, by retention too";
  EXPECT_GT(told.size(), 0u);
}

TEST_F(LogBrokerTest, TopicsAreVerifiedAndExtended) {
  EXPECT_EQ(*broker.CreateTopic({.name = "t", .partitions = 2, .groups = {"x"}}), topic);
  EXPECT_EQ(broker.Spec(topic).groups, (std::vector<std::string>{"g", "h", "x"}));
  EXPECT_TRUE(absl::IsFailedPrecondition(broker.CreateTopic({.name = "t", .partitions = 3}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(broker.CreateTopic({.name = ""}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(broker.CreateTopic({.name = "n", .partitions = 0}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(broker.CreateTopic({.name = "n", .groups = {"g", "g"}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(broker.CreateTopic({.name = "n", .groups = {""}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(broker.CreateTopic({.name = "n", .backlog_bytes_max = 5}).status()));
}

TEST_F(LogBrokerTest, AdminCommitsAndDeletionNeedAnEmptyGroup) {
  EXPECT_EQ(broker.SetCommitted("g", {topic, 0}, 5, "n"), LogError::kNone);
  EXPECT_EQ(broker.Group("g")->CommittedOf({topic, 0}).note, "n");
  EXPECT_EQ(broker.SetCommitted("g", {topic, 9}, 5, "n"), LogError::kUnknownTopic);
  EXPECT_EQ(broker.DeleteGroup("g"), LogError::kNone);
  EXPECT_EQ(broker.DeleteGroup("g"), LogError::kGroupNotFound) << "that a topic names it makes no group";
  EXPECT_EQ(broker.DeleteGroup("nobody"), LogError::kGroupNotFound);
  EXPECT_EQ(broker.Group("g")->CommittedOf({topic, 0}).offset, -1);
  Put(2);
  const LogConnectionId c = Open();
  EXPECT_EQ(Commit(c, 2, "g"), LogError::kNone) << "the new group of that name counts for the topic";
  EXPECT_EQ(Commit(c, 2, "h"), LogError::kNone);
  EXPECT_EQ(broker.Backlog(topic), 0u);
}

TEST_F(LogBrokerTest, BadRequestsAreAnsweredNotObeyed) {
  const LogConnectionId c = Open();
  broker.Receive(c, {.method = LogMethod::kFetch, .id = 1, .partition = {9, 0}}, now);
  broker.Receive(c, {.method = LogMethod::kFetch, .id = 2, .partition = {topic, -1}}, now);
  broker.Receive(c, {.method = LogMethod::kCommit, .id = 3, .partition = {-1, 0}, .group = "g"}, now);
  broker.Receive(c, {.method = LogMethod::kCommit, .id = 4, .partition = {topic, 0}, .offset = -5, .group = "g"}, now);
  const std::vector<Partition> odd = {{topic, 7}, {topic, 1}};
  broker.Receive(c, {.method = LogMethod::kOffsets, .id = 5, .group = "nobody", .partitions = odd}, now);
  const std::vector<LogEvent> events = Events(c);
  ASSERT_EQ(events.size(), 5u);
  for (const LogEvent& e : events) EXPECT_EQ(e.error, LogError::kUnknownTopic) << e.id;
  broker.Receive(12345, {.method = LogMethod::kFetch}, now);
  EXPECT_EQ(Commit(c, 1, "g", std::string(4097, 'x')), LogError::kNoteTooLarge);
}

TEST_F(LogBrokerTest, StopBreaksConnectionsAndKeepsTheRest) {
  const LogConnectionId c = Open();
  Put(2);
  Fetch(c, 1, 0);
  broker.Stop();
  const std::vector<LogEvent> events = Events(c);
  ASSERT_EQ(events.size(), 1u) << "what was on its way is lost";
  EXPECT_EQ(events[0].kind, LogEventKind::kDisconnected);
  const LogConnectionId refused = broker.Open(waker, now);
  EXPECT_EQ(Events(refused).at(0).kind, LogEventKind::kDisconnected);
  broker.Start(now);
  Fetch(c, 2, 0);
  EXPECT_TRUE(Events(c).empty());
  Fetch(Open(), 3, 0);
  EXPECT_EQ(broker.Log({topic, 0}).end(), 2);
}

TEST_F(LogBrokerTest, SteadyTrafficLeavesNothingBehind) {
  LogBroker small({.segment_bytes = 4096, .segments_kept = 4});
  const int32_t t = *small.CreateTopic({.name = "t", .groups = {"g"}});
  const std::string body(256, 'x');
  const LogConnectionId c = small.Open(waker, now);
  std::vector<LogEvent> events;
  int64_t offset = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 37; ++i) small.Append({t, 0}, {.body = body});
    while (offset < small.Log({t, 0}).end()) {
      small.Receive(c, {.method = LogMethod::kFetch, .max = 64, .partition = {t, 0}, .offset = offset}, now);
      small.TakeEvents(c, events);
      offset = events.back().offset;
      small.Receive(c, {.method = LogMethod::kCommit, .partition = {t, 0}, .offset = offset, .group = "g"}, now);
    }
  }
  EXPECT_EQ(small.Log({t, 0}).bytes(), 0u);
}

TEST_F(LogBrokerTest, CommitsAreLostWithWhatTheGroupWas) {
  const LogConnectionId c = Open();
  LogJoin join;
  join.protocols = {"range"};
  join.topics = {topic};
  Put(10);
  EXPECT_EQ(broker.LoseCommits("g", {topic, 0}, 3), -1) << "nothing is committed";
  EXPECT_EQ(Commit(c, 8, "g", "note"), LogError::kNone);
  broker.Receive(c, {.method = LogMethod::kJoin, .id = 1, .group = "g", .join = &join}, now);
  const std::string member = Events(c).at(0).detail->member;
  broker.Receive(c, {.method = LogMethod::kJoin, .id = 2, .group = "g", .member = member, .join = &join}, now);
  const int32_t generation = Events(c).at(0).generation;
  EXPECT_EQ(broker.LoseCommits("g", {topic, 1}, 3), -1) << "another partition";
  EXPECT_EQ(broker.LoseCommits("g", {topic, 0}, 3), 5);
  EXPECT_EQ(broker.Group("g")->CommittedOf({topic, 0}).offset, 5);
  EXPECT_EQ(broker.Group("g")->CommittedOf({topic, 0}).note, "");
  EXPECT_TRUE(broker.Group("g")->Members().empty());
  // Who does not know yet settles nothing any more.
  broker.Receive(c,
                 {.method = LogMethod::kCommit,
                  .generation = generation,
                  .partition = {topic, 0},
                  .offset = 9,
                  .group = "g",
                  .member = member},
                 now);
  EXPECT_EQ(Events(c).back().error, LogError::kUnknownMember);
  EXPECT_EQ(broker.Group("g")->CommittedOf({topic, 0}).offset, 5);
  // Not behind what is there.
  broker.DeleteRecordsBefore({topic, 0}, 4);
  EXPECT_EQ(broker.LoseCommits("g", {topic, 0}, 100), 4);
  EXPECT_EQ(broker.LoseCommits("g", {topic, 0}, 1), -1);
}

}  // namespace
}  // namespace millrace::bus
