// How many messages a second one core takes through a pass-through stage on `mem:`: input published, delivered,
// processed, output published, confirmed, delivered to a reader, everything settled; all on one thread, in batches of
// 64, bodies of 256 bytes, 1000 keys.
//
//   bazel run -c opt //stages:worker_benchmark
//
// `stage_ns` is the time spent in the instance (worker, runner, and its share of the bus), per message; `allocations`
// counts calls of operator new while messages 10^5 to 10^6 go through.
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>

#include "bus/memory/memory_bus.h"
#include "stages/instance.h"

namespace {
std::atomic<uint64_t> allocations{0};
}  // namespace

// GCC cannot see that both come from malloc.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace millrace::stages {
namespace {

class RealClock : public Clock {
 public:
  MonotonicTime Now() const override { return {std::chrono::steady_clock::now().time_since_epoch().count()}; }
  WallTime Wall() const override { return {std::chrono::system_clock::now().time_since_epoch().count()}; }
};

class PassThrough : public Stage {
 public:
  absl::Status Process(Context&, const bus::Message& message, Outputs& outputs) override {
    return outputs.Emit({.to = {}, .body = message.body});
  }
};

class NoSpool : public Spool {
 public:
  absl::Status Keep(std::string_view, std::string_view) override { return absl::OkStatus(); }
};

class NoWaker : public bus::Waker {
 public:
  void Wake() override {}
};

class CountConfirms : public bus::ProducerHandler {
 public:
  void OnConfirmed(const bus::Confirm& confirm) override { confirmed += confirm.count; }
  void OnWritable() override {}
  uint64_t confirmed = 0;
};

// The whole line on one thread.
class Line {
 public:
  Line() {
    bus_ = *bus::OpenMemoryBus("mem:", clock_);
    bus::Topology topology;
    topology.topics = {
        {.name = "in", .partitions = 8, .ordered = true, .groups = {"stage"}},
        {.name = "out", .partitions = 8, .ordered = true, .groups = {"reader"}},
        {.name = "dead", .partitions = 1, .ordered = true, .groups = {}, .backlog_bytes_max = 0, .keep = true}};
    if (!bus_->Apply(topology).ok()) std::abort();
    InstanceConfig config;
    config.worker.stage = "pass";
    config.worker.inputs = {"in"};
    config.worker.topic_partitions = {8, 1};
    config.worker.dead_letter = {.name = "dead", .topic = 1, .partitions = 1};
    config.consumer.group = "stage";
    config.consumer.topics = {"in"};
    config.consumer.instance = "stage-0";
    config.producer = {.name = "stage-0", .topics = {"out", "dead"}};
    config.spool = &spool_;
    config.make_executor = [this](AttemptReporter* reporter) {
      AttemptRunner::Config runner;
      runner.outputs.stage = "pass";
      runner.outputs.source = "/bench/pass";
      runner.outputs.outputs = {{.name = "out", .topic = 0, .partitions = 8}};
      runner.inputs = {"in"};
      return MakeInlineExecutor(
          std::make_unique<AttemptRunner>(runner, std::make_unique<PassThrough>(), nullptr, &pool_, &clock_), reporter);
    };
    instance_ = std::make_unique<Instance>(std::move(config), bus_.get(), &clock_);
    if (!instance_->Open().ok()) std::abort();
    bus::ConsumerOptions reader;
    reader.group = "reader";
    reader.topics = {"out"};
    reader.instance = "reader-0";
    reader_ = std::make_unique<bus::Consumer>(*bus_->OpenConsumer(reader, waker_), bus_->capabilities());
    feeder_ = std::make_unique<bus::Producer>(*bus_->OpenProducer({.name = "feed", .topics = {"in"}}, waker_));
    body_.assign(256, 'b');
    for (int i = 0; i < 1000; ++i) keys_.push_back("key-" + std::to_string(i));
    for (size_t i = 0; i < 64; ++i) ids_.push_back("0123456789abcdef0123456789abcd" + std::to_string(10 + i));
    for (const std::string& id : ids_) {
      bus::HeaderBuilder(&headers_.emplace_back())
          .Add("ce_specversion", "1.0")
          .Add("ce_id", id)
          .Add("ce_source", "/feed")
          .Add("ce_type", "bench");
    }
  }

  // Puts 64 messages in and works until `behind` or fewer are under way.
  void Round(uint64_t behind) {
    batch_.clear();
    for (size_t i = 0; i < 64; ++i) {
      const std::string& key = keys_[(sent_ + i) % keys_.size()];
      batch_.push_back(
          {.topic = 0,
           .partition = bus::PartitionOfKey(key, 8),
           .message = {.key = key, .body = body_, .headers = bus::Headers(headers_[i]), .timestamp_ms = 0}});
    }
    sent_ += feeder_->Publish(batch_).count;
    feeder_->Poll(confirms_);
    while (sent_ - received_ > behind) {
      const int64_t start = clock_.Now().ns;
      instance_->Turn();
      stage_ns_ += clock_.Now().ns - start;
      reader_
          ->PollEach([this](const bus::DeliveryBatch& b) {
            received_ += b.deliveries.size();
            reader_->SettleAll(b).IgnoreError();
          })
          .IgnoreError();
    }
  }

  uint64_t received() const { return received_; }
  int64_t stage_ns() const { return stage_ns_; }
  InstanceSnapshot snapshot() const { return instance_->Snapshot(); }

 private:
  RealClock clock_;
  NoSpool spool_;
  NoWaker waker_;
  bus::SegmentPool pool_{64 << 10};
  std::unique_ptr<bus::Bus> bus_;
  std::unique_ptr<Instance> instance_;
  std::unique_ptr<bus::Consumer> reader_;
  std::unique_ptr<bus::Producer> feeder_;
  CountConfirms confirms_;
  std::string body_;
  std::vector<std::string> keys_, ids_, headers_;
  std::vector<bus::Outgoing> batch_;
  uint64_t sent_ = 0, received_ = 0;
  int64_t stage_ns_ = 0;
};

void BM_PassThroughStage(benchmark::State& state) {
  Line line;
  while (line.received() < 100'000) line.Round(256);
  uint64_t counted = 0, counted_until = line.received();
  const uint64_t allocations_before = allocations.load();
  const uint64_t from = line.received();
  const int64_t stage_from = line.stage_ns();
  for (auto _ : state) {
    line.Round(256);
    if (counted == 0 && line.received() >= 1'000'000) {
      counted = allocations.load() - allocations_before;
      counted_until = line.received();
    }
  }
  const auto messages = static_cast<double>(line.received() - from);
  if (counted_until < 1'000'000) counted = allocations.load() - allocations_before;
  state.SetItemsProcessed(static_cast<int64_t>(messages));
  const double stage = static_cast<double>(line.stage_ns() - stage_from);
  state.counters["stage_ns"] = stage / messages;
  state.counters["stage_messages_per_second"] = messages / stage * 1e9;
  state.counters["allocations"] = static_cast<double>(counted);
}
BENCHMARK(BM_PassThroughStage)->Unit(benchmark::kMicrosecond)->Iterations(30'000);

}  // namespace
}  // namespace millrace::stages
