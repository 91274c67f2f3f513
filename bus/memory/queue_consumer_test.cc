// One consumer: what it is told, what it sends. How several share partitions is in queue_share_test.cc.
#include "bus/memory/queue_consumer.h"

#include <gtest/gtest.h>

#include <set>

#include "bus/memory/queue_client.h"
#include "bus/memory/queue_test_support.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

using queue_testing::Apply;
using queue_testing::CountingWaker;
using queue_testing::Instance;
using queue_testing::LinkFaults;
using queue_testing::RecordingProducer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Bodies = std::vector<std::string>;

Bodies Numbers(int from, int to) {
  Bodies bodies;
  for (int i = from; i <= to; ++i) bodies.push_back(std::to_string(i));
  return bodies;
}

class QueueConsumerTest : public ::testing::Test {
 protected:
  void Make(int32_t partitions = 2, ConsumerOptions options = {}, bool ordered = true) {
    MakeFrom({.topics = {{.name = "raw", .partitions = partitions, .ordered = ordered, .groups = {"g"}}}}, options);
  }
  void MakeFrom(Topology wanted, ConsumerOptions options = {}) {
    topology = std::move(wanted);
    ASSERT_TRUE(Apply(broker, topology).ok());
    topic = QueueTopicOf(topology.topics[0]);
    options.group = "g";
    options.topics = {topology.topics[0].name};
    if (options.instance.empty()) options.instance = "a";
    instance = std::make_unique<Instance>(broker, options, std::vector<QueueTopic>{topic}, QueueConsumerOptions{}, now);
    producer = std::make_unique<QueueProducer>(std::vector<QueueTopic>{topic}, QueueProducerOptions{},
                                               std::make_unique<DirectLink>(broker, producer_waker), now);
    producer->Poll(producer_handler);
    Pass(milliseconds(30));  // beyond the join delay
  }
  void Poll() { instance->Poll(now); }
  void Pass(Duration duration) {
    now = now + duration;
    broker.Tick(now);
    Poll();
  }
  void Publish(int from, int to, int32_t partition = 0) {
    for (int i = from; i <= to; ++i) {
      const std::string body = std::to_string(i);
      Outgoing out{.topic = 0, .partition = partition, .message = {}};
      out.message.body = body;
      producer->Advance(now);
      ASSERT_EQ(producer->Publish({&out, 1}, next_token++), 1u);
      producer->Poll(producer_handler);
    }
  }
  // Of the only partition, with one message settled and one not.
  void CutOffAHandOver() {
    Make(1);
    Publish(1, 2);
    Poll();
    instance->Settle(handler().HoldingOf(0), 1, 1);
    instance->consumer->Release(handler().HoldingOf(0));
    broker.Stop(now);
    Poll();
  }
  queue_testing::RecordingConsumer& handler() { return instance->handler; }

  MonotonicTime now;
  QueueBroker broker{QueueBrokerOptions{}};
  Topology topology;
  QueueTopic topic;
  std::unique_ptr<Instance> instance;
  CountingWaker producer_waker;
  RecordingProducer producer_handler;
  std::unique_ptr<QueueProducer> producer;
  uint64_t next_token = 1;
};

TEST_F(QueueConsumerTest, AloneItIsAssignedEverything) {
  Make(3);
  EXPECT_EQ(handler().log, (Bodies{"assigned 0/0@1", "assigned 0/1@2", "assigned 0/2@3"}));
  EXPECT_EQ(instance->consumer->held(), 3u);
  EXPECT_EQ(instance->consumer->Pending(), "");
}

TEST_F(QueueConsumerTest, NothingIsAssignedBeforeTheJoinDelay) {
  Make();
  ConsumerOptions options;
  options.group = "other";
  topology.topics[0].groups.push_back("other");
  ASSERT_TRUE(Apply(broker, topology).ok());
  Instance other(broker, options, {topic}, {}, now);
  other.Poll(now);
  EXPECT_TRUE(other.handler.log.empty());
  EXPECT_EQ(other.consumer->NextTimer(), now + milliseconds(20));
  EXPECT_NE(other.consumer->Pending(), "");
  other.Poll(now + milliseconds(20));
  EXPECT_EQ(other.handler.log.size(), 2u);
}

TEST_F(QueueConsumerTest, DeliversInBatchesWithAscendingSequences) {
  Make(2, {.batch_max = 4});
  Publish(1, 10, 0);
  Publish(11, 12, 1);
  Poll();
  EXPECT_EQ(handler().Bodies(), Numbers(1, 12));
  EXPECT_EQ(handler().batches, (std::vector<size_t>{4, 4, 2, 2}));
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(handler().got[i].sequence, i + 1);
  EXPECT_EQ(handler().got[10].holding, handler().HoldingOf(1));
  EXPECT_EQ(handler().got[0].redeliveries, 0u);
}

TEST_F(QueueConsumerTest, SettlesPrefixesWithOneAckAndTheRestSingly) {
  Make(1, {.prefetch = 8});
  std::vector<std::string> acks;
  instance->faults.request_tap = [&](const Request& request) {
    if (request.method == Method::kAck) acks.push_back(std::to_string(request.tag) + (request.multiple ? "*" : ""));
  };
  Publish(1, 8);
  Poll();
  const Holding holding = handler().HoldingOf(0);
  instance->Settle(holding, 3, 4);
  instance->Settle(holding, 6, 6);
  EXPECT_EQ(acks, (Bodies{"3", "4", "6"}));
  instance->Settle(holding, 1, 2);
  instance->Settle(holding, 5, 7);
  EXPECT_EQ(acks, (Bodies{"3", "4", "6", "2*", "7*"}));
  // Settling what is settled, or unknown, would close the channel.
  instance->Settle(holding, 1, 7);
  instance->Settle(holding, 9, 100);
  EXPECT_EQ(acks.size(), 5u);
  EXPECT_EQ(broker.Stats("raw:g:0").unacked, 1u);
  instance->Settle(holding, 0, 100);
  EXPECT_EQ(acks.back(), "8");
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 8u);
}

// A hundred acks at once are more than the channel passes on: closing it at once would bring the rest back.
TEST_F(QueueConsumerTest, WhatWasSettledBeforeAHandOverDoesNotComeBack) {
  Make(1, {.prefetch = 1000});
  Publish(1, 120);
  Poll();
  const Holding holding = handler().HoldingOf(0);
  for (uint64_t tag = 1; tag <= 100; ++tag) instance->Settle(holding, tag, tag);
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 32u) << "the model keeps the rest back";
  instance->consumer->Release(holding);
  Poll();
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 100u);
  EXPECT_EQ(broker.Stats("raw:g:0").ready, 20u);
  EXPECT_EQ(broker.Stats("raw:g:0").consumers, 0u);
}

// The broker makes another consumer the active one while settlements are on their way: the one that flushes them is fed
// what the next owner has to get, and has to hand it over in order and before anything newer.
TEST_F(QueueConsumerTest, AFlushThatIsFedKeepsTheOrder) {
  Make(1, {.prefetch = 8});
  Publish(1, 4);
  Poll();
  CountingWaker waker;
  DirectLink next(broker, waker);
  std::vector<Event> events;
  bool flushing = false;
  instance->faults.request_tap = [&](const Request& request) {
    // The first request behind the first subscription.
    if (std::exchange(flushing, request.method == Method::kConsume) && broker.Stats("raw:g:0").consumers == 2) {
      next.Connect(now);
      next.Send({.method = Method::kChannelOpen, .channel = 1}, now);
      next.Send({.method = Method::kQos, .channel = 1, .prefetch = 8}, now);
      next.Send({.method = Method::kConsume, .channel = 1, .consumer = 1, .queue = "raw:g:0"}, now);
      broker.Demote("raw:g:0", now);
      Publish(5, 6);
    }
  };
  const Holding holding = handler().HoldingOf(0);
  instance->Settle(holding, 1, 1);
  instance->consumer->Release(holding);
  Poll();
  Poll();
  EXPECT_EQ(broker.Stats("raw:g:0").consumers, 1u) << "the next owner's";
  Bodies got;
  next.Receive(events);
  for (const Event& event : events) {
    if (event.kind == EventKind::kDelivered) got.emplace_back(*event.message.body);
  }
  EXPECT_EQ(got, Numbers(2, 6));
}

TEST_F(QueueConsumerTest, WhatWasSettledBeforeCloseDoesNotComeBack) {
  Make(1, {.prefetch = 1000}, /*ordered=*/false);
  Publish(1, 120);
  Poll();
  const Holding holding = handler().HoldingOf(0);
  for (uint64_t tag = 1; tag <= 100; ++tag) instance->Settle(holding, tag, tag);
  EXPECT_TRUE(instance->consumer->Close(now).ok());
  EXPECT_EQ(broker.Stats("raw:g:any").acked, 100u);
  EXPECT_EQ(broker.Stats("raw:g:any").ready, 20u);
}

TEST_F(QueueConsumerTest, SettlingInAnyOrderSettlesEachOnceAndNothingElse) {
  Make(1, {.prefetch = 1000});
  Publish(1, 500);
  Poll();
  const Holding holding = handler().HoldingOf(0);
  const Random random(3);
  std::vector<bool> settled(501, false);
  for (uint64_t i = 0; i < 3000; ++i) {
    const uint64_t first = 1 + random.Below(1, {i}, 500);
    const uint64_t last = std::min<uint64_t>(500, first + random.Below(2, {i}, 4));
    // Ranges that were settled in part already are more than the contract allows, and still harmless.
    instance->Settle(holding, first, last);
    for (uint64_t t = first; t <= last; ++t) settled[t] = true;
    now = now + milliseconds(1);  // the channel passes on what it has kept back
    broker.Tick(now);
    ASSERT_EQ(broker.Stats("raw:g:0").acked, static_cast<uint64_t>(std::count(settled.begin(), settled.end(), true)));
  }
  EXPECT_EQ(broker.Stats("raw:g:0").consumers, 1u) << "the channel lives";
}

TEST_F(QueueConsumerTest, PrefetchBoundsWhatIsInHand) {
  Make(1, {.prefetch = 5});
  Publish(1, 20);
  Poll();
  Poll();
  EXPECT_EQ(handler().Bodies(), Numbers(1, 5));
  instance->Settle(handler().HoldingOf(0), 1, 3);
  Poll();
  EXPECT_EQ(handler().Bodies(), Numbers(1, 8));
}

TEST_F(QueueConsumerTest, FlowWithholdsAndResumesInOrder) {
  Make(1, {.batch_max = 3, .prefetch = 10});
  const Holding holding = handler().HoldingOf(0);
  instance->consumer->Flow(holding, false);
  Publish(1, 20);
  Poll();
  EXPECT_TRUE(handler().got.empty());
  EXPECT_EQ(broker.Stats("raw:g:0").unacked, 10u);
  EXPECT_NE(instance->consumer->Pending().find("stopped"), std::string::npos);
  const int wakes = instance->waker.wakes;
  instance->consumer->Flow(holding, true);
  EXPECT_GT(instance->waker.wakes, wakes);
  // Stopped again after the first batch of what was withheld.
  handler().on_batch = [&](const DeliveryBatch&) { instance->consumer->Flow(holding, false); };
  Poll();
  EXPECT_EQ(handler().Bodies(), Numbers(1, 3));
  handler().on_batch = nullptr;
  instance->consumer->Flow(holding, true);
  Poll();
  instance->Settle(holding, 1, 10);
  Poll();
  EXPECT_EQ(handler().Bodies(), Numbers(1, 20));
}

TEST_F(QueueConsumerTest, WhatWasWithheldIsNotOvertaken) {
  Make(1, {.prefetch = 10});
  const Holding holding = handler().HoldingOf(0);
  instance->consumer->Flow(holding, false);
  Publish(1, 3);
  Poll();
  instance->consumer->Flow(holding, true);
  Publish(4, 6);
  Poll();
  EXPECT_EQ(handler().Bodies(), Numbers(1, 6));
}

TEST_F(QueueConsumerTest, WhatWasWithheldGoesWithItsHolding) {
  Make(1, {.prefetch = 10});
  instance->consumer->Flow(handler().HoldingOf(0), false);
  Publish(1, 3);
  Poll();
  broker.Stop(now);
  broker.Start(now);
  Poll();
  Pass(seconds(1));
  EXPECT_EQ(handler().Bodies(), Numbers(1, 3));
  for (const auto& got : handler().got) EXPECT_EQ(got.redeliveries, 1u);
}

TEST_F(QueueConsumerTest, StoppingFromInsideABatchLetsAtMostOneMoreCome) {
  Make(1, {.batch_max = 2, .prefetch = 10});
  Publish(1, 10);
  handler().on_batch = [&](const DeliveryBatch& batch) { instance->consumer->Flow(batch.holding, false); };
  Poll();
  EXPECT_LE(handler().got.size(), 4u);
}

TEST_F(QueueConsumerTest, NotesAreRefusedOnceEach) {
  Make(1);
  Publish(1, 1);
  Poll();
  const SettleRange range{1, 1};
  instance->consumer->Settle(
      {.holding = handler().HoldingOf(0), .ranges = {&range, 1}, .next = 2, .has_note = true, .note = "n"});
  Poll();
  ASSERT_EQ(handler().noted.size(), 1u);
  EXPECT_EQ(handler().noted[0].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 1u);
}

TEST_F(QueueConsumerTest, AfterConnectionLossEverythingIsLostAndComesBackUnderNewEpochs) {
  Make(2);
  Publish(1, 3);
  Poll();
  const Holding old = handler().HoldingOf(0);
  instance->Settle(old, 1, 1);
  handler().log.clear();
  broker.Stop(now);
  Poll();
  EXPECT_EQ(handler().log, (Bodies{"lost 0/0@1", "lost 0/1@2"}));
  EXPECT_EQ(handler().troubles.back().code(), absl::StatusCode::kUnavailable);
  broker.Start(now);
  handler().got.clear();
  Pass(seconds(1));
  EXPECT_TRUE(handler().troubles.back().ok());
  EXPECT_EQ(handler().log.back(), "assigned 0/1@4");
  EXPECT_EQ(handler().Bodies(), (Bodies{"2", "3"}));
  EXPECT_EQ(handler().got[0].redeliveries, 1u);
  EXPECT_EQ(handler().got[0].sequence, 1u);
  // A settlement from before would hit another message under the same tag.
  instance->Settle(old, 1, 2);
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 1u);
  instance->Settle(handler().HoldingOf(0), 1, 2);
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 3u);
}

TEST_F(QueueConsumerTest, AChannelClosedByTheBrokerLosesThatPartitionOnly) {
  Make(2);
  Publish(1, 3, 1);
  Poll();
  handler().log.clear();
  handler().got.clear();
  for (const ConnectionId id : broker.Connections()) {
    broker.CloseChannel(id, 2, kPreconditionFailed, "PRECONDITION_FAILED - delivery acknowledgement timed out", now);
  }
  Poll();
  EXPECT_EQ(handler().log, Bodies{"lost 0/1@2"});
  Pass(seconds(1));
  EXPECT_EQ(handler().log, (Bodies{"lost 0/1@2", "assigned 0/1@3"}));
  EXPECT_EQ(handler().Bodies(), Numbers(1, 3));
  EXPECT_TRUE(handler().troubles.back().ok());
}

// Deliveries and the end of their channel in one reading: what has ended is not told any more.
TEST_F(QueueConsumerTest, NothingIsToldUnderAHoldingThatIsOver) {
  Make(1);
  Publish(1, 3);
  for (const ConnectionId id : broker.Connections()) {
    broker.CloseChannel(id, 1, kPreconditionFailed, "because", now);
  }
  Poll();
  EXPECT_TRUE(handler().got.empty());
  EXPECT_EQ(handler().log.back(), "lost 0/0@1");
}

TEST_F(QueueConsumerTest, ADeletedQueueIsAnnouncedAndDeclaredAnew) {
  Make(1);
  Publish(1, 3);
  Poll();
  handler().log.clear();
  ASSERT_TRUE(broker.DeleteQueue("raw:g:0", now));
  Poll();
  Poll();
  EXPECT_EQ(handler().log, (Bodies{"lost 0/0@1", "assigned 0/0@2"}));
  ASSERT_EQ(handler().troubles.size(), 2u) << "when it was gone, and when it was there again";
  EXPECT_EQ(handler().troubles[0].code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(handler().troubles[1].code(), absl::StatusCode::kDataLoss);
  handler().got.clear();
  Publish(4, 4);
  Poll();
  EXPECT_EQ(handler().Bodies(), Bodies{"4"}) << "bound again";
}

TEST_F(QueueConsumerTest, EachQueueThatWasDeletedIsAnnounced) {
  Make(3);
  ASSERT_TRUE(broker.DeleteQueue("raw:g:0", now));
  ASSERT_TRUE(broker.DeleteQueue("raw:g:2", now));
  Poll();
  Poll();
  std::set<int32_t> lost;
  for (const DataLoss& loss : handler().losses) {
    EXPECT_TRUE(absl::IsDataLoss(loss.status)) << loss.status;
    EXPECT_EQ(loss.first, 0u);
    EXPECT_EQ(loss.last, UINT64_MAX);
    lost.insert(loss.partition.number);
  }
  EXPECT_EQ(lost, (std::set<int32_t>{0, 2}));
}

TEST_F(QueueConsumerTest, AQueueThatWasDeletedMeanwhileIsAnnouncedToo) {
  Make(1);
  broker.Stop(now);
  broker.Start(now);
  ASSERT_TRUE(broker.DeleteQueue("raw:g:0", now));
  Poll();
  Pass(seconds(1));
  Pass(seconds(1));
  EXPECT_EQ(handler().log.back(), "assigned 0/0@2");
  EXPECT_TRUE(std::any_of(handler().troubles.begin(), handler().troubles.end(),
                          [](const absl::Status& s) { return s.code() == absl::StatusCode::kDataLoss; }));
}

// Before it is declared anew somebody else may have done so, and that queue may be gone as well, with all who knew of it.
TEST_F(QueueConsumerTest, WhatMayHaveBeenInTheQueueBeforeItIsDeclaredAnewIsAnnounced) {
  Make(1);
  size_t before = 0;
  const auto losses = [&] {
    return static_cast<size_t>(std::count_if(handler().troubles.begin(), handler().troubles.end(),
                                             [](const absl::Status& s) { return absl::IsDataLoss(s); }));
  };
  instance->faults.request_tap = [&](const Request& request) {
    if (request.method == Method::kQueueDeclare && !request.passive) before = losses();
  };
  ASSERT_TRUE(broker.DeleteQueue("raw:g:0", now));
  Poll();
  Poll();
  EXPECT_EQ(handler().log.back(), "assigned 0/0@2");
  EXPECT_EQ(before, 1u);
  EXPECT_EQ(losses(), 2u);
}

// The connection goes before the answer to its subscription has come.
TEST_F(QueueConsumerTest, WhoHasNotHeardThatTheQueueIsThereAgainSaysSoLater) {
  Make(1);
  instance->faults.event_filter = [](const Event& event) { return event.kind != EventKind::kConsumeOk; };
  ASSERT_TRUE(broker.DeleteQueue("raw:g:0", now));
  Poll();
  Poll();
  ASSERT_EQ(handler().log.back(), "lost 0/0@1");
  ASSERT_EQ(broker.Stats("raw:g:0").consumers, 1u);
  const auto before = static_cast<ptrdiff_t>(handler().troubles.size());
  instance->faults.event_filter = nullptr;
  broker.Stop(now);
  broker.Start(now);
  for (int i = 0; i < 3; ++i) Pass(seconds(1));
  EXPECT_EQ(handler().log.back(), "assigned 0/0@2");
  EXPECT_TRUE(std::any_of(handler().troubles.begin() + before, handler().troubles.end(),
                          [](const absl::Status& s) { return absl::IsDataLoss(s); }));
}

// A queue of others is not ours to declare.
TEST_F(QueueConsumerTest, AQueueOfOthersIsWaitedFor) {
  const QueueArguments arguments;
  CountingWaker nobody;
  DirectLink others(broker, nobody);
  const auto declare = [&] {
    others.Send({.method = Method::kQueueDeclare, .channel = 1, .queue = "Theirs", .arguments = &arguments}, now);
  };
  others.Connect(now);
  others.Send({.method = Method::kChannelOpen, .channel = 1}, now);
  declare();
  MakeFrom({.topics = {{.name = "in", .ordered = false, .groups = {"g"}, .existing = "Theirs"}}});
  ASSERT_EQ(handler().log, Bodies{"assigned 0/0@1"});
  ASSERT_TRUE(broker.DeleteQueue("Theirs", now));
  Poll();
  EXPECT_EQ(handler().log.back(), "lost 0/0@1");
  ASSERT_FALSE(handler().troubles.empty());
  EXPECT_TRUE(absl::IsDataLoss(handler().troubles[0]));
  for (int i = 0; i < 5; ++i) Pass(seconds(1));
  EXPECT_FALSE(broker.HasQueue("Theirs"));
  EXPECT_TRUE(absl::IsUnavailable(handler().troubles.back())) << handler().troubles.back();
  declare();
  for (int i = 0; i < 30; ++i) Pass(seconds(1));
  EXPECT_EQ(handler().log.back(), "assigned 0/0@2");
  EXPECT_TRUE(handler().troubles.back().ok()) << handler().troubles.back();
  EXPECT_EQ(std::count_if(handler().troubles.begin(), handler().troubles.end(),
                          [](const absl::Status& s) { return absl::IsDataLoss(s); }),
            1);
}

TEST_F(QueueConsumerTest, ReleaseUnaskedGivesThePartitionUpForAWhile) {
  Make(2);
  Publish(1, 2, 0);
  Poll();
  instance->consumer->Release(handler().HoldingOf(0));
  handler().log.clear();
  Poll();
  Pass(seconds(1));
  EXPECT_TRUE(handler().log.empty());
  EXPECT_EQ(broker.Stats("raw:g:0").consumers, 0u);
  EXPECT_EQ(broker.Stats("raw:g:0").ready, 2u);
  EXPECT_EQ(handler().troubles.back().code(), absl::StatusCode::kResourceExhausted) << "nobody has it";
  EXPECT_LE(instance->consumer->NextTimer(), now + seconds(30));
  for (int i = 0; i < 31; ++i) Pass(seconds(1));
  EXPECT_EQ(handler().log, Bodies{"assigned 0/0@3"});
  EXPECT_TRUE(handler().troubles.back().ok());
}

TEST_F(QueueConsumerTest, UnorderedTopicsAreOnePartitionForEveryone) {
  Make(8, {.prefetch = 4}, /*ordered=*/false);
  ConsumerOptions options;
  options.group = "g";
  options.instance = "b";
  options.prefetch = 4;
  Instance other(broker, options, {topic}, {}, now);
  for (int i = 0; i < 3; ++i) {
    other.Poll(now);
    Poll();
  }
  EXPECT_EQ(handler().log, Bodies{"assigned 0/0@1"});
  EXPECT_EQ(other.handler.log, Bodies{"assigned 0/0@1"});
  Publish(1, 8);
  Poll();
  other.Poll(now);
  EXPECT_EQ(handler().got.size(), 4u);
  EXPECT_EQ(other.handler.got.size(), 4u);
}

TEST_F(QueueConsumerTest, CloseHandsOverWhatWasNotSettled) {
  Make(2);
  Publish(1, 4);
  Poll();
  instance->Settle(handler().HoldingOf(0), 1, 2);
  EXPECT_TRUE(instance->consumer->Close(now).ok());
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 2u);
  EXPECT_EQ(broker.Stats("raw:g:0").ready, 2u);
  EXPECT_EQ(broker.Stats("raw:g:0").consumers, 0u);
  EXPECT_EQ(broker.Connections().size(), 1u) << "the producer's";
}

TEST_F(QueueConsumerTest, CloseWithoutAConnectionSaysSo) {
  Make(1);
  Publish(1, 1);
  Poll();
  instance->Settle(handler().HoldingOf(0), 1, 1);
  broker.Stop(now);
  EXPECT_EQ(instance->consumer->Close(now).code(), absl::StatusCode::kDeadlineExceeded);
}

// Whoever hands a partition over as the connection goes does not know whether its settlements were taken. If not, the messages
// have long come again when it is closed.
TEST_F(QueueConsumerTest, AHandOverThatWasCutOffIsNotToldAtTheEndOfALaterConnection) {
  CutOffAHandOver();
  broker.Start(now);
  for (int i = 0; i < 40; ++i) Pass(seconds(1));
  EXPECT_EQ(handler().Bodies().back(), "2");
  EXPECT_EQ(instance->consumer->Close(now), absl::OkStatus());
}

TEST_F(QueueConsumerTest, AHandOverThatWasCutOffIsToldWhereNoConnectionCameAfterIt) {
  CutOffAHandOver();
  EXPECT_EQ(instance->consumer->Close(now).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(QueueConsumerTest, AlarmsDoNotTouchHoldingsOrSettlements) {
  Make(1);
  Publish(1, 5);
  Poll();
  broker.SetAlarm(true, now);
  handler().log.clear();
  for (int i = 0; i < 60; ++i) Pass(seconds(1));  // beats are stuck all the while
  instance->Settle(handler().HoldingOf(0), 1, 5);
  EXPECT_EQ(broker.Stats("raw:g:0").acked, 5u);
  EXPECT_TRUE(handler().log.empty());
  broker.SetAlarm(false, now);
  for (int i = 0; i < 10; ++i) Pass(seconds(1));
  EXPECT_TRUE(handler().log.empty());
}

TEST_F(QueueConsumerTest, ReleasingInsideADeliveryStopsTheRest) {
  Make(1, {.batch_max = 2, .prefetch = 100});
  Publish(1, 10);
  handler().on_batch = [&](const DeliveryBatch& batch) { instance->consumer->Release(batch.holding); };
  Poll();
  Poll();
  EXPECT_EQ(handler().Bodies(), Numbers(1, 2));
  EXPECT_EQ(broker.Stats("raw:g:0").ready, 10u);
}

TEST_F(QueueConsumerTest, BytesOutliveTheBrokersCopy) {
  Make(1);
  Publish(1, 1);
  SegmentRef kept;
  std::string_view body;
  handler().on_batch = [&](const DeliveryBatch& batch) {
    kept = batch.segment;
    body = *batch.deliveries[0].message.body;
  };
  Poll();
  handler().on_batch = nullptr;
  instance->SettleEverything();
  instance->Settle(handler().HoldingOf(0), 1, 1);
  Publish(2, 2000);
  for (int i = 0; i < 10; ++i) Poll();
  EXPECT_EQ(body, "1");
}

}  // namespace
}  // namespace millrace::bus
