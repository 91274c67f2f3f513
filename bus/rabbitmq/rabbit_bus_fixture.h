// A bus over sockets to a fake server (fake_server.h), with a consumer that keeps what it is told and a producer: for
// tests.
//
// Threading: one thread; the server has its own.
#ifndef MILLRACE_BUS_RABBITMQ_RABBIT_BUS_FIXTURE_H_
#define MILLRACE_BUS_RABBITMQ_RABBIT_BUS_FIXTURE_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "bus/rabbitmq/fake_server.h"
#include "bus/rabbitmq/rabbit_bus.h"
#include "gtest/gtest.h"

namespace millrace::bus {

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
    OpenUrl(server->Url(parameters));
  }
  void OpenUrl(const std::string& url) {
    absl::StatusOr<std::unique_ptr<Bus>> opened = OpenRabbitBus(url, clock);
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
  // A process that is busy, here or elsewhere, cannot count within the two seconds that Lag has: then it is asked again.
  absl::StatusOr<std::vector<PartitionLag>> LagOf(Bus& asked) {
    absl::StatusOr<std::vector<PartitionLag>> lags = absl::UnknownError("not asked");
    RunUntil([&] {
      lags = asked.Lag("g", "t");
      return !absl::IsUnavailable(lags.status());
    });
    return lags;
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

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_RABBIT_BUS_FIXTURE_H_
