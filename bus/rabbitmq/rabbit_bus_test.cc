// The bus over sockets, against the model behind frames (fake_server.h): no RabbitMQ is needed, and the thread sanitizer
// can look on.
#include "bus/rabbitmq/rabbit_bus.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "bus/admin.h"
#include "bus/rabbitmq/fake_http.h"
#include "bus/rabbitmq/fake_server.h"
#include "bus/rabbitmq/rabbit_bus_fixture.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

using Look = Admin::Look;

TEST_F(RabbitBusTest, WhatIsPublishedComesOnceAndInOrder) {
  Open();
  Apply(2);
  OpenProducer();
  Join();
  Publish(Numbers(1, 2000));
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 2000 && answers.confirmed == 2000; }));
  EXPECT_EQ(eater.bodies, Numbers(1, 2000));
  EXPECT_TRUE(producer->Close(answers, clock.Now() + std::chrono::seconds(10)).ok());
  EXPECT_TRUE(consumer->Close(clock.Now() + std::chrono::seconds(10)).ok());
  server->Broker([](QueueBroker& broker, MonotonicTime) {
    EXPECT_EQ(broker.Stats("t:g:0").acked, 2000u);
    EXPECT_EQ(broker.Stats("t:g:0").ready + broker.Stats("t:g:0").unacked, 0u);
  });
}

TEST_F(RabbitBusTest, BodiesOfManyFramesArrive) {
  Open({.frame_max = 4096});
  Apply(1);
  OpenProducer();
  Join();
  const std::vector<std::string> bodies = {std::string(100'000, 'x'), "", std::string(4088, 'y'), std::string(1, 'z')};
  Publish(bodies);
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 4; }));
  EXPECT_EQ(eater.bodies, bodies);
}

TEST_F(RabbitBusTest, HeadersBeyondAFrameAreRefusedForGood) {
  Open({.frame_max = 4096});
  Apply(1);
  OpenProducer();
  ASSERT_TRUE(RunUntil([&] { return producer->Publish({}, token) == 0 && !server->Names().empty(); }));
  Publish({"first"});
  ASSERT_TRUE(RunUntil([&] { return answers.confirmed == 1; }));
  HeaderBuilder headers;
  headers.Add("h", std::string(4000, 'h'));
  const Outgoing out{.topic = 0, .partition = 0, .message = {.body = "b", .headers = headers.View()}};
  EXPECT_EQ(producer->Publish({&out, 1}, token++), 1u);
  ASSERT_TRUE(RunUntil([&] { return answers.failures.size() == 1; }));
  EXPECT_EQ(answers.failures[0].code(), absl::StatusCode::kInvalidArgument) << answers.failures[0];
  Publish({"after"});
  EXPECT_TRUE(RunUntil([&] { return answers.confirmed == 2; }));
}

TEST_F(RabbitBusTest, ACutConnectionIsMadeAgainAndEachPublishIsAnsweredOnce) {
  Open();
  Apply(1);
  OpenProducer();
  Join();
  Publish(Numbers(1, 100));
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 100 && answers.confirmed == 100; }));
  server->Broker([](QueueBroker& broker, MonotonicTime now) { broker.HoldConfirms(true, now); });
  Publish(Numbers(101, 150));
  server->CutAll();
  server->Broker([](QueueBroker& broker, MonotonicTime now) { broker.HoldConfirms(false, now); });
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 150; }));
  for (const absl::Status& failure : answers.failures) EXPECT_TRUE(absl::IsDeadlineExceeded(failure)) << failure;
  Publish(Numbers(151, 200));
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 200 && eater.bodies.back() == "200"; }));
  EXPECT_FALSE(eater.lost.empty());
  EXPECT_GE(eater.assigned.size(), 2u);
  ASSERT_FALSE(eater.troubles.empty());
  EXPECT_TRUE(absl::IsUnavailable(eater.troubles.front())) << eater.troubles.front();
}

TEST_F(RabbitBusTest, AnUnroutablePublishIsReturnedBeforeItsConfirm) {
  Open();
  Apply(1);
  OpenProducer();
  server->Broker([](QueueBroker& broker, MonotonicTime now) { EXPECT_TRUE(broker.DeleteQueue("t:g:0", now)); });
  Publish({"nobody's"});
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 1; }));
  ASSERT_EQ(answers.failures.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(answers.failures[0])) << answers.failures[0];
}

TEST_F(RabbitBusTest, ARefusedPublishIsToldAndTheNextOneGoes) {
  Open();
  Apply(1);
  OpenProducer();
  server->Broker([](QueueBroker& broker, MonotonicTime) { broker.RefuseNext("t:g:0", 1); });
  Publish({"refused", "taken"});
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 2; }));
  EXPECT_EQ(answers.confirmed, 1u);
  ASSERT_EQ(answers.failures.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(answers.failures[0])) << answers.failures[0];
}

TEST_F(RabbitBusTest, AnAlarmHoldsPublishesAndLetsThemGo) {
  Open();
  Apply(1);
  OpenProducer();
  Join();
  Publish({"before"});
  ASSERT_TRUE(RunUntil([&] { return answers.confirmed == 1; }));
  server->Broker([](QueueBroker& broker, MonotonicTime now) { broker.SetAlarm(true, now); });
  Publish({"held"});
  const absl::Status closed = producer->Close(answers, clock.Now() + std::chrono::milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(closed)) << closed;
  producer.reset();
  OpenProducer();
  server->Broker([](QueueBroker& broker, MonotonicTime now) { broker.SetAlarm(false, now); });
  Publish({"after"});
  EXPECT_TRUE(RunUntil([&] { return !eater.bodies.empty() && eater.bodies.back() == "after"; }));
}

TEST_F(RabbitBusTest, ADeletedQueueIsAnnouncedAndDeclaredAnew) {
  Open();
  Apply(1);
  OpenProducer();
  Join();
  Publish({"before"});
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 1 && answers.confirmed == 1; }));
  server->Broker([](QueueBroker& broker, MonotonicTime now) { EXPECT_TRUE(broker.DeleteQueue("t:g:0", now)); });
  ASSERT_TRUE(RunUntil([&] { return eater.assigned.size() == 2; }));
  ASSERT_FALSE(eater.troubles.empty());
  EXPECT_TRUE(absl::IsDataLoss(eater.troubles.front())) << eater.troubles.front();
  Publish({"after"});
  EXPECT_TRUE(RunUntil([&] { return eater.bodies.size() == 2; }));
}

TEST_F(RabbitBusTest, ASilentServerIsGivenUp) {
  Open({.heartbeat = 1});
  Apply(1);
  Join();
  ASSERT_TRUE(RunUntil([&] { return eater.assigned.size() == 1; }));
  // The model sends no heartbeats of its own here, so the link must find out by itself.
  ASSERT_TRUE(RunUntil([&] { return !eater.lost.empty(); }));
  ASSERT_FALSE(eater.troubles.empty());
  EXPECT_NE(std::string(eater.troubles.front().message()).find("silent"), std::string::npos) << eater.troubles.front();
}

TEST_F(RabbitBusTest, MorePartitionsThanChannelsAreSaidInWords) {
  Open({.channel_max = 3});
  Apply(5);
  Join();
  ASSERT_TRUE(RunUntil([&] { return eater.assigned.size() == 3 && !eater.troubles.empty(); }));
  EXPECT_NE(std::string(eater.troubles.front().message()).find("channel_max"), std::string::npos);
}

TEST_F(RabbitBusTest, LagCountsWhatWaitsAndWhatIsInHand) {
  Open();
  Apply(2);
  OpenProducer();
  Publish(Numbers(1, 10), 0);
  Publish(Numbers(1, 5), 1);
  ASSERT_TRUE(RunUntil([&] { return answers.confirmed == 15; }));
  const auto sum = [&] {
    const auto lags = LagOf(*bus);
    EXPECT_TRUE(lags.ok()) << lags.status();
    return lags.ok() ? (*lags)[0].lag + (*lags)[1].lag : int64_t{-1};
  };
  EXPECT_EQ(sum(), 15);
  eater.settle = false;
  Join();
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 15; }));
  EXPECT_EQ(sum(), 15) << "delivered is not settled";
  const SettleRange range{1, 3};
  for (const Assignment& a : eater.assigned)
    consumer->Settle({.holding = a.holding, .ranges = {&range, 1}, .note = {}});
  EXPECT_EQ(sum(), 9);
  EXPECT_TRUE(absl::IsNotFound(bus->Lag("nobody", "t").status()));
}

TEST_F(RabbitBusTest, LagCountsWhatOtherProcessesHaveInHand) {
  Open();
  Apply(2);
  OpenProducer();
  eater.settle = false;
  Join();
  Publish(Numbers(1, 7), 0);
  Publish(Numbers(1, 4), 1);
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 11; }));
  auto other = OpenRabbitBus(server->Url("?instance=other"), clock);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Apply({.topics = {{.name = "t", .partitions = 2, .groups = {"g"}}}}).ok());
  // An instance answers when it is polled: nobody does yet.
  const absl::Status unanswered = (*other)->Lag("g", "t").status();
  EXPECT_TRUE(absl::IsUnavailable(unanswered)) << unanswered;
  const auto ask = [&] {
    std::atomic<bool> done{false}, given_up{false};
    std::vector<int64_t> lags;
    std::thread asking([&] {
      // The instance that is asked has two seconds, which a busy machine may not have for it.
      auto lag = (*other)->Lag("g", "t");
      while (absl::IsUnavailable(lag.status()) && !given_up) lag = (*other)->Lag("g", "t");
      EXPECT_TRUE(lag.ok()) << lag.status();
      if (lag.ok()) lags = {(*lag)[0].lag, (*lag)[1].lag};
      done = true;
    });
    EXPECT_TRUE(RunUntil([&] { return done.load(); }));
    given_up = true;
    asking.join();
    return lags;
  };
  EXPECT_EQ(ask(), (std::vector<int64_t>{7, 4}));
  for (const Assignment& a : eater.assigned) {
    const SettleRange range{1, 4};
    consumer->Settle({.holding = a.holding, .ranges = {&range, 1}, .note = {}});
  }
  EXPECT_EQ(ask(), (std::vector<int64_t>{3, 0}));
  EXPECT_EQ(eater.assigned.size(), 2u) << "who asks takes nothing away";
}

// A process of its own, as far as the server can see: another bus of this one, and so of the same host and number, as those of two
// containers are.
struct OtherProcess {
  void Join(const FakeServer& server, const std::string& parameters, const Clock& clock, Waker& waker,
            int32_t partitions) {
    auto opened = OpenRabbitBus(server.Url(parameters), clock);
    ASSERT_TRUE(opened.ok()) << opened.status();
    bus = *std::move(opened);
    ASSERT_TRUE(bus->Apply({.topics = {{.name = "t", .partitions = partitions, .groups = {"g"}}}}).ok());
    auto joined = bus->OpenConsumer({.group = "g", .topics = {"t"}, .instance = "a"}, waker);
    ASSERT_TRUE(joined.ok()) << joined.status();
    consumer = *std::move(joined);
    eater.driver = consumer.get();
  }
  std::unique_ptr<Bus> bus;
  std::unique_ptr<ConsumerDriver> consumer;
  Eater eater;
};

TEST_F(RabbitBusTest, ProcessesThatNobodyHasNamedShareOnOneHostAndNumber) {
  Open();
  Apply(8);
  OpenProducer();
  Join();
  OtherProcess other;
  other.Join(*server, "", clock, flag, 8);
  // Each partition by one of them; with one name both would want the same, and one of them get nothing.
  const auto held = [](const Eater& one) { return one.assigned.size() - one.lost.size(); };
  ASSERT_TRUE(RunUntil([&] {
    other.consumer->Poll(other.eater);
    return held(eater) == 4 && held(other.eater) == 4;
  }));
  for (int32_t p = 0; p < 8; ++p) Publish({std::to_string(p)}, p);
  ASSERT_TRUE(RunUntil([&] {
    other.consumer->Poll(other.eater);
    return eater.bodies.size() + other.eater.bodies.size() >= 8;
  }));
  EXPECT_EQ(eater.bodies.size(), 4u);
  EXPECT_EQ(other.eater.bodies.size(), 4u);
  EXPECT_TRUE(eater.troubles.empty()) << eater.troubles.front();
  EXPECT_TRUE(other.eater.troubles.empty()) << other.eater.troubles.front();
}

TEST_F(RabbitBusTest, TwoProcessesOfOneNameAreToldAndLoseNothing) {
  Open({}, "?instance=same");
  Apply(2);
  OpenProducer();
  Join();
  ASSERT_TRUE(RunUntil([&] { return eater.assigned.size() == 2; }));
  OtherProcess other;
  other.Join(*server, "?instance=same", clock, flag, 2);
  ASSERT_TRUE(RunUntil([&] {
    other.consumer->Poll(other.eater);
    return !eater.troubles.empty();
  }));
  const std::string told(eater.troubles.front().message());
  EXPECT_NE(told.find("group g: a newer instance calls itself 'a@same'"), std::string::npos) << told;
  EXPECT_NE(told.find("instance="), std::string::npos) << told;
  Publish(Numbers(1, 20), 0);
  ASSERT_TRUE(RunUntil([&] {
    other.consumer->Poll(other.eater);
    return eater.bodies.size() + other.eater.bodies.size() >= 20;
  }));
  EXPECT_EQ(eater.bodies, Numbers(1, 20)) << "the second waits: a queue has one consumer at a time";
}

TEST_F(RabbitBusTest, APrefixKeepsNamesApart) {
  Open({}, "?prefix=p.");
  Apply(1);
  OpenProducer();
  Join();
  Publish(Numbers(1, 3));
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 3; }));
  server->Broker([](QueueBroker& broker, MonotonicTime) {
    EXPECT_TRUE(broker.HasQueue("p.t:p.g:0"));
    EXPECT_FALSE(broker.HasQueue("t:g:0"));
  });
  const auto lag = LagOf(*bus);
  ASSERT_TRUE(lag.ok()) << lag.status();
  EXPECT_EQ(lag->at(0).topic, "t");
}

// While one thread asks, another works.
TEST_F(RabbitBusTest, LagIsAskedFromAnotherThread) {
  Open();
  Apply(4);
  OpenProducer();
  Join();
  std::atomic<bool> stop{false};
  std::thread asking([&] {
    while (!stop) bus->Lag("g", "t").status().IgnoreError();
  });
  for (int round = 0; round < 20; ++round) Publish(Numbers(round * 50 + 1, round * 50 + 50), round % 4);
  EXPECT_TRUE(RunUntil([&] { return eater.bodies.size() == 1000 && answers.confirmed == 1000; }));
  stop = true;
  asking.join();
  ASSERT_TRUE(RunUntil([&] {
    const auto lags = bus->Lag("g", "t");
    return lags.ok() && (*lags)[0].lag + (*lags)[1].lag + (*lags)[2].lag + (*lags)[3].lag == 0;
  }));
}

TEST_F(RabbitBusTest, ARedeliveryIsCounted) {
  Open();
  Apply(1);
  OpenProducer();
  eater.settle = false;
  Join("first");
  Publish({"m"});
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 1; }));
  consumer.reset();
  Join("second");
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 2; }));
  EXPECT_EQ(eater.redeliveries, (std::vector<uint32_t>{0, 1}));
}

TEST_F(RabbitBusTest, ConnectionsHaveNames) {
  Open({}, "?name=shop&instance=me");
  Apply(1);
  OpenProducer();
  Join();
  ASSERT_TRUE(RunUntil([&] { return eater.assigned.size() == 1; }));
  const std::vector<std::string> names = server->Names();
  const auto count = [&](const std::string& name) { return std::count(names.begin(), names.end(), name); };
  EXPECT_EQ(count("millrace shop g a@me"), 1);
  EXPECT_EQ(count("millrace shop g a@me beats"), 1);
  EXPECT_EQ(count("millrace shop p"), 1);
}

TEST_F(RabbitBusTest, FourKnowsALimitOfDeliveriesUnlessToldNot) {
  Open({.version = "4.0.5"});  // the fake server checks the declarations
  Apply(1);
  Join();
  EXPECT_TRUE(RunUntil([&] { return eater.assigned.size() == 1; }));
}

// ---------------------------------------------------------------- the trap

// Another program's consumer, which rejects the first message of a queue.
void Reject(FakeServer& server, const std::string& queue) {
  server.Broker([&](QueueBroker& broker, MonotonicTime now) {
    static Flag nobody;
    const ConnectionId other = broker.Open(nobody, now);
    const auto say = [&](const Request& request) { broker.Receive(other, request, now); };
    say({.method = Method::kChannelOpen, .channel = 1});
    say({.method = Method::kConsume, .channel = 1, .consumer = 1, .queue = queue});
    say({.method = Method::kNack, .channel = 1, .tag = 1});
    broker.Drop(other, now);
  });
}

TEST_F(RabbitBusTest, WhatTheServerTakesOutOfAQueueIsKeptInTheTrapAndReported) {
  Open();
  Apply(1);
  const Topology topology{.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}};
  auto items = bus->admin()->Compare(topology, Look::kContents);
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 4u);
  EXPECT_EQ((*items)[3].what, "queue \"mr.trap\"");
  EXPECT_EQ((*items)[3].state, TopologyItem::State::kSame);
  EXPECT_NE((*items)[3].advice.find("policies and bindings were not looked at"), std::string::npos);
  OpenProducer();
  Publish(Numbers(1, 3));
  ASSERT_TRUE(RunUntil([&] { return answers.confirmed == 3; }));
  Reject(*server, "t:g:0");
  for (int look = 0; look < 2; ++look) {  // looking takes nothing out
    items = bus->admin()->Compare(topology, Look::kContents);
    ASSERT_TRUE(items.ok()) << items.status();
    const TopologyItem& trap = items->at(3);
    EXPECT_EQ(trap.state, TopologyItem::State::kDiffers);
    ASSERT_EQ(trap.fields.size(), 1u);
    EXPECT_NE(trap.fields[0].name.find("in t:g:0"), std::string::npos) << trap.fields[0].name;
    EXPECT_EQ(trap.fields[0].have, "1");
    EXPECT_NE(trap.advice.find("publish each to its topic's exchange again"), std::string::npos);
  }
  Join();
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 2; }));
  EXPECT_EQ(eater.bodies, Numbers(2, 3));
}

TEST_F(RabbitBusTest, WithoutATrapQueuesAreAsTheyWere) {
  Open({}, "?trap=off");
  Apply(1);
  server->Broker([](QueueBroker& broker, MonotonicTime) { EXPECT_FALSE(broker.HasQueue("mr.trap")); });
  const Topology topology{.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}};
  EXPECT_EQ(bus->admin()->Compare(topology, Look::kTopology)->size(), 2u);
  // With one they are refused, in words.
  auto with = OpenRabbitBus(server->Url(), clock);
  ASSERT_TRUE(with.ok()) << with.status();
  const absl::Status refused = (*with)->Apply(topology);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  const auto items = (*with)->admin()->Compare(topology, Look::kTopology);
  ASSERT_TRUE(items.ok()) << items.status();
  EXPECT_EQ(items->at(1).state, TopologyItem::State::kRefused);
  EXPECT_NE(items->at(1).advice.find("trap=off"), std::string::npos) << items->at(1).advice;
}

// A trap that has been filling up for long, before a worker begins or somebody looks at it.
class FullTrap : public RabbitBusTest {
 protected:
  void Fill(const std::vector<std::string>& bodies) {
    Open();
    ASSERT_TRUE(bus->Apply(topology).ok());
    auto opened = bus->OpenProducer({.name = "p", .topics = {"into"}}, flag);
    ASSERT_TRUE(opened.ok()) << opened.status();
    producer = *std::move(opened);
    Publish(bodies);
    ASSERT_TRUE(RunUntil([&] { return answers.confirmed == bodies.size(); }));
  }
  TopologyItem Compared(Look look) {
    const auto items = bus->admin()->Compare(topology, look);
    EXPECT_TRUE(items.ok()) << items.status();
    return items.ok() ? items->back() : TopologyItem{};
  }
  // How many of all that lie there were ever delivered to somebody.
  size_t Delivered(size_t all) {
    eater.settle = false;
    auto opened = bus->OpenConsumer({.group = "g", .topics = {"out_of"}, .prefetch = 10'000}, flag);
    EXPECT_TRUE(opened.ok()) << opened.status();
    consumer = *std::move(opened);
    eater.driver = consumer.get();
    EXPECT_TRUE(RunUntil([&] { return eater.bodies.size() == all; })) << eater.bodies.size();
    return static_cast<size_t>(std::count_if(eater.redeliveries.begin(), eater.redeliveries.end(),
                                             [](uint32_t redeliveries) { return redeliveries > 0; }));
  }
  const Topology topology{.topics = {{.name = "into", .ordered = false, .existing = "mr.trap"},
                                     {.name = "out_of", .ordered = false, .groups = {"g"}, .existing = "mr.trap"}}};
};

TEST_F(FullTrap, WhoBeginsToWorkOnlyCounts) {
  Fill(Numbers(1, 3000));
  const TopologyItem trap = Compared(Look::kTopology);
  EXPECT_EQ(trap.state, TopologyItem::State::kDiffers);
  ASSERT_EQ(trap.fields.size(), 1u);
  EXPECT_EQ(trap.fields[0].name + " " + trap.fields[0].have, "messages 3000");
  EXPECT_NE(trap.advice.find("millrace topology check"), std::string::npos) << trap.advice;
  EXPECT_EQ(Delivered(3000), 0u);
}

TEST_F(FullTrap, WhoLooksReadsSoManyMessages) {
  Fill(Numbers(1, 3000));
  const TopologyItem trap = Compared(Look::kContents);
  ASSERT_EQ(trap.fields.size(), 1u);
  EXPECT_EQ(trap.fields[0].have, "1000 or more");
  const size_t delivered = Delivered(3000);
  EXPECT_GE(delivered, 1000u);
  EXPECT_LE(delivered, 1040u) << "few are sent ahead";
}

TEST_F(FullTrap, WhoLooksReadsSoManyBytes) {
  Fill(std::vector<std::string>(30, std::string(900'000, 'x')));
  const TopologyItem trap = Compared(Look::kContents);
  ASSERT_EQ(trap.fields.size(), 1u);
  EXPECT_EQ(trap.fields[0].have, "5 or more") << "4 MiB";
  EXPECT_LE(Delivered(30), 25u) << "few are sent ahead";
}

// As earlier versions declared it: when it was full it destroyed what had been taken out of queues.
TEST_F(RabbitBusTest, ATrapThatWasDeclaredBeforeIsRefusedWithTheWayOut) {
  Open();
  server->Broker([&](QueueBroker& broker, MonotonicTime now) {
    static Flag nobody;
    const QueueArguments before;
    const ConnectionId other = broker.Open(nobody, now);
    broker.Receive(other, {.method = Method::kChannelOpen, .channel = 1}, now);
    broker.Receive(other, {.method = Method::kQueueDeclare, .channel = 1, .queue = "mr.trap", .arguments = &before},
                   now);
    broker.Drop(other, now);
  });
  const Topology topology{.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}};
  const absl::Status applied = bus->Apply(topology);
  EXPECT_TRUE(absl::IsFailedPrecondition(applied)) << applied;
  EXPECT_NE(applied.message().find("'x-overflow' for queue 'mr.trap'"), std::string_view::npos) << applied;
  EXPECT_NE(applied.message().find("move back what lies in it, delete it there"), std::string_view::npos) << applied;
  EXPECT_EQ(applied.message().find("name the topic or group differently"), std::string_view::npos) << applied;
  const auto items = bus->admin()->Compare(topology, Look::kTopology);
  ASSERT_TRUE(items.ok()) << items.status();
  EXPECT_EQ(items->back().state, TopologyItem::State::kRefused);
  EXPECT_EQ(items->back().fields.at(0).name, "x-overflow");
  EXPECT_NE(items->back().advice.find("declared by an earlier version"), std::string::npos) << items->back().advice;
  server->Broker([](QueueBroker& broker, MonotonicTime now) { EXPECT_TRUE(broker.DeleteQueue("mr.trap", now)); });
  Apply(1);
}

// ---------------------------------------------------------------- the management plugin

TEST_F(RabbitBusTest, WhyPoliciesWereNotLookedAtIsSaidWithoutTheLogin) {
  FakeHttp http;
  Open({}, "?management=http%3A%2F%2Fmon%3As3cret%40127.0.0.1%3A" + std::to_string(http.port()) + "%2F");
  Apply(1);
  const std::string at = "http://127.0.0.1:" + std::to_string(http.port()) + "/api/queues/%2F: HTTP status ";
  const auto advice = [&](int status) {
    http.Answer("/api/", status, "no");
    const auto items =
        bus->admin()->Compare({.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}}, Look::kTopology);
    EXPECT_TRUE(items.ok()) << items.status();
    const std::string words = items.ok() ? items->back().advice : "";
    EXPECT_NE(words.find("policies and bindings were not looked at"), std::string::npos) << words;
    EXPECT_NE(words.find("(" + at + std::to_string(status) + ")"), std::string::npos) << words;
    EXPECT_EQ(words.find("s3cret"), std::string::npos) << words;
    return words;
  };
  for (const int status : {401, 403}) {
    EXPECT_NE(advice(status).find("give the user the tag management"), std::string::npos);
    EXPECT_EQ(advice(status).find("does not answer"), std::string::npos) << "it does";
  }
  EXPECT_NE(advice(503).find("does not answer"), std::string::npos);
  // "mon:s3cret": the login is that of the URL.
  ASSERT_FALSE(http.Requests().empty());
  EXPECT_NE(http.Requests()[0].find("Authorization: Basic bW9uOnMzY3JldA=="), std::string::npos) << http.Requests()[0];
  const absl::Status lag = bus->admin()->Group("g", {.name = "t", .partitions = 1, .groups = {"g"}}).status();
  EXPECT_TRUE(absl::IsUnavailable(lag)) << lag;
  EXPECT_NE(lag.message().find("HTTP status 503"), std::string_view::npos) << lag;
  EXPECT_EQ(lag.message().find("s3cret"), std::string_view::npos) << lag;
}

// Queues without a trap have no word of their own on what happens when they are full.
TEST_F(RabbitBusTest, APolicyThatDestroysIsRefused) {
  FakeHttp http;
  http.Answer("/api/bindings", 200, R"([{"source":"t","destination":"t:g:0","routing_key":"0"}])");
  http.Answer(
      "/api/queues", 200,
      R"([{"name":"t:g:0","policy":"cap","effective_policy_definition":{"max-length":5},"arguments":{"x-queue-type":"quorum"}}])");
  Open({}, "?trap=off&management=http://127.0.0.1:" + std::to_string(http.port()));
  Apply(1);
  const auto items =
      bus->admin()->Compare({.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}}, Look::kTopology);
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ(items->at(1).state, TopologyItem::State::kRefused);
  EXPECT_NE(items->at(1).advice.find("policy \"cap\" destroys the oldest beyond so many messages"), std::string::npos)
      << items->at(1).advice;
}

TEST_F(RabbitBusTest, ADeletedQueueComesBackWithItsTrap) {
  Open();
  Apply(1);
  Join();
  ASSERT_TRUE(RunUntil([&] { return eater.assigned.size() == 1; }));
  server->Broker([](QueueBroker& broker, MonotonicTime now) { EXPECT_TRUE(broker.DeleteQueue("t:g:0", now)); });
  ASSERT_TRUE(RunUntil([&] { return eater.assigned.size() == 2; }));
  Apply(1);  // would be refused over other arguments
}

// ---------------------------------------------------------------- what stands in the way

TEST_F(RabbitBusTest, RightsThatAreMissingAreSaid) {
  Open({.forbidden = "t:g"});
  const Topology topology{.topics = {{.name = "t", .partitions = 2, .groups = {"g"}}}};
  const absl::Status applied = bus->Apply(topology);
  EXPECT_TRUE(absl::IsPermissionDenied(applied)) << applied;
  EXPECT_NE(applied.message().find("access to queue 't:g:2' in vhost '/' refused for user 'guest'"),
            std::string_view::npos)
      << applied;
  EXPECT_NE(applied.message().find("rabbitmqctl set_permissions"), std::string_view::npos) << applied;
  const absl::Status compared = bus->admin()->Compare(topology, Look::kTopology).status();
  EXPECT_TRUE(absl::IsPermissionDenied(compared)) << compared;
}

// Somebody else has made a queue under a name of ours.
class OthersQueue : public RabbitBusTest {
 protected:
  absl::Status ApplyBeside(const QueueArguments& arguments) {
    Open();
    server->Broker([&](QueueBroker& broker, MonotonicTime now) {
      other_ = broker.Open(nobody_, now);
      broker.Receive(other_, {.method = Method::kChannelOpen, .channel = 1}, now);
      broker.Receive(other_, {.method = Method::kQueueDeclare, .channel = 1, .queue = "t:g:0", .arguments = &arguments},
                     now);
    });
    return bus->Apply({.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}});
  }
  Flag nobody_;
  ConnectionId other_ = 0;
};

TEST_F(OthersQueue, ThatIsExclusiveIsSaid) {
  QueueArguments exclusive;
  exclusive.exclusive = true;
  const absl::Status applied = ApplyBeside(exclusive);
  EXPECT_TRUE(absl::IsFailedPrecondition(applied)) << applied;
  EXPECT_NE(applied.message().find("RESOURCE_LOCKED"), std::string_view::npos) << applied;
  EXPECT_NE(applied.message().find("t:g:0"), std::string_view::npos) << applied;
  // When its connection has ended it is gone, and the topology can be made.
  server->Broker([&](QueueBroker& broker, MonotonicTime now) { broker.Drop(other_, now); });
  Apply(1);
}

TEST_F(OthersQueue, ThatIsDeclaredOtherwiseIsSaid) {
  QueueArguments short_one;
  short_one.max_length = 7;
  const absl::Status applied = ApplyBeside(short_one);
  EXPECT_TRUE(absl::IsFailedPrecondition(applied)) << applied;
  EXPECT_NE(applied.message().find("inequivalent arg"), std::string_view::npos) << applied;
  EXPECT_NE(applied.message().find("delete it there, or name the topic or group differently"), std::string_view::npos)
      << applied;
  const auto items =
      bus->admin()->Compare({.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}}, Look::kTopology);
  ASSERT_TRUE(items.ok()) << items.status();
  EXPECT_EQ(items->at(1).state, TopologyItem::State::kRefused);
}

// ---------------------------------------------------------------- opening

TEST_F(RabbitBusTest, TheNextHostIsTried) {
  server = std::make_unique<FakeServer>(clock);
  const std::string port = std::to_string(server->port());
  const auto opened = OpenRabbitBus("amqp://guest:guest@127.0.0.1:1,127.0.0.1:" + port + "/", clock);
  EXPECT_TRUE(opened.ok()) << opened.status();
}

TEST_F(RabbitBusTest, WhenAHostGoesTheNextOneIsTakenAndNothingIsLost) {
  server = std::make_unique<FakeServer>(clock, FakeServerOptions{.doors = 2});
  const std::string both =
      "127.0.0.1:" + std::to_string(server->port(0)) + ",127.0.0.1:" + std::to_string(server->port(1));
  OpenUrl("amqp://guest:guest@" + both + "/");
  Apply(1);
  OpenProducer();
  Join();
  Publish(Numbers(1, 100));
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 100 && answers.confirmed == 100; }));
  EXPECT_EQ(server->Visits(1), 0) << "the first one answers";
  server->CloseDoor(0);
  Publish(Numbers(101, 150));
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 150; }));
  // What was on its way is told as unknown, and the worker above would send it again.
  for (const absl::Status& failure : answers.failures) EXPECT_TRUE(absl::IsDeadlineExceeded(failure)) << failure;
  Publish(Numbers(151, 200));
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 200 && eater.bodies.back() == "200"; }));
  EXPECT_GT(server->Visits(1), 0);
}

TEST_F(RabbitBusTest, AHostThatSaysNothingIsGivenUpForTheNext) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);  // takes connections, and nobody is behind it
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string mute = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const absl::Status alone = OpenRabbitBus("amqp://" + mute + "/?connect_timeout=1", clock).status();
  EXPECT_TRUE(absl::IsUnavailable(alone)) << alone;
  EXPECT_NE(std::string(alone.message()).find(mute + ": the server did not finish the handshake in time"),
            std::string::npos)
      << alone;
  server = std::make_unique<FakeServer>(clock);
  OpenUrl("amqp://guest:guest@" + mute + ",127.0.0.1:" + std::to_string(server->port()) + "/?connect_timeout=1");
  Apply(1);
  close(listener);
}

TEST_F(RabbitBusTest, WhereNoHostAnswersEachIsNamedWithItsReason) {
  server = std::make_unique<FakeServer>(clock);
  const absl::Status status =
      OpenRabbitBus("amqp://guest:s3cret@127.0.0.1:1,127.0.0.1:" + std::to_string(server->port()) + "/", clock)
          .status();
  EXPECT_NE(std::string(status.message()).find("127.0.0.1:1: Connection refused; 127.0.0.1:"), std::string::npos)
      << status;
  EXPECT_NE(std::string(status.message()).find("ACCESS_REFUSED"), std::string::npos) << status;
  EXPECT_EQ(std::string(status.message()).find("s3cret"), std::string::npos) << status;
}

// Hosts that are gone are asked with a growing pause in between.
TEST_F(RabbitBusTest, HostsThatRefuseAreNotAskedWithoutAPause) {
  server = std::make_unique<FakeServer>(clock, FakeServerOptions{.doors = 2});
  OpenUrl("amqp://guest:guest@127.0.0.1:" + std::to_string(server->port(0)) +
          ",127.0.0.1:" + std::to_string(server->port(1)) + "/");
  Apply(1);
  OpenProducer();
  Publish({"1"});
  ASSERT_TRUE(RunUntil([&] { return answers.confirmed == 1; }));
  const int before = server->Visits(1);
  server->CloseDoor(0);
  // Every new connection is cut at once, for a second at least, and until it was tried again.
  const MonotonicTime begin = clock.Now();
  int tries = 0;
  ASSERT_TRUE(RunUntil([&] {
    server->CutAll();
    tries = server->Visits(1) - before;
    return tries >= 2 && clock.Now() - begin >= std::chrono::seconds(1);
  }));
  const double seconds = std::chrono::duration<double>(clock.Now() - begin).count();
  EXPECT_LE(tries, 2 + 10 * seconds) << "in " << seconds << " s: 0.1 s at first, and longer each time";
}

TEST_F(RabbitBusTest, WhatIsRefusedIsSaidWithoutThePassword) {
  server = std::make_unique<FakeServer>(clock);
  const std::string at = "@127.0.0.1:" + std::to_string(server->port());
  const auto login = OpenRabbitBus("amqp://guest:s3cret" + at + "/", clock).status();
  EXPECT_TRUE(absl::IsInvalidArgument(login)) << login;
  EXPECT_NE(std::string(login.message()).find("ACCESS_REFUSED"), std::string::npos) << login;
  EXPECT_EQ(std::string(login.message()).find("s3cret"), std::string::npos) << login;
  const auto vhost = OpenRabbitBus("amqp://guest:guest" + at + "/nowhere", clock).status();
  EXPECT_TRUE(absl::IsInvalidArgument(vhost)) << vhost;
  EXPECT_NE(std::string(vhost.message()).find("vhost nowhere not found"), std::string::npos) << vhost;
  const auto nobody = OpenRabbitBus("amqp://guest:guest@127.0.0.1:1/", clock).status();
  EXPECT_TRUE(absl::IsUnavailable(nobody)) << nobody;
  EXPECT_NE(std::string(nobody.message()).find("127.0.0.1:1: Connection refused"), std::string::npos) << nobody;
}

TEST_F(RabbitBusTest, AServerWithoutPlainLoginsIsSaid) {
  server = std::make_unique<FakeServer>(clock, FakeServerOptions{.mechanisms = "EXTERNAL"});
  const auto status = OpenRabbitBus(server->Url(), clock).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(std::string(status.message()).find("it offers EXTERNAL"), std::string::npos) << status;
}

}  // namespace
}  // namespace millrace::bus
