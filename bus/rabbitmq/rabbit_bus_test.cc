// The bus over sockets, against the model behind frames (fake_server.h): no RabbitMQ is needed, and the thread sanitizer
// can look on.
#include "bus/rabbitmq/rabbit_bus.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bus/rabbitmq/fake_server.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

class RealClock : public Clock {
 public:
  MonotonicTime Now() const override {
    return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()).count()};
  }
  WallTime Wall() const override { return {1'700'000'000'000'000'000 + Now().ns}; }
};

class Flag : public Waker {
 public:
  void Wake() override {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }
  void Await() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(5), [this] { return woken_; });
    woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

struct Eater : ConsumerHandler {
  void OnAssigned(std::span<const Assignment> a) override { assigned.insert(assigned.end(), a.begin(), a.end()); }
  void OnRevoking(std::span<const Holding> holdings, MonotonicTime) override {
    for (const Holding& holding : holdings) driver->Release(holding);
  }
  void OnLost(std::span<const Holding> holdings) override { lost.insert(lost.end(), holdings.begin(), holdings.end()); }
  void OnDelivered(const DeliveryBatch& batch) override {
    for (const Delivery& delivery : batch.deliveries) {
      bodies.emplace_back(delivery.message.body.value_or("(null)"));
      redeliveries.push_back(delivery.redeliveries);
      const SettleRange range{delivery.sequence, delivery.sequence};
      if (settle) driver->Settle({.holding = batch.holding, .ranges = {&range, 1}, .note = {}});
    }
  }
  void OnNoted(Holding, const absl::Status&) override {}
  void OnTrouble(const absl::Status& status) override { troubles.push_back(status); }
  ConsumerDriver* driver = nullptr;
  bool settle = true;
  std::vector<Assignment> assigned;
  std::vector<Holding> lost;
  std::vector<std::string> bodies;
  std::vector<uint32_t> redeliveries;
  std::vector<absl::Status> troubles;
};

struct Answers : ProducerHandler {
  void OnConfirmed(const Confirm& confirm) override {
    for (uint32_t i = 0; i < confirm.count; ++i) {
      EXPECT_TRUE(answered.insert(confirm.first + i).second) << "answered twice";
      confirmed += confirm.status.ok() ? 1 : 0;
      if (!confirm.status.ok()) failures.push_back(confirm.status);
    }
  }
  void OnWritable() override {}
  std::set<uint64_t> answered;
  size_t confirmed = 0;
  std::vector<absl::Status> failures;
};

class RabbitBusTest : public ::testing::Test {
 protected:
  void Open(FakeServerOptions options = {}, const std::string& parameters = "") {
    server = std::make_unique<FakeServer>(clock, options);
    absl::StatusOr<std::unique_ptr<Bus>> opened = OpenRabbitBus(server->Url(parameters), clock);
    ASSERT_TRUE(opened.ok()) << opened.status();
    bus = *std::move(opened);
  }
  void Apply(int32_t partitions) {
    const absl::Status applied = bus->Apply({.topics = {{.name = "t", .partitions = partitions, .groups = {"g"}}}});
    ASSERT_TRUE(applied.ok()) << applied;
  }
  void Join(const std::string& instance = "a") {
    auto opened = bus->OpenConsumer({.group = "g", .topics = {"t"}, .instance = instance}, flag);
    ASSERT_TRUE(opened.ok()) << opened.status();
    consumer = *std::move(opened);
    eater.driver = consumer.get();
  }
  void OpenProducer() {
    auto opened = bus->OpenProducer({.name = "p", .topics = {"t"}}, flag);
    ASSERT_TRUE(opened.ok()) << opened.status();
    producer = *std::move(opened);
  }
  // Publishes all, from `token` on.
  void Publish(const std::vector<std::string>& bodies, int32_t partition = 0) {
    std::vector<Outgoing> all;
    for (const std::string& body : bodies) {
      all.push_back({.topic = 0, .partition = partition, .message = {.key = "k", .body = body, .headers = {}}});
    }
    size_t taken = 0;
    ASSERT_TRUE(RunUntil([&] {
      taken += producer->Publish(std::span<const Outgoing>(all).subspan(taken), token + taken);
      return taken == all.size();
    }));
    token += taken;
  }
  bool RunUntil(const std::function<bool()>& done) {
    const MonotonicTime end = clock.Now() + std::chrono::seconds(30);
    while (!done()) {
      if (clock.Now() >= end) return false;
      if (consumer != nullptr) consumer->Poll(eater);
      if (producer != nullptr) producer->Poll(answers);
      if (done()) return true;
      flag.Await();
    }
    return true;
  }
  static std::vector<std::string> Numbers(int from, int to) {
    std::vector<std::string> numbers;
    for (int i = from; i <= to; ++i) numbers.push_back(std::to_string(i));
    return numbers;
  }

  RealClock clock;
  Flag flag;
  std::unique_ptr<FakeServer> server;
  std::unique_ptr<Bus> bus;
  Eater eater;
  Answers answers;
  std::unique_ptr<ConsumerDriver> consumer;
  std::unique_ptr<ProducerDriver> producer;
  uint64_t token = 1;
};

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
    const auto lags = bus->Lag("g", "t");
    if (!lags.ok()) return int64_t{-1};
    return (*lags)[0].lag + (*lags)[1].lag;
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
    std::atomic<bool> done{false};
    std::vector<int64_t> lags;
    std::thread asking([&] {
      const auto lag = (*other)->Lag("g", "t");
      EXPECT_TRUE(lag.ok()) << lag.status();
      if (lag.ok()) lags = {(*lag)[0].lag, (*lag)[1].lag};
      done = true;
    });
    EXPECT_TRUE(RunUntil([&] { return done.load(); }));
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
  const auto lag = bus->Lag("g", "t");
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

// ---------------------------------------------------------------- opening

TEST_F(RabbitBusTest, TheNextHostIsTried) {
  server = std::make_unique<FakeServer>(clock);
  const std::string port = std::to_string(server->port());
  const auto opened = OpenRabbitBus("amqp://guest:guest@127.0.0.1:1,127.0.0.1:" + port + "/", clock);
  EXPECT_TRUE(opened.ok()) << opened.status();
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
