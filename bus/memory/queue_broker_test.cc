#include "bus/memory/queue_broker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace millrace::bus {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Bodies = std::vector<std::string>;

class CountingWaker : public Waker {
 public:
  void Wake() override { ++wakes; }
  int wakes = 0;
};

// A client that speaks the wire by hand.
class Peer {
 public:
  explicit Peer(QueueBroker& broker) : broker_(broker), id_(broker.Open(waker, now)) {}

  void Send(const Request& request) { broker_.Receive(id_, request, now); }
  // All events since the last call but those about the state of the connection and heartbeats.
  std::vector<Event> Take() {
    std::vector<Event> events;
    broker_.TakeEvents(id_, events);
    return events;
  }
  void Channel(uint32_t channel) { Send({.method = Method::kChannelOpen, .channel = channel}); }
  void Close(uint32_t channel) { Send({.method = Method::kChannelClose, .channel = channel}); }
  void Exchange(std::string_view name, ExchangeKind kind = ExchangeKind::kDirect) {
    Send({.method = Method::kExchangeDeclare, .channel = 1, .exchange_kind = kind, .exchange = name});
  }
  void Declare(std::string_view queue, const QueueArguments& arguments = {}) {
    Send({.method = Method::kQueueDeclare, .channel = 1, .queue = queue, .arguments = &arguments});
  }
  void Bind(std::string_view exchange, std::string_view queue, std::string_view key = "k") {
    Send({.method = Method::kQueueBind, .channel = 1, .exchange = exchange, .queue = queue, .routing_key = key});
  }
  void Confirms() { Send({.method = Method::kConfirmSelect, .channel = 1}); }
  void Consume(uint32_t channel, std::string_view queue, uint32_t prefetch, uint32_t tag = 1) {
    Send({.method = Method::kQos, .channel = channel, .prefetch = prefetch});
    Send({.method = Method::kConsume, .channel = channel, .consumer = tag, .queue = queue});
  }
  void Publish(std::string_view exchange, std::string_view body, std::string_view key = "k", bool mandatory = false,
               uint64_t id = 0) {
    Send({.method = Method::kPublish,
          .channel = 1,
          .mandatory = mandatory,
          .message_id = id,
          .exchange = exchange,
          .routing_key = key,
          .message = {.key = {}, .body = body, .headers = {}, .timestamp_ms = 0}});
  }
  void Ack(uint32_t channel, uint64_t tag, bool multiple = false) {
    Send({.method = Method::kAck, .channel = channel, .multiple = multiple, .tag = tag});
  }
  void Nack(uint32_t channel, uint64_t tag, bool multiple, bool requeue) {
    Send({.method = Method::kNack, .channel = channel, .multiple = multiple, .requeue = requeue, .tag = tag});
  }
  ConnectionId id() const { return id_; }

  CountingWaker waker;
  MonotonicTime now;

 private:
  QueueBroker& broker_;
  ConnectionId id_;
};

std::vector<Event> Of(const std::vector<Event>& events, EventKind kind) {
  std::vector<Event> found;
  for (const Event& event : events) {
    if (event.kind == kind) found.push_back(event);
  }
  return found;
}

Bodies Delivered(const std::vector<Event>& events) {
  Bodies bodies;
  for (const Event& event : Of(events, EventKind::kDelivered)) bodies.emplace_back(event.message.body.value());
  return bodies;
}

// "ack 3*" is a multiple ack of tag 3.
Bodies Confirmed(const std::vector<Event>& events) {
  Bodies texts;
  for (const Event& event : events) {
    if (event.kind != EventKind::kAcked && event.kind != EventKind::kNacked) continue;
    texts.push_back((event.kind == EventKind::kAcked ? "ack " : "nack ") + std::to_string(event.tag) +
                    (event.multiple ? "*" : ""));
  }
  return texts;
}

Bodies Numbers(int from, int to) {
  Bodies bodies;
  for (int i = from; i <= to; ++i) bodies.push_back(std::to_string(i));
  return bodies;
}

class QueueBrokerTest : public ::testing::Test {
 protected:
  // A publisher on exchange "x" with queue "q" bound under "k".
  void Prepare(const QueueArguments& arguments = {}) {
    publisher.Channel(1);
    publisher.Exchange("x");
    publisher.Declare("q", arguments);
    publisher.Bind("x", "q");
    publisher.Confirms();
    publisher.Take();
  }
  void PublishNumbers(int from, int to) {
    for (int i = from; i <= to; ++i) publisher.Publish("x", std::to_string(i));
    publisher.Take();
  }

  QueueBroker broker{QueueBrokerOptions{}};
  Peer publisher{broker};
};

TEST_F(QueueBrokerTest, BytesArriveAsTheyWere) {
  Prepare();
  HeaderBuilder headers;
  headers.Add("a", "1").Add("b", std::nullopt).Add("a", std::string_view("\xff\0", 2));
  const Message message{.key = "key", .body = std::nullopt, .headers = headers.View(), .timestamp_ms = 77};
  publisher.Send({.method = Method::kPublish, .channel = 1, .exchange = "x", .routing_key = "k", .message = message});
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 10);
  const auto events = Of(consumer.Take(), EventKind::kDelivered);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(SameContent(events[0].message, message));
  EXPECT_FALSE(events[0].redelivered);
}

TEST_F(QueueBrokerTest, EveryBoundQueueGetsItsCopyAndTheOthersNone) {
  Prepare();
  publisher.Declare("q2");
  publisher.Bind("x", "q2");
  publisher.Declare("other");
  publisher.Bind("x", "other", "another key");
  PublishNumbers(1, 3);
  EXPECT_EQ(broker.Stats("q").ready, 3u);
  EXPECT_EQ(broker.Stats("q2").ready, 3u);
  EXPECT_EQ(broker.Stats("other").ready, 0u);
  publisher.Exchange("f", ExchangeKind::kFanout);
  publisher.Bind("f", "q", "ignored");
  publisher.Publish("f", "4", "whatever");
  EXPECT_EQ(broker.Stats("q").ready, 4u);
}

// A queue that is declared but not bound yet loses without a word when another is bound.
TEST_F(QueueBrokerTest, AnUnboundQueueLosesSilently) {
  Prepare();
  publisher.Declare("late");
  publisher.Publish("x", "1", "k", /*mandatory=*/true);
  const auto events = publisher.Take();
  EXPECT_EQ(Confirmed(events), Bodies{"ack 1"});
  EXPECT_TRUE(Of(events, EventKind::kReturned).empty());
  EXPECT_EQ(broker.Stats("late").ready, 0u);
}

TEST_F(QueueBrokerTest, UnroutableIsAcknowledgedAndReturnedOnlyWhenMandatory) {
  Prepare();
  publisher.Publish("x", "lost", "nowhere");
  publisher.Publish("x", "back", "nowhere", true, 42);
  const auto events = publisher.Take();
  EXPECT_EQ(Confirmed(events), Bodies{"ack 2*"});
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EventKind::kReturned) << "a return comes before its confirm";
  EXPECT_EQ(events[0].message_id, 42u);
  EXPECT_EQ(events[0].message.body, "back");
  EXPECT_EQ(events[0].code, kNoRoute);
}

TEST_F(QueueBrokerTest, ConfirmsComeInRunsSinglyOrScattered) {
  Prepare();
  for (int i = 1; i <= 5; ++i) publisher.Publish("x", "m");
  broker.RefuseNext("q", 2);
  for (int i = 6; i <= 9; ++i) publisher.Publish("x", "m");
  EXPECT_EQ(Confirmed(publisher.Take()), (Bodies{"ack 5*", "nack 7*", "ack 9*"}));
  broker.SetConfirmStyle(ConfirmStyle::kSingle);
  for (int i = 10; i <= 11; ++i) publisher.Publish("x", "m");
  EXPECT_EQ(Confirmed(publisher.Take()), (Bodies{"ack 10", "ack 11"}));
  broker.SetConfirmStyle(ConfirmStyle::kScattered);
  for (int i = 12; i <= 40; ++i) publisher.Publish("x", "m");
  uint64_t highest = 0, descents = 0;
  for (const Event& event : Of(publisher.Take(), EventKind::kAcked)) {
    descents += event.tag < highest;
    highest = std::max(highest, event.tag);
  }
  EXPECT_GT(descents, 2u) << "out of order";
  EXPECT_EQ(highest, 40u);
}

TEST_F(QueueBrokerTest, HeldConfirmsComeLater) {
  Prepare();
  broker.HoldConfirms(true, {});
  PublishNumbers(1, 3);
  EXPECT_TRUE(publisher.Take().empty());
  const int wakes = publisher.waker.wakes;
  broker.HoldConfirms(false, {});
  EXPECT_EQ(publisher.waker.wakes, wakes + 1);
  EXPECT_EQ(Confirmed(publisher.Take()), Bodies{"ack 3*"});
}

TEST_F(QueueBrokerTest, PublishingToAMissingExchangeClosesTheChannel) {
  Prepare();
  publisher.Publish("y", "1");
  publisher.Publish("x", "2");  // ignored: the channel is closed
  const auto closed = Of(publisher.Take(), EventKind::kChannelClosed);
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].code, kNotFound);
  EXPECT_EQ(closed[0].text, "NOT_FOUND - no exchange 'y' in vhost '/'");
  EXPECT_EQ(broker.Stats("q").put, 0u);
  publisher.Send({.method = Method::kChannelCloseOk, .channel = 1});
  publisher.Channel(1);
  publisher.Confirms();
  publisher.Publish("x", "3");
  EXPECT_EQ(Confirmed(publisher.Take()), Bodies{"ack 1"}) << "tags restart with the channel";
}

TEST_F(QueueBrokerTest, DeclaringAgainWithOtherArgumentsIsRefused) {
  Prepare();
  publisher.Declare("q", {.max_length = 7});
  const auto closed = Of(publisher.Take(), EventKind::kChannelClosed);
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].code, kPreconditionFailed);
  EXPECT_EQ(
      closed[0].text,
      "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received '7' but current "
      "is 'none'");
}

TEST_F(QueueBrokerTest, APassiveDeclarationLooksAndTellsReadyMessagesOnly) {
  Prepare();
  PublishNumbers(1, 10);
  publisher.Channel(2);
  publisher.Consume(2, "q", 4);
  publisher.Send({.method = Method::kQueueDeclare, .channel = 1, .passive = true, .queue = "q"});
  EXPECT_EQ(Of(publisher.Take(), EventKind::kQueueDeclared)[0].messages, 6u);
  publisher.Send({.method = Method::kQueueDeclare, .channel = 1, .passive = true, .queue = "nope"});
  EXPECT_EQ(Of(publisher.Take(), EventKind::kChannelClosed)[0].code, kNotFound);
}

TEST_F(QueueBrokerTest, PrefetchBoundsWhatIsUnsettledAndANewQosLeavesALiveConsumerAlone) {
  Prepare();
  PublishNumbers(1, 10);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 3);
  EXPECT_EQ(Delivered(consumer.Take()), Numbers(1, 3));
  consumer.Send({.method = Method::kQos, .channel = 1, .prefetch = 100});
  EXPECT_TRUE(Delivered(consumer.Take()).empty());
  consumer.Ack(1, 2);
  EXPECT_EQ(Delivered(consumer.Take()), Numbers(4, 4));
  consumer.Ack(1, 4, true);
  EXPECT_EQ(Delivered(consumer.Take()), Numbers(5, 7));
  EXPECT_EQ(broker.Stats("q").unacked, 3u);
  EXPECT_EQ(broker.Stats("q").acked, 4u);
}

TEST_F(QueueBrokerTest, AckingUnknownOrTwiceClosesTheChannel) {
  Prepare();
  PublishNumbers(1, 3);
  for (const uint64_t tag : {uint64_t{1}, uint64_t{9}, uint64_t{0}}) {
    Peer consumer(broker);
    consumer.Channel(1);
    consumer.Consume(1, "q", 10);
    consumer.Take();
    if (tag == 1) consumer.Ack(1, 1);
    consumer.Ack(1, tag);
    const auto closed = Of(consumer.Take(), EventKind::kChannelClosed);
    ASSERT_EQ(closed.size(), 1u) << tag;
    EXPECT_EQ(closed[0].code, kPreconditionFailed);
    EXPECT_EQ(broker.Stats("q").consumers, 0u);
    EXPECT_EQ(broker.Stats("q").ready, 2u) << "what was not settled is back";
  }
}

TEST_F(QueueBrokerTest, AMultipleAckSettlesUnfinishedLowerTags) {
  Prepare();
  PublishNumbers(1, 5);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 10);
  consumer.Ack(1, 4, true);
  EXPECT_EQ(broker.Stats("q").unacked, 1u);
  consumer.Ack(1, 0, true);
  EXPECT_EQ(broker.Stats("q").unacked, 0u);
}

TEST_F(QueueBrokerTest, AClosedChannelReturnsItsMessagesInOrderAndCountsThem) {
  Prepare();
  PublishNumbers(1, 6);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 4);
  consumer.Ack(1, 2);
  consumer.Take();
  consumer.Close(1);
  EXPECT_EQ(Of(consumer.Take(), EventKind::kChannelCloseOk).size(), 1u);
  consumer.Channel(1);
  consumer.Consume(1, "q", 10);
  const auto events = Of(consumer.Take(), EventKind::kDelivered);
  EXPECT_EQ(Delivered(events), (Bodies{"1", "3", "4", "5", "6"}));
  EXPECT_EQ(events[0].tag, 1u) << "tags restart";
  EXPECT_TRUE(events[0].redelivered);
  EXPECT_EQ(events[0].delivery_count, 1u);
  EXPECT_TRUE(events[3].redelivered) << "5 was given out when 2 was acked";
  EXPECT_FALSE(events[4].redelivered);
}

// Successive owners with other prefetches break the order; with equal ones they don't.
TEST_F(QueueBrokerTest, UnequalPrefetchBreaksTheOrder) {
  Prepare({.single_active_consumer = true});
  PublishNumbers(1, 10);
  Peer consumer(broker);
  for (const uint32_t prefetch : {10u, 4u}) {
    consumer.Channel(1);
    consumer.Consume(1, "q", prefetch);
    consumer.Close(1);
  }
  consumer.Take();
  consumer.Channel(1);
  consumer.Consume(1, "q", 10);
  EXPECT_EQ(Delivered(consumer.Take()), (Bodies{"5", "6", "7", "8", "9", "10", "1", "2", "3", "4"}));
}

TEST_F(QueueBrokerTest, NackingWithoutALimitGoesToTheBack) {
  Prepare();
  PublishNumbers(1, 5);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 2);
  consumer.Nack(1, 1, false, true);
  EXPECT_EQ(Delivered(consumer.Take()), (Bodies{"1", "2", "3"}));
  consumer.Ack(1, 3, true);
  EXPECT_EQ(Delivered(consumer.Take()), (Bodies{"4", "5"}));
  consumer.Ack(1, 5, true);
  const auto last = Of(consumer.Take(), EventKind::kDelivered);
  EXPECT_EQ(Delivered(last), Bodies{"1"});
  EXPECT_EQ(last[0].delivery_count, 1u);
}

TEST_F(QueueBrokerTest, AMultipleNackWithALimitComesBackScrambled) {
  Prepare({.delivery_limit = 10});
  PublishNumbers(1, 20);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 20);
  consumer.Take();
  consumer.Nack(1, 20, true, true);
  Bodies again = Delivered(consumer.Take());
  EXPECT_NE(again, Numbers(1, 20));
  const auto by_number = [](const std::string& a, const std::string& b) { return std::stoi(a) < std::stoi(b); };
  std::sort(again.begin(), again.end(), by_number);
  EXPECT_EQ(again, Numbers(1, 20));
}

TEST_F(QueueBrokerTest, RejectingWithoutRequeueAndWithoutDeadLetterExchangeDestroys) {
  Prepare();
  PublishNumbers(1, 1);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 2);
  consumer.Nack(1, 1, false, false);
  EXPECT_EQ(broker.Stats("q").dropped, 1u);
  EXPECT_EQ(broker.Stats("q").bytes, 0u);
}

// A limit counts clean closes too: four of them dead-letter a prefetch window that nobody has looked at.
TEST_F(QueueBrokerTest, TheDeliveryLimitCountsChannelCloses) {
  Prepare({.overflow = Overflow::kRejectPublish,
           .delivery_limit = 3,
           .dead_letter_exchange = "dead",
           .dead_letter_routing_key = "d",
           .dead_letter_at_least_once = true});
  PublishNumbers(1, 5);
  Peer consumer(broker);
  for (int close = 1; close <= 4; ++close) {
    EXPECT_EQ(broker.Stats("q").ready, 5u);
    consumer.Channel(1);
    consumer.Consume(1, "q", 5);
    consumer.Close(1);
  }
  // At least once: without a place to go they stay with their queue, and are tried again.
  EXPECT_EQ(broker.Stats("q").dead_lettered, 0u);
  EXPECT_GT(broker.Stats("q").bytes, 0u);
  publisher.Exchange("dead");
  publisher.Declare("dlq");
  publisher.Bind("dead", "dlq", "d");
  ASSERT_NE(broker.NextTimer(), MonotonicTime::Infinite());
  broker.Tick(broker.NextTimer());
  EXPECT_EQ(broker.Stats("q").dead_lettered, 5u);
  EXPECT_EQ(broker.Stats("q").bytes, 0u);
  Bodies bodies;
  broker.BrowseWaiting("dlq", [&](const QueueBroker::Resting& resting) {
    bodies.emplace_back(*resting.message.body);
    EXPECT_EQ(resting.message.headers.Find("x-first-death-queue"), "q");
    EXPECT_EQ(resting.message.headers.Find("x-last-death-reason"), "delivery_limit");
    EXPECT_EQ(resting.routing_key, "d");
    return true;
  });
  EXPECT_EQ(bodies, Numbers(1, 5));
}

TEST_F(QueueBrokerTest, AtMostOnceDeadLettersWithoutAPlaceAreDestroyed) {
  Prepare({.max_length = 2, .dead_letter_exchange = "dead", .dead_letter_at_least_once = true});
  PublishNumbers(1, 3);
  EXPECT_EQ(broker.Stats("q").dropped, 1u) << "at-least-once needs reject-publish";
  EXPECT_EQ(broker.Stats("q").ready, 2u);
}

TEST_F(QueueBrokerTest, ACircleOfDeadLettersIsCut) {
  Prepare({.max_length = 1, .dead_letter_exchange = "x", .dead_letter_routing_key = "k"});
  PublishNumbers(1, 4);
  EXPECT_EQ(broker.Stats("q").ready, 1u);
  EXPECT_GT(broker.Stats("q").dropped, 0u);
}

TEST_F(QueueBrokerTest, AFullQueueRefusesWhereItIsToldTo) {
  Prepare({.max_length = 5, .overflow = Overflow::kRejectPublish});
  for (int i = 1; i <= 7; ++i) publisher.Publish("x", std::to_string(i));
  EXPECT_EQ(Confirmed(publisher.Take()), (Bodies{"ack 6*", "nack 7"})) << "one message late";
  EXPECT_EQ(broker.Stats("q").ready, 6u);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 1);
  publisher.Publish("x", "8");
  EXPECT_EQ(Confirmed(publisher.Take()), (Bodies{"nack 8"})) << "five are not few enough";
  consumer.Ack(1, 1);
  publisher.Publish("x", "9");
  EXPECT_EQ(Confirmed(publisher.Take()), (Bodies{"ack 9"})) << "four are";
}

TEST_F(QueueBrokerTest, ABacklogStopsTheConnectionUntilThereIsRoom) {
  Prepare({.backlog_account = "x.g", .backlog_bytes_max = 100});
  const std::string body(30, 'b');
  for (int i = 0; i < 3; ++i) publisher.Publish("x", body);
  EXPECT_TRUE(broker.Writable(publisher.id()));
  publisher.Publish("x", body);
  EXPECT_FALSE(broker.Writable(publisher.id()));
  publisher.Publish("x", body);  // what is on its way is taken
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 10);
  consumer.Ack(1, 2, true);
  EXPECT_FALSE(broker.Writable(publisher.id())) << "90 bytes of 100";
  publisher.Take();
  consumer.Ack(1, 3);
  EXPECT_TRUE(broker.Writable(publisher.id()));
  EXPECT_EQ(Of(publisher.Take(), EventKind::kWritable).size(), 1u);
}

TEST_F(QueueBrokerTest, ASingleActiveConsumerIsTheFirstAndTheNextFollows) {
  Prepare({.single_active_consumer = true});
  Peer first(broker), second(broker);
  for (Peer* peer : {&first, &second}) {
    peer->Channel(1);
    peer->Consume(1, "q", 2);
  }
  PublishNumbers(1, 4);
  EXPECT_EQ(Delivered(first.Take()), Numbers(1, 2));
  const auto idle = second.Take();
  EXPECT_EQ(Of(idle, EventKind::kConsumeOk).size(), 1u) << "consume-ok is no ownership";
  EXPECT_TRUE(Delivered(idle).empty());
  broker.Drop(first.id(), {});
  EXPECT_EQ(Delivered(second.Take()), Numbers(1, 2));
}

// basic.cancel with messages unsettled: the next begins behind them, and they come late.
TEST_F(QueueBrokerTest, CancellingWithUnsettledMessagesBreaksTheOrder) {
  Prepare({.single_active_consumer = true});
  Peer first(broker), second(broker);
  for (Peer* peer : {&first, &second}) {
    peer->Channel(1);
    peer->Consume(1, "q", 2);
  }
  PublishNumbers(1, 4);
  first.Send({.method = Method::kCancel, .channel = 1, .consumer = 1});
  EXPECT_EQ(Delivered(second.Take()), Numbers(3, 4));
  first.Close(1);
  second.Ack(1, 2, true);
  EXPECT_EQ(Delivered(second.Take()), Numbers(1, 2));
}

TEST_F(QueueBrokerTest, ADemotedConsumerIsNotToldAndItsAcksMeanNothing) {
  Prepare({.single_active_consumer = true});
  Peer first(broker), second(broker);
  for (Peer* peer : {&first, &second}) {
    peer->Channel(1);
    peer->Consume(1, "q", 2);
  }
  PublishNumbers(1, 2);
  EXPECT_EQ(Delivered(first.Take()), Numbers(1, 2));
  broker.Demote("q", {});
  EXPECT_TRUE(first.Take().empty());
  EXPECT_EQ(Delivered(second.Take()), Numbers(1, 2)) << "both hold them now";
  first.Ack(1, 1);
  EXPECT_TRUE(Of(first.Take(), EventKind::kChannelClosed).empty());
  EXPECT_EQ(broker.Stats("q").unacked, 2u);
  PublishNumbers(3, 3);
  second.Ack(1, 2, true);
  EXPECT_EQ(Delivered(second.Take()), Numbers(3, 3));
  EXPECT_TRUE(Delivered(first.Take()).empty());
}

TEST_F(QueueBrokerTest, CompetingConsumersTakeTurns) {
  Prepare();
  Peer first(broker), second(broker);
  for (Peer* peer : {&first, &second}) {
    peer->Channel(1);
    peer->Consume(1, "q", 3);
  }
  PublishNumbers(1, 8);
  EXPECT_EQ(Delivered(first.Take()), (Bodies{"1", "3", "5"}));
  EXPECT_EQ(Delivered(second.Take()), (Bodies{"2", "4", "6"}));
}

TEST_F(QueueBrokerTest, ADeletedQueueCancelsItsConsumers) {
  Prepare();
  PublishNumbers(1, 3);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 2);
  consumer.Take();
  EXPECT_TRUE(broker.DeleteQueue("q", {}));
  EXPECT_EQ(Of(consumer.Take(), EventKind::kCancelled).size(), 1u);
  consumer.Ack(1, 1);
  EXPECT_TRUE(consumer.Take().empty()) << "the channel lives, the tag means nothing";
  publisher.Publish("x", "4", "k", true, 1);
  EXPECT_EQ(Of(publisher.Take(), EventKind::kReturned).size(), 1u);
}

TEST_F(QueueBrokerTest, AnAlarmBlocksWhoPublishesAndNobodyElse) {
  Prepare();
  PublishNumbers(1, 2);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 1);
  broker.SetAlarm(true, {});
  const auto blocked = [this] {
    const std::vector<ConnectionId> all = broker.Connections();
    return std::count_if(all.begin(), all.end(), [this](ConnectionId id) { return broker.Blocked(id); });
  };
  EXPECT_EQ(blocked(), 0) << "nobody has published";
  EXPECT_TRUE(publisher.Take().empty()) << "not before it publishes";
  publisher.Publish("x", "3");
  publisher.Publish("x", "4");
  const auto events = publisher.Take();
  EXPECT_EQ(Of(events, EventKind::kBlocked).size(), 1u);
  EXPECT_EQ(broker.Stats("q").put, 2u) << "nothing more is read";
  EXPECT_EQ(blocked(), 1);
  consumer.Ack(1, 1);
  EXPECT_EQ(Delivered(consumer.Take()), Numbers(1, 2)) << "consuming goes on";
  broker.SetAlarm(false, {});
  EXPECT_EQ(broker.Stats("q").put, 4u);
  EXPECT_EQ(blocked(), 0);
  const auto after = publisher.Take();
  EXPECT_EQ(Of(after, EventKind::kUnblocked).size(), 1u);
  EXPECT_EQ(Confirmed(after), Bodies{"ack 4*"});
}

TEST_F(QueueBrokerTest, TheEndOfAnAlarmTellsWhoseMessageWasStored) {
  Prepare();
  Peer second(broker), third(broker);
  for (Peer* peer : {&second, &third}) peer->Channel(1);
  broker.SetAlarm(true, {});
  for (Peer* peer : {&publisher, &second, &third}) peer->Publish("x", "m");
  broker.RefuseNext("q", 1);
  std::vector<bool> stored;
  broker.SetAlarm(false, {}, [&](ConnectionId, bool it_was) { stored.push_back(it_was); });
  EXPECT_EQ(stored, (std::vector<bool>{false, true, true})) << "the first was refused, and the others not";
}

TEST_F(QueueBrokerTest, ASlowConsumersChannelIsClosed) {
  Prepare();
  PublishNumbers(1, 2);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 1);
  consumer.Take();
  MonotonicTime now;
  for (int i = 0; i < 30; ++i) broker.Tick(now = now + minutes(1));
  EXPECT_TRUE(consumer.Take().empty());
  broker.Tick(now + minutes(1));
  const auto closed = Of(consumer.Take(), EventKind::kChannelClosed);
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].code, kPreconditionFailed);
  EXPECT_NE(closed[0].text.find("timed out"), std::string::npos);
  EXPECT_EQ(broker.Stats("q").ready, 2u);
}

TEST_F(QueueBrokerTest, ARestartKeepsWhatIsDurableAndLosesWhatWasOnItsWay) {
  Prepare();
  publisher.Declare("transient", {.durable = false});
  publisher.Take();
  PublishNumbers(1, 2);
  publisher.Publish("x", "3");  // its confirm is not taken before the end
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 2);
  broker.Stop({});
  const auto events = publisher.Take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::kConnectionClosed);
  EXPECT_EQ(Delivered(consumer.Take()), Bodies{});
  Peer refused(broker);
  EXPECT_EQ(refused.Take()[0].kind, EventKind::kConnectionClosed);
  broker.Start({});
  EXPECT_FALSE(broker.HasQueue("transient"));
  Peer again(broker);
  again.Channel(1);
  again.Consume(1, "q", 10);
  const auto delivered = Of(again.Take(), EventKind::kDelivered);
  EXPECT_EQ(Delivered(delivered), Numbers(1, 3));
  EXPECT_TRUE(delivered[1].redelivered);
  EXPECT_FALSE(delivered[2].redelivered);
}

TEST_F(QueueBrokerTest, ExclusiveQueuesBelongToOneConnection) {
  Prepare();
  Peer owner(broker);
  owner.Channel(1);
  owner.Declare("mine", {.durable = false, .exclusive = true});
  publisher.Send({.method = Method::kConsume, .channel = 1, .consumer = 1, .queue = "mine"});
  EXPECT_EQ(Of(publisher.Take(), EventKind::kChannelClosed)[0].code, kResourceLocked);
  broker.Drop(owner.id(), {});
  EXPECT_FALSE(broker.HasQueue("mine"));
}

TEST_F(QueueBrokerTest, WhatIsUnsettledCanBeSeenAndRestored) {
  Prepare();
  PublishNumbers(1, 5);
  Peer consumer(broker);
  consumer.Channel(1);
  consumer.Consume(1, "q", 3);
  consumer.Ack(1, 2);
  consumer.Close(1);
  consumer.Channel(1);
  consumer.Consume(1, "q", 2);
  QueueBroker other({});
  Peer there(other);
  there.Channel(1);
  there.Exchange("x");
  there.Declare("q");
  EXPECT_FALSE(other.Restore("q", {}, 0, "k", {})) << "not bound";
  there.Bind("x", "q");
  Bodies seen;
  broker.BrowseUnsettled("q", [&](const QueueBroker::Resting& resting) {
    seen.emplace_back(*resting.message.body);
    EXPECT_TRUE(other.Restore("q", resting.message, resting.delivery_count, resting.routing_key, {}));
    return true;
  });
  EXPECT_EQ(seen, (Bodies{"1", "3", "4", "5"}));
  there.Consume(1, "q", 10);
  const auto events = Of(there.Take(), EventKind::kDelivered);
  EXPECT_EQ(Delivered(events), seen);
  EXPECT_EQ(events[0].delivery_count, 1u);
  EXPECT_EQ(events[3].delivery_count, 0u);
}

TEST(QueueBrokerHeartbeats, SilentClientsAreGivenUp) {
  QueueBroker broker({.heartbeat = seconds(10)});
  Peer quiet(broker), lively(broker);
  MonotonicTime now;
  for (int i = 0; i < 5; ++i) {
    now = now + seconds(5);
    lively.now = now;
    lively.Send({.method = Method::kHeartbeat});
    broker.Tick(now);
  }
  EXPECT_EQ(broker.Connections(), std::vector<ConnectionId>{lively.id()});
  EXPECT_EQ(quiet.Take().back().kind, EventKind::kConnectionClosed);
  EXPECT_FALSE(Of(lively.Take(), EventKind::kHeartbeat).empty());
}

TEST(QueueBrokerErrors, NonsenseClosesTheConnectionAndNothingElse) {
  QueueBroker broker({});
  Peer other(broker);
  for (const Request& bad : std::vector<Request>{{.method = Method::kAck, .channel = 7, .tag = 1},
                                                 {.method = Method::kChannelOpen, .channel = 5000},
                                                 {.method = Method::kPublish, .channel = 4'000'000'000}}) {
    Peer peer(broker);
    peer.Send(bad);
    EXPECT_EQ(peer.Take().back().kind, EventKind::kConnectionClosed);
    peer.Send(bad);
    EXPECT_TRUE(peer.Take().empty());
  }
  Peer twice(broker);
  twice.Channel(1);
  twice.Channel(1);
  EXPECT_EQ(twice.Take().back().code, kChannelError);
  EXPECT_EQ(broker.Connections(), std::vector<ConnectionId>{other.id()});
}

TEST(QueueBrokerErrors, AMessageOverTheLimitClosesTheChannel) {
  QueueBroker broker({.message_bytes_max = 10});
  Peer peer(broker);
  peer.Channel(1);
  peer.Exchange("x");
  peer.Publish("x", "elevenbytes");
  EXPECT_EQ(peer.Take().back().code, kPreconditionFailed);
}

// As quorum queues behave: the channel's process keeps acks back beyond 32 on their way, and forgets them when it ends.
class KeptAcks : public ::testing::Test {
 protected:
  KeptAcks() {
    publisher.Channel(1);
    publisher.Exchange("x");
    publisher.Declare("q");
    publisher.Bind("x", "q");
    for (int i = 1; i <= 50; ++i) publisher.Publish("x", std::to_string(i));
    consumer.Channel(1);
    consumer.Consume(1, "q", 100);
    EXPECT_EQ(Delivered(consumer.Take()).size(), 50u);
    for (uint64_t tag = 1; tag <= 40; ++tag) consumer.Ack(1, tag);
    EXPECT_EQ(broker.Stats("q").acked, 32u);
    EXPECT_EQ(broker.Stats("q").unacked, 18u);
  }
  QueueBroker broker{QueueBrokerOptions{}};
  Peer publisher{broker};
  Peer consumer{broker};
};

TEST_F(KeptAcks, AreForgottenWithTheChannel) {
  consumer.Close(1);
  EXPECT_EQ(broker.Stats("q").acked, 32u);
  EXPECT_EQ(broker.Stats("q").ready, 18u);
}

TEST_F(KeptAcks, ArriveAfterAWhile) {
  EXPECT_LE(broker.NextTimer(), consumer.now + std::chrono::milliseconds(1));
  broker.Tick(consumer.now + std::chrono::milliseconds(1));
  EXPECT_EQ(broker.Stats("q").acked, 40u);
  consumer.Close(1);
  EXPECT_EQ(broker.Stats("q").ready, 10u);
}

TEST_F(KeptAcks, ArriveWhenAConsumerComes) {
  consumer.Consume(1, "q", 1, 2);
  EXPECT_EQ(broker.Stats("q").acked, 40u);
  EXPECT_EQ(broker.Stats("q").unacked, 10u);
}

TEST_F(KeptAcks, AreAcksAllTheSame) {
  consumer.Ack(1, 35);
  EXPECT_EQ(consumer.Take().back().code, kPreconditionFailed) << "a second ack closes the channel";
}

TEST_F(KeptAcks, GoWithTheirQueue) {
  EXPECT_TRUE(broker.DeleteQueue("q", consumer.now));
  broker.Tick(consumer.now + std::chrono::seconds(1));
  consumer.Close(1);
  EXPECT_FALSE(broker.HasQueue("q"));
}

TEST(QueueBrokerMemory, AStreamRunsOnAHandfulOfSegments) {
  QueueBroker broker({.segment_bytes = 4096, .segments_kept = 4, .acks_on_their_way = 0});
  Peer publisher(broker), consumer(broker);
  publisher.Channel(1);
  publisher.Exchange("x");
  publisher.Declare("q");
  publisher.Bind("x", "q");
  consumer.Channel(1);
  consumer.Consume(1, "q", 100);
  const std::string body(100, 'x');
  uint64_t tag = 0;
  for (int i = 0; i < 1000; ++i) {
    for (int j = 0; j < 10; ++j) publisher.Publish("x", body);
    const auto delivered = Of(consumer.Take(), EventKind::kDelivered);
    ASSERT_EQ(delivered.size(), 10u);
    tag += 10;
    consumer.Ack(1, tag, true);
  }
  EXPECT_EQ(broker.Stats("q").bytes, 0u);
  EXPECT_EQ(broker.Stats("q").acked, 10'000u);
}

TEST(StoredRequestTest, KeepsEverything) {
  std::string exchange = "x", body = "body";
  QueueArguments arguments{.max_length = 5};
  Request request{.method = Method::kPublish, .channel = 3, .mandatory = true, .message_id = 9};
  request.exchange = exchange;
  request.arguments = &arguments;
  request.message.body = body;
  request.message.key = "";
  const StoredRequest stored(request);
  exchange = body = "changed";
  arguments.max_length = 6;
  const Request view = stored.View();
  EXPECT_EQ(view.exchange, "x");
  EXPECT_EQ(view.message.body, "body");
  EXPECT_EQ(view.message.key, "");
  EXPECT_EQ(view.arguments->max_length, 5);
  EXPECT_EQ(view.message_id, 9u);
  EXPECT_TRUE(view.mandatory);
}

TEST(StoredRequestTest, NothingIsLeftOfTheOneBefore) {
  const QueueArguments arguments{.max_length = 5};
  Request request{.method = Method::kPublish, .channel = 3, .routing_key = "17", .arguments = &arguments};
  request.message.key = "a long key";
  request.message.body = "a longer body";
  StoredRequest stored(request);
  Request next{.method = Method::kPublish, .channel = 4, .queue = "q"};
  next.message.body = "b";
  stored.Assign(next);
  const Request view = stored.View();
  EXPECT_EQ(view.channel, 4u);
  EXPECT_EQ(view.queue, "q");
  EXPECT_EQ(view.routing_key, "");
  EXPECT_EQ(view.arguments, nullptr);
  EXPECT_EQ(view.message.key, std::nullopt);
  EXPECT_EQ(view.message.body, "b");
  EXPECT_TRUE(view.message.headers.empty());
}

// What is known of a published message can be kept by where its bytes lie.
TEST(QueueBrokerBooks, CountPutsAndTellWhereAMessageLies) {
  QueueBroker broker({});
  Peer peer(broker);
  peer.Channel(1);
  peer.Exchange("x");
  for (const char* queue : {"a", "b"}) {
    peer.Declare(queue);
    peer.Bind("x", queue);
  }
  peer.Channel(2);
  peer.Consume(1, "a", 10);
  peer.Consume(2, "b", 10);
  peer.Take();
  peer.Publish("x", "one");
  EXPECT_EQ(broker.puts(), 2u);
  const char* const lies = broker.newest().body->data();
  const std::vector<Event> delivered = Of(peer.Take(), EventKind::kDelivered);
  ASSERT_EQ(delivered.size(), 2u);
  for (const Event& event : delivered) {
    EXPECT_EQ(event.message.body->data(), lies) << "both queues share the bytes";
    EXPECT_TRUE(event.segment == broker.newest_segment());
  }
  peer.Publish("x", "nobody's", "other key");
  EXPECT_EQ(broker.puts(), 2u);
}

}  // namespace
}  // namespace millrace::bus
