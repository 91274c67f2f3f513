// mem: used by several threads at once, in both semantics: nothing is lost, nothing deadlocks, order holds. Bounded by
// counts, not by time; run it under --config=tsan too.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bus/consumer.h"
#include "bus/memory/memory_bus.h"
#include "bus/producer.h"

namespace millrace::bus {
namespace {

class SteadyClock : public Clock {
 public:
  MonotonicTime Now() const override { return {std::chrono::steady_clock::now().time_since_epoch().count()}; }
  WallTime Wall() const override { return {}; }
};

// Waits as a production loop does: until woken, or until the timer.
class WaitingWaker : public Waker {
 public:
  void Wake() override {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  void WaitUntil(MonotonicTime time, MonotonicTime now) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (time > now) {
      const Duration left = std::min<Duration>(time - now, std::chrono::seconds(5));
      changed_.wait_for(lock, left, [this] { return woken_; });
    }
    woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

constexpr int kProducers = 2;
constexpr int kConsumers = 3;
constexpr int kPartitions = 5;
constexpr uint64_t kEach = 1500;

struct Tally {
  std::mutex mutex;
  std::map<std::string, int> seen;
  std::map<std::string, uint64_t> highest_first;  // by producer and partition: first occurrences ascend
  size_t disorder = 0;
  std::atomic<size_t> distinct{0};

  void Count(const DeliveryBatch& batch) {
    std::lock_guard<std::mutex> lock(mutex);
    for (const Delivery& d : batch.deliveries) {
      const std::string body(*d.message.body);
      if (++seen[body] > 1) continue;
      distinct.store(seen.size());
      const size_t dash = body.find('-');
      uint64_t& highest = highest_first[body.substr(0, dash) + "/" + std::to_string(batch.holding.partition.number)];
      const uint64_t number = std::stoull(body.substr(dash + 1)) + 1;
      if (number <= highest) ++disorder;
      highest = number;
    }
  }
};

struct Answers : ProducerHandler {
  void OnConfirmed(const Confirm& c) override {
    EXPECT_TRUE(c.status.ok()) << c.status;
    confirmed += c.count;
  }
  void OnWritable() override {}
  uint64_t confirmed = 0;
};

void Produce(MemoryBus& bus, const Clock& clock, int who) {
  WaitingWaker waker;
  Producer producer(*bus.OpenProducer({.topics = {"t"}}, waker));
  Answers answers;
  for (uint64_t i = 0; i < kEach;) {
    const std::string body = std::to_string(who) + "-" + std::to_string(i);
    const Outgoing out{.partition = static_cast<int32_t>(i % kPartitions), .message = {.body = body}};
    if (producer.Publish({&out, 1}).count == 1) {
      ++i;
    } else {
      waker.WaitUntil(producer.NextTimer(), clock.Now());
    }
    producer.Poll(answers);
  }
  EXPECT_TRUE(producer.Close(answers, clock.Now() + std::chrono::seconds(30)).ok());
  EXPECT_EQ(answers.confirmed, kEach);
}

// Consumes until `done`; leaves and comes back `restarts` times on the way, half of them without a word.
void Consume(MemoryBus& bus, const Clock& clock, int who, int restarts, Tally& tally, const std::atomic<bool>& done) {
  for (int life = 0; life <= restarts; ++life) {
    WaitingWaker waker;
    Consumer consumer(*bus.OpenConsumer({.group = "g",
                                         .topics = {"t"},
                                         .instance = std::to_string(who) + "." + std::to_string(life),
                                         .batch_max = 16,
                                         .prefetch = 64,
                                         .session_timeout = std::chrono::seconds(2),
                                         .heartbeat_interval = std::chrono::milliseconds(50)},
                                        waker),
                      bus.capabilities());
    const size_t until = tally.distinct.load() + 600;
    while (!done.load() && (life == restarts || tally.distinct.load() < until)) {
      consumer
          .PollEach([&](const DeliveryBatch& batch) {
            tally.Count(batch);
            consumer.SettleAll(batch).IgnoreError();
          })
          .IgnoreError();
      waker.WaitUntil(consumer.NextTimer(), clock.Now());
    }
    if (life % 2 == 0) {
      EXPECT_TRUE(consumer.Close(clock.Now() + std::chrono::seconds(30)).ok());
    }
  }
}

class MemoryThreadsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(MemoryThreadsTest, EverybodyAtOnce) {
  SteadyClock clock;
  auto bus = *OpenMemoryBus(GetParam(), clock);
  ASSERT_TRUE(
      bus->Apply({.topics = {{.name = "t", .partitions = kPartitions, .groups = {"g"}, .backlog_bytes_max = 200'000}}})
          .ok());
  Tally tally;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) threads.emplace_back([&, p] { Produce(*bus, clock, p); });
  for (int c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&, c] { Consume(*bus, clock, c, c == 0 ? 0 : 2, tally, done); });
  }
  // Looks from outside, as a ledger and a metrics page do, until all is settled.
  for (bool settled = false; !settled;) {
    int64_t lag = 0;
    const absl::StatusOr<std::vector<PartitionLag>> lags = bus->Lag("g", "t");
    ASSERT_TRUE(lags.ok());
    for (const PartitionLag& l : *lags) lag += l.lag;
    int64_t unsettled = 0;
    EXPECT_TRUE(bus->ForEachUnsettled("g", "t", [&](const Resting&) { return ++unsettled < 10; }).ok());
    settled = lag == 0 && unsettled == 0 && tally.distinct.load() == kProducers * kEach;
    std::this_thread::yield();
  }
  done.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tally.seen.size(), kProducers * kEach);
  EXPECT_EQ(tally.disorder, 0u);
}

INSTANTIATE_TEST_SUITE_P(Semantics, MemoryThreadsTest,
                         ::testing::Values("mem:", "mem:?session=strict", "mem:?semantics=queue"),
                         [](const auto& info) {
                           return info.param == "mem:"                  ? "Log"
                                  : info.param == "mem:?session=strict" ? "StrictLog"
                                                                        : "Queue";
                         });

}  // namespace
}  // namespace millrace::bus
