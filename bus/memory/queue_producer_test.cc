#include "bus/memory/queue_producer.h"

#include <gtest/gtest.h>

#include "bus/memory/queue_client.h"
#include "bus/memory/queue_test_support.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

using queue_testing::Apply;
using queue_testing::CountingWaker;
using queue_testing::FaultyLink;
using queue_testing::LinkFaults;
using queue_testing::RecordingProducer;
using std::chrono::milliseconds;
using std::chrono::seconds;

class QueueProducerTest : public ::testing::Test {
 protected:
  void Make(const Topology& topology, const QueueProducerOptions& options = {}) {
    ASSERT_TRUE(Apply(broker, topology).ok());
    std::vector<QueueTopic> topics;
    for (const TopicSpec& spec : topology.topics) topics.push_back(QueueTopicOf(spec));
    producer =
        std::make_unique<QueueProducer>(topics, options, std::make_unique<FaultyLink>(broker, waker, faults), now);
    Poll();
  }
  void Poll() {
    producer->Advance(now);
    producer->Poll(handler);
  }
  void Pass(Duration duration) {
    now = now + duration;
    Poll();
  }
  // `count` messages to one partition under the next tokens; returns how many were taken.
  size_t Publish(size_t count, int32_t partition = 0, int32_t topic = 0) {
    std::vector<Outgoing> out(count);
    std::vector<std::string> bodies;
    for (size_t i = 0; i < count; ++i) bodies.push_back(std::to_string(next_token + i));
    for (size_t i = 0; i < count; ++i) {
      out[i].topic = topic;
      out[i].partition = partition;
      out[i].message.body = bodies[i];
    }
    producer->Advance(now);
    const size_t taken = producer->Publish(out, next_token);
    next_token += taken;
    return taken;
  }
  // Whether each token up to the last has exactly one answer.
  void ExpectAllAnsweredOnce() {
    for (uint64_t t = 1; t < next_token; ++t) EXPECT_EQ(handler.answers[t].size(), 1u) << "token " << t;
    EXPECT_EQ(handler.answers.size(), next_token - 1);
    EXPECT_EQ(producer->outstanding(), 0u);
  }

  MonotonicTime now;
  QueueBroker broker{QueueBrokerOptions{}};
  LinkFaults faults;
  CountingWaker waker;
  RecordingProducer handler;
  std::unique_ptr<QueueProducer> producer;
  uint64_t next_token = 1;
};

Topology Raw(size_t backlog = 0) {
  return {.topics = {{.name = "raw", .partitions = 2, .ordered = true, .groups = {"g"}, .backlog_bytes_max = backlog}}};
}

TEST_F(QueueProducerTest, ConfirmsInOneRange) {
  Make(Raw());
  EXPECT_EQ(Publish(100, 1), 100u);
  EXPECT_TRUE(handler.answers.empty()) << "answers come in Poll only";
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_EQ(handler.confirms, 1u);
  EXPECT_TRUE(handler.Of(100).ok());
  EXPECT_EQ(broker.Stats("raw:g:1").ready, 100u);
  EXPECT_EQ(broker.Stats("raw:g:0").ready, 0u);
}

TEST_F(QueueProducerTest, EveryStyleOfConfirmsAnswersEachOnce) {
  Make(Raw());
  for (const ConfirmStyle style : {ConfirmStyle::kSingle, ConfirmStyle::kScattered, ConfirmStyle::kMultiple}) {
    broker.SetConfirmStyle(style);
    for (int i = 0; i < 20; ++i) {
      broker.RefuseNext("raw:g:0", static_cast<uint64_t>(i % 3));
      Publish(17);
      Poll();
    }
  }
  ExpectAllAnsweredOnce();
}

// A multiple nack must not be taken for the one tag it names, nor a multiple ack for those refused before.
TEST_F(QueueProducerTest, RefusalsAreToldApart) {
  Make(Raw());
  broker.HoldConfirms(true, now);
  Publish(3);
  broker.RefuseNext("raw:g:0", 2);
  Publish(4);
  broker.HoldConfirms(false, now);
  Poll();
  ExpectAllAnsweredOnce();
  for (const uint64_t token : {1, 2, 3, 6, 7}) EXPECT_TRUE(handler.Of(token).ok()) << token;
  for (const uint64_t token : {4, 5}) EXPECT_EQ(handler.Of(token).code(), absl::StatusCode::kUnavailable) << token;
}

TEST_F(QueueProducerTest, ABoundedTopicThatRefusesIsFull) {
  Make(Raw(1 << 20));
  broker.RefuseNext("raw:g:0", 1);
  Publish(1);
  Poll();
  EXPECT_EQ(handler.Of(1).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(QueueProducerTest, AReturnIsAFailureAlthoughItIsAcked) {
  Make(Raw());
  ASSERT_TRUE(broker.DeleteQueue("raw:g:1", now));
  Publish(2, 0);
  Publish(1, 1);
  Publish(2, 0);
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_EQ(handler.Of(3).code(), absl::StatusCode::kFailedPrecondition);
  for (const uint64_t token : {1, 2, 4, 5}) EXPECT_TRUE(handler.Of(token).ok()) << token;
}

TEST_F(QueueProducerTest, WhatCanNeverBeTakenIsAnsweredWithoutTheBroker) {
  Make(Raw(), {.session = {}, .window = 100, .message_bytes_max = 10});
  Publish(1, 2);
  Publish(1, -1);
  Publish(1, 0, 7);
  const Outgoing big{.topic = 0, .partition = 0, .message = {.key = {}, .body = "elevenbytes", .headers = {}}};
  EXPECT_EQ(producer->Publish({&big, 1}, next_token++), 1u);
  Publish(1);
  Poll();
  ExpectAllAnsweredOnce();
  for (const uint64_t token : {1, 2, 3, 4}) EXPECT_EQ(handler.Of(token).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(handler.Of(5).ok());
}

TEST_F(QueueProducerTest, TheWindowTakesAPrefix) {
  Make(Raw(), {.session = {}, .window = 10});
  EXPECT_EQ(Publish(25), 10u);
  EXPECT_EQ(Publish(1), 0u);
  EXPECT_NE(producer->Pending(), "");
  Poll();
  EXPECT_EQ(handler.writable, 1);
  EXPECT_EQ(Publish(15), 10u);
  Poll();
  EXPECT_EQ(handler.writable, 2);
  Poll();
  EXPECT_EQ(handler.writable, 2) << "only after Publish took less than it was given";
}

TEST_F(QueueProducerTest, AnAlarmStopsPublishingAndLosesNothing) {
  Make(Raw());
  broker.SetAlarm(true, now);
  EXPECT_EQ(Publish(5), 5u);  // they wait in the socket: the server says that it is blocked at the first
  Poll();
  EXPECT_EQ(Publish(5), 0u);
  EXPECT_EQ(producer->outstanding(), 5u);
  Pass(seconds(60));
  EXPECT_EQ(producer->outstanding(), 5u) << "no local expiry";
  broker.SetAlarm(false, now);
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_EQ(handler.writable, 1);
  EXPECT_EQ(broker.Stats("raw:g:0").ready, 5u);
}

TEST_F(QueueProducerTest, AFullBacklogStopsPublishing) {
  Make(Raw(20));
  size_t taken = 0;
  for (int i = 0; i < 50; ++i) {
    taken += Publish(1);
    Poll();
  }
  EXPECT_GE(taken, 10u);
  EXPECT_LE(taken, 25u);
  ExpectAllAnsweredOnce();
  EXPECT_NE(producer->Pending().find("backlog"), std::string::npos);
}

// Without a Poll in between, too: the caller may publish as long as it likes.
TEST_F(QueueProducerTest, AFullBacklogIsSeenInsideABatch) {
  Make(Raw(20));
  const size_t taken = Publish(1000);
  EXPECT_GE(taken, 10u);
  EXPECT_LE(taken, 25u);
  EXPECT_EQ(Publish(10), 0u);
  ASSERT_TRUE(broker.DeleteQueue("raw:g:0", now));
  Poll();
  EXPECT_EQ(handler.writable, 1);
}

TEST_F(QueueProducerTest, ConnectionLossMakesOutcomesUnknown) {
  Make(Raw());
  broker.HoldConfirms(true, now);
  Publish(3);
  Poll();
  broker.Stop(now);
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_EQ(handler.Of(2).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Publish(1), 0u);
  broker.Start(now);
  broker.HoldConfirms(false, now);
  EXPECT_LE(producer->NextTimer(), now + seconds(1));
  now = producer->NextTimer();
  Poll();
  EXPECT_EQ(handler.writable, 1);
  EXPECT_EQ(Publish(2), 2u);
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_TRUE(handler.Of(5).ok());
  EXPECT_EQ(broker.Stats("raw:g:0").ready, 5u) << "unknown is not undone";
}

TEST_F(QueueProducerTest, AClosedChannelIsReopenedWithNewTags) {
  Make(Raw());
  Publish(2);
  Poll();
  broker.HoldConfirms(true, now);
  Publish(2);
  const ConnectionId id = broker.Connections().back();
  broker.CloseChannel(id, 1, kPreconditionFailed, "PRECONDITION_FAILED - because", now);
  Publish(1);  // not known to be closed yet
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_EQ(handler.Of(5).code(), absl::StatusCode::kDeadlineExceeded);
  broker.HoldConfirms(false, now);
  Pass(seconds(1));
  EXPECT_EQ(Publish(1), 1u);
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_TRUE(handler.Of(6).ok());
}

TEST_F(QueueProducerTest, AMissingExchangeIsATopologyMismatch) {
  QueueTopic missing{.name = "missing", .partitions = 1, .ordered = true, .backlog_bytes_max = 0};
  ASSERT_TRUE(Apply(broker, Raw()).ok());
  producer =
      std::make_unique<QueueProducer>(std::vector<QueueTopic>{QueueTopicOf(Raw().topics[0]), missing},
                                      QueueProducerOptions{}, std::make_unique<FaultyLink>(broker, waker, faults), now);
  Poll();
  Publish(1, 0, 0);
  Publish(1, 0, 1);
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_EQ(handler.Of(2).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(QueueProducerTest, UnorderedTopicsHaveOneQueue) {
  Make({.topics = {{.name = "in", .partitions = 8, .ordered = false, .groups = {"g"}}}});
  Publish(3, 5);
  Poll();
  ExpectAllAnsweredOnce();
  EXPECT_EQ(broker.Stats("in:g:any").ready, 3u);
}

TEST_F(QueueProducerTest, CloseAnswersWhatIsOpen) {
  Make(Raw());
  Publish(2);
  Poll();
  broker.HoldConfirms(true, now);
  Publish(2);
  EXPECT_EQ(producer->Close(handler, now).code(), absl::StatusCode::kDeadlineExceeded);
  ExpectAllAnsweredOnce();
  EXPECT_TRUE(handler.Of(2).ok());
  EXPECT_EQ(handler.Of(3).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(broker.Connections().empty());
}

TEST_F(QueueProducerTest, CloseWithNothingOpenIsOk) {
  Make(Raw());
  Publish(2);
  EXPECT_TRUE(producer->Close(handler, now).ok());
  ExpectAllAnsweredOnce();
}

// Random drops, alarms, refusals and channel closes: each token is answered exactly once, and OK means that it is in
// the queue.
TEST_F(QueueProducerTest, ExactlyOneAnswerThroughEverything) {
  Make(Raw(), {.session = {}, .window = 50});
  const Random random(11);
  for (uint64_t step = 0; step < 5000; ++step) {
    switch (random.Below(1, {step}, 16)) {
      case 0:
        broker.Stop(now);
        broker.Start(now);
        break;
      case 1:
        broker.SetAlarm(random.Below(2, {step}, 2) == 0, now);
        break;
      case 2:
        broker.RefuseNext("raw:g:0", random.Below(3, {step}, 5));
        break;
      case 3:
        broker.HoldConfirms(random.Below(4, {step}, 2) == 0, now);
        break;
      case 4:
        if (!broker.Connections().empty()) {
          broker.CloseChannel(broker.Connections().back(), 1, kPreconditionFailed, "because", now);
        }
        break;
      case 5:
        broker.SetConfirmStyle(static_cast<ConfirmStyle>(random.Below(5, {step}, 3)));
        break;
      default:
        Publish(random.Below(6, {step}, 20), static_cast<int32_t>(random.Below(7, {step}, 2)));
    }
    if (random.Below(8, {step}, 3) != 0) Poll();
    now = now + milliseconds(static_cast<int64_t>(random.Below(9, {step}, 200)));
  }
  broker.SetAlarm(false, now);
  broker.HoldConfirms(false, now);
  for (int i = 0; i < 10; ++i) Pass(seconds(1));
  ExpectAllAnsweredOnce();
  std::map<std::string, int> stored;
  for (const char* queue : {"raw:g:0", "raw:g:1"}) {
    broker.BrowseUnsettled(queue, [&](const QueueBroker::Resting& resting) {
      ++stored[std::string(*resting.message.body)];
      return true;
    });
  }
  size_t fine = 0;
  for (const auto& [token, statuses] : handler.answers) {
    EXPECT_LE(stored[std::to_string(token)], 1);
    if (!statuses[0].ok()) continue;
    ++fine;
    EXPECT_EQ(stored[std::to_string(token)], 1) << token << " was confirmed";
  }
  EXPECT_GT(fine, 1000u);
}

TEST(QueueAdminTest, RefusesNamesThatWouldCollide) {
  const auto code = [](const TopicSpec& spec) { return CheckTopology({.topics = {spec}}).code(); };
  EXPECT_EQ(code({.name = "a.b", .groups = {"c.d"}}), absl::StatusCode::kOk)
      << "the default group of a stage is pipeline.stage";
  EXPECT_EQ(code({.name = "a:b", .groups = {"g"}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.name = "a", .groups = {"b:c"}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.name = "", .groups = {}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.name = "mr.presence.g", .groups = {}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.name = "a", .partitions = 0, .groups = {}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.name = "a", .groups = {"g", "g"}}), absl::StatusCode::kInvalidArgument);
}

TEST(QueueAdminTest, AppliesTwiceAndRefusesAnotherNumberOfPartitions) {
  QueueBroker broker({});
  Topology topology{.topics = {{.name = "raw", .partitions = 4, .groups = {"g", "h"}, .keep = true}}};
  EXPECT_TRUE(Apply(broker, topology).ok());
  EXPECT_TRUE(Apply(broker, topology).ok());
  for (const char* queue : {"raw:g:0", "raw:g:3", "raw:h:3", "raw::keep"}) EXPECT_TRUE(broker.HasQueue(queue)) << queue;
  for (const int32_t other : {1, 3, 5, 8}) {
    topology.topics[0].partitions = other;
    const absl::Status status = Apply(broker, topology);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << other;
    EXPECT_NE(std::string(status.message()).find("'raw'"), std::string::npos);
  }
  EXPECT_FALSE(broker.HasQueue("raw:g:4"));
  topology.topics[0].partitions = 4;
  EXPECT_TRUE(Apply(broker, topology).ok());
}

// Whatever is there after an Apply that died in the middle, the next one completes.
TEST(QueueAdminTest, AnInterruptedApplyIsCompleted) {
  for (int stop_after = 1; stop_after < 60; ++stop_after) {
    QueueBroker broker({});
    LinkFaults faults;
    CountingWaker waker;
    const Topology topology{.topics = {{.name = "raw", .partitions = 5, .groups = {"g", "h"}}}};
    {
      QueueAdmin admin(std::make_unique<FaultyLink>(broker, waker, faults), {}, topology, {});
      int requests = 0;
      faults.request_tap = [&](const Request&) {
        if (++requests == stop_after) broker.Stop({});
      };
      admin.Poll({});
    }
    broker.Start({});
    ASSERT_TRUE(Apply(broker, topology).ok()) << stop_after;
    EXPECT_TRUE(broker.HasQueue("raw:h:4"));
  }
}

TEST(QueueAdminTest, ComesBackWhenTheBrokerIsAwayAtFirst) {
  QueueBroker broker({});
  broker.Stop({});
  CountingWaker waker;
  QueueAdmin admin(std::make_unique<DirectLink>(broker, waker), {}, {.topics = {{.name = "raw", .groups = {"g"}}}}, {});
  admin.Poll({});
  EXPECT_FALSE(admin.done());
  EXPECT_EQ(admin.status().code(), absl::StatusCode::kUnavailable);
  broker.Start({});
  admin.Poll(admin.NextTimer());
  EXPECT_TRUE(admin.done());
  EXPECT_TRUE(admin.status().ok());
}

TEST(QueueAdminTest, AForeignQueueUnderOurNameIsExplained) {
  QueueBroker broker({});
  ASSERT_TRUE(Apply(broker, {.topics = {{.name = "raw", .partitions = 1, .ordered = false, .groups = {"g"}}}}).ok());
  // The same name with other arguments: made by hand, without single active consumer.
  CountingWaker waker;
  DirectLink link(broker, waker);
  link.Connect({});
  link.Send({.method = Method::kChannelOpen, .channel = 1}, {});
  const QueueArguments arguments{.max_length = 5};
  link.Send({.method = Method::kQueueDeclare, .channel = 1, .queue = "other:g:0", .arguments = &arguments}, {});
  const absl::Status status = Apply(broker, {.topics = {{.name = "other", .groups = {"g"}}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("inequivalent arg"), std::string::npos);
}

// A queue and an exchange of others.
struct Others {
  explicit Others(QueueBroker& broker) : link(broker, waker) {
    link.Connect({});
    link.Send({.method = Method::kChannelOpen, .channel = 1}, {});
    const QueueArguments arguments;
    link.Send({.method = Method::kQueueDeclare, .channel = 1, .queue = "Their.Queue", .arguments = &arguments}, {});
    link.Send({.method = Method::kExchangeDeclare, .channel = 1, .exchange = "Their.Exchange"}, {});
    link.Send({.method = Method::kQueueBind,
               .channel = 1,
               .exchange = "Their.Exchange",
               .queue = "Their.Queue",
               .routing_key = "theirs"},
              {});
  }
  CountingWaker waker;
  DirectLink link;
};

const TopicSpec kTheirQueue{.name = "in", .ordered = false, .groups = {"g"}, .existing = "Their.Queue"};
const TopicSpec kTheirExchange{.name = "out", .existing = "Their.Exchange", .routing_key = "theirs"};

TEST(QueueAdminTest, WhatBelongsToOthersHasToBeThereAndIsNotMade) {
  QueueBroker broker({});
  for (const TopicSpec& spec : {kTheirQueue, kTheirExchange}) {
    const absl::Status status = Apply(broker, {.topics = {spec}});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(
        std::string(status.message()).find("'" + spec.existing + "', which topic '" + spec.name + "' says exists"),
        std::string::npos)
        << status;
  }
  EXPECT_FALSE(broker.HasQueue("Their.Queue"));
  Others others(broker);
  EXPECT_TRUE(Apply(broker, {.topics = {kTheirQueue, kTheirExchange}}).ok());
  EXPECT_FALSE(broker.HasQueue("in:g:any"));
}

TEST(QueueAdminTest, WhatOthersQueuesCannotDoIsRefused) {
  const auto refused = [](TopicSpec spec, std::string_view because) {
    const absl::Status status = CheckTopology({.topics = {std::move(spec)}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find(because), std::string::npos) << status;
  };
  TopicSpec spec = kTheirQueue;
  spec.groups = {"g", "h"};
  refused(spec, "one group only; it has 2");
  spec = kTheirQueue;
  spec.ordered = true;
  refused(spec, "make it unordered");
  spec = kTheirExchange;
  spec.keep = true;
  refused(spec, "have to be ours");
  spec = kTheirQueue;
  spec.existing = std::string(256, 'q');
  refused(spec, "more than 255 bytes");
}

TEST_F(QueueProducerTest, PublishesToAnExchangeOfOthersWithItsRoutingKey) {
  Others others(broker);
  Make({.topics = {kTheirExchange}});
  Publish(2);
  Poll();
  EXPECT_EQ(broker.Stats("Their.Queue").ready, 2u);
  ExpectAllAnsweredOnce();
}

TEST(QueueLagTest, CountsReadyAndUnsettled) {
  QueueBroker broker({});
  const Topology topology = Raw();
  ASSERT_TRUE(Apply(broker, topology).ok());
  const QueueTopic topic = QueueTopicOf(topology.topics[0]);
  EXPECT_EQ(QueueLag(broker, topic, "nope").status().code(), absl::StatusCode::kNotFound);
  const auto lags = QueueLag(broker, topic, "g");
  ASSERT_TRUE(lags.ok());
  ASSERT_EQ(lags->size(), 2u);
  EXPECT_EQ((*lags)[1].partition, 1);
  EXPECT_EQ((*lags)[1].lag, 0);
}

}  // namespace
}  // namespace millrace::bus
