// What a message costs: publish + deliver + settle, 256 B bodies in batches of 64, window in cache, one thread, beside
// a bare single-producer single-consumer ring that copies the same bytes in and out in the same run.
//
//   bazel run -c opt //bus/memory:memory_benchmark
//
// Counters: ns/msg; x_ring, the median over alternating rounds of this cost by the ring's; new/msg, calls of operator
// new.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "bus/consumer.h"
#include "bus/memory/log_client.h"
#include "bus/memory/memory_bus.h"
#include "bus/producer.h"

namespace {
std::atomic<uint64_t> news{0};
}  // namespace

// Not inlined: GCC would take the pair for a mismatch.
[[gnu::noinline]] void* operator new(size_t size) {
  news.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace millrace::bus {
namespace {

constexpr size_t kBodyBytes = 256;
constexpr size_t kBatch = 64;
constexpr size_t kBatchesARound = 256;

class StandingClock : public Clock {
 public:
  MonotonicTime Now() const override { return {1}; }
  WallTime Wall() const override { return {1}; }
};

// As in production: a call of the system's clock for each look.
class SteadyClock : public Clock {
 public:
  MonotonicTime Now() const override { return {std::chrono::steady_clock::now().time_since_epoch().count()}; }
  WallTime Wall() const override { return {}; }
};

class QuietWaker : public Waker {
 public:
  void Wake() override { woken_.store(true, std::memory_order_relaxed); }

 private:
  std::atomic<bool> woken_{false};
};

uint64_t FirstWord(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// One way to bring messages from here to there.
class Path {
 public:
  virtual ~Path() = default;
  // Publishes, delivers and settles `batches` batches; returns something of every body.
  virtual uint64_t Run(size_t batches) = 0;
};

class RingPath : public Path {
 public:
  uint64_t Run(size_t batches) override {
    uint64_t sum = 0;
    std::array<char, kBodyBytes> out;
    for (size_t b = 0; b < batches; ++b) {
      for (size_t i = 0; i < kBatch; ++i) {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        while (head - tail_.load(std::memory_order_acquire) == kSlots) {
        }
        std::memcpy(slots_[head % kSlots].data(), body_.data(), kBodyBytes);
        head_.store(head + 1, std::memory_order_release);
      }
      for (size_t i = 0; i < kBatch; ++i) {
        const uint64_t tail = tail_.load(std::memory_order_relaxed);
        while (head_.load(std::memory_order_acquire) == tail) {
        }
        std::memcpy(out.data(), slots_[tail % kSlots].data(), kBodyBytes);
        benchmark::DoNotOptimize(out);
        sum += FirstWord(out.data());
        tail_.store(tail + 1, std::memory_order_release);
      }
    }
    return sum;
  }

 private:
  static constexpr size_t kSlots = 1024;
  std::vector<std::array<char, kBodyBytes>> slots_ = std::vector<std::array<char, kBodyBytes>>(kSlots);
  const std::string body_ = std::string(kBodyBytes, 'x');
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

std::vector<Outgoing> BatchOver(int32_t partitions, const std::string& body) {
  std::vector<Outgoing> batch;
  for (size_t i = 0; i < kBatch; ++i) {
    batch.push_back({.topic = 0,
                     .partition = static_cast<int32_t>(i % static_cast<size_t>(partitions)),
                     .message = {.body = body}});
  }
  return batch;
}

// The broker model itself: append, fetch, commit as requests, without any client.
class BrokerPath : public Path {
 public:
  BrokerPath() : broker_({}) {
    topic_ = *broker_.CreateTopic({.name = "t", .partitions = 1, .groups = {"g"}});
    connection_ = broker_.Open(waker_, {1});
  }
  uint64_t Run(size_t batches) override {
    uint64_t sum = 0;
    for (size_t b = 0; b < batches; ++b) {
      broker_.Produce(connection_, {&topic_, 1}, batch_, token_);
      token_ += kBatch;
      for (size_t left = kBatch; left > 0;) {
        broker_.Receive(
            connection_,
            {.method = LogMethod::kFetch, .max = kBatch, .id = 1, .partition = {topic_, 0}, .offset = offset_}, {1});
        broker_.TakeEvents(connection_, events_);
        for (const LogEvent& event : events_) {
          if (event.kind != LogEventKind::kReply || event.method != LogMethod::kFetch) continue;
          for (const Delivery& d : event.records) sum += FirstWord(d.message.body->data());
          left -= event.records.size();
          offset_ = event.offset;
        }
        events_.clear();
        broker_.Receive(
            connection_,
            {.method = LogMethod::kCommit, .quiet = true, .partition = {topic_, 0}, .offset = offset_, .group = "g"},
            {1});
      }
    }
    return sum;
  }

 private:
  LogBroker broker_;
  QuietWaker waker_;
  int32_t topic_ = 0;
  LogConnectionId connection_ = 0;
  const std::string body_ = std::string(kBodyBytes, 'x');
  const std::vector<Outgoing> batch_ = BatchOver(1, body_);
  std::vector<LogEvent> events_;
  uint64_t token_ = 1;
  int64_t offset_ = 0;
};

// Everything that a user of mem: goes through: fronts, drivers, lock, wakers.
class BusPath : public Path, private ConsumerHandler, private ProducerHandler {
 public:
  BusPath(std::string_view url, int32_t partitions)
      : bus_(*OpenMemoryBus(url, clock_)), batch_(BatchOver(partitions, body_)) {
    const absl::Status applied = bus_->Apply({.topics = {{.name = "t", .partitions = partitions, .groups = {"g"}}}});
    if (!applied.ok()) std::abort();
    producer_ = std::make_unique<Producer>(*bus_->OpenProducer({.topics = {"t"}}, waker_));
    consumer_ = std::make_unique<Consumer>(
        *bus_->OpenConsumer({.group = "g", .topics = {"t"}, .batch_max = kBatch}, waker_), bus_->capabilities());
    Run(64);
  }
  uint64_t Run(size_t batches) override {
    sum_ = 0;
    for (size_t b = 0; b < batches; ++b) {
      delivered_ = 0;
      producer_->Publish(batch_);
      producer_->Poll(*this);
      while (delivered_ < kBatch) consumer_->Poll(*this);
    }
    return sum_;
  }

 private:
  void OnAssigned(std::span<const Assignment>) override {}
  void OnRevoking(std::span<const Holding>, MonotonicTime) override {}
  void OnLost(std::span<const Holding>) override {}
  void OnDelivered(const DeliveryBatch& batch) override {
    for (const Delivery& d : batch.deliveries) sum_ += FirstWord(d.message.body->data());
    delivered_ += batch.deliveries.size();
    consumer_->SettleAll(batch).IgnoreError();
  }
  void OnNoted(Holding, const absl::Status&) override {}
  void OnTrouble(const absl::Status&) override {}
  void OnConfirmed(const Confirm&) override {}
  void OnWritable() override {}

  SteadyClock clock_;
  QuietWaker waker_;
  const std::string body_ = std::string(kBodyBytes, 'x');
  std::unique_ptr<MemoryBus> bus_;
  const std::vector<Outgoing> batch_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Consumer> consumer_;
  uint64_t sum_ = 0;
  size_t delivered_ = 0;
};

double NanosecondsOf(Path& path, size_t batches) {
  const auto begin = std::chrono::steady_clock::now();
  benchmark::DoNotOptimize(path.Run(batches));
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double>& values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Rounds of the ring and of `path` take turns; the ratio is that of neighbours, so that what disturbs the machine
// disturbs both.
void Compare(benchmark::State& state, Path& path) {
  RingPath ring;
  NanosecondsOf(ring, kBatchesARound);
  NanosecondsOf(path, kBatchesARound);
  std::vector<double> ratios, costs;
  uint64_t allocations = 0;
  for (auto _ : state) {
    const double base = NanosecondsOf(ring, kBatchesARound);
    const uint64_t before = news.load();
    const double cost = NanosecondsOf(path, kBatchesARound);
    allocations += news.load() - before;
    ratios.push_back(cost / base);
    costs.push_back(cost / (kBatch * kBatchesARound));
    state.SetIterationTime(cost * 1e-9);
  }
  const double messages = static_cast<double>(state.iterations()) * kBatch * kBatchesARound;
  state.SetItemsProcessed(static_cast<int64_t>(messages));
  state.counters["ns/msg"] = Median(costs);
  state.counters["x_ring"] = Median(ratios);
  state.counters["new/msg"] = static_cast<double>(allocations) / messages;
}

void RingAlone(benchmark::State& state) {
  RingPath path;
  Compare(state, path);
}
void BrokerModel(benchmark::State& state) {
  BrokerPath path;
  Compare(state, path);
}
void MemoryBusLog(benchmark::State& state) {
  BusPath path("mem:", static_cast<int32_t>(state.range(0)));
  Compare(state, path);
}
void MemoryBusQueue(benchmark::State& state) {
  BusPath path("mem:?semantics=queue", static_cast<int32_t>(state.range(0)));
  Compare(state, path);
}

BENCHMARK(RingAlone)->UseManualTime();
BENCHMARK(BrokerModel)->UseManualTime();
BENCHMARK(MemoryBusLog)->Arg(1)->Arg(8)->UseManualTime();
BENCHMARK(MemoryBusQueue)->Arg(1)->Arg(8)->UseManualTime();

}  // namespace
}  // namespace millrace::bus
