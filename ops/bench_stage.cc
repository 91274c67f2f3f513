#include "ops/bench_stage.h"

#include <sys/resource.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "bus/message.h"
#include "ops/sleeper.h"
#include "stages/attempt_runner.h"
#include "stages/executor.h"
#include "stages/instance.h"
#include "stages/spool.h"

namespace millrace::ops {
namespace {

constexpr char kStage[] = "mark";
constexpr char kSource[] = "/bench/mark";
constexpr Duration kWatchEvery = std::chrono::milliseconds(2);
constexpr Duration kWatchIdleEvery = std::chrono::milliseconds(50);  // looking costs more than a stage without work
constexpr Duration kDrainTime = std::chrono::seconds(20);

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// When the first record came, in both clocks.
struct FirstRecord {
  std::atomic<bool> seen{false};
  MonotonicTime at;
  double cpu = 0;
};

class MarkStage : public stages::Stage {
 public:
  MarkStage(FirstRecord* first, const Clock* clock) : first_(first), clock_(clock) {
    bus::HeaderBuilder(&headers_).Add("stage", kStage);
  }
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    if (!first_->seen.load(std::memory_order_relaxed)) {
      first_->at = clock_->Now();
      first_->cpu = CpuSeconds();
      first_->seen.store(true);
    }
    body_.assign(message.body.value_or(""));
    if (!body_.empty()) body_.back() = 'X';
    return outputs.Emit({.body = body_, .headers = bus::Headers(headers_)});
  }

 private:
  FirstRecord* const first_;
  const Clock* const clock_;
  std::string headers_;
  std::string body_;
};

// Whoever looks for a dead letter of a benchmark finds it on its topic, cut.
class NoSpool : public stages::Spool {
 public:
  absl::Status Keep(std::string_view, std::string_view) override { return absl::OkStatus(); }
};

}  // namespace

absl::StatusOr<BenchResult> RunBenchStage(const BenchOptions& options, bus::Bus* bus, const Clock* clock) {
  FirstRecord first;
  NoSpool spool;
  bus::SegmentPool pool(64 << 10);
  stages::InstanceConfig config;
  config.worker.stage = kStage;
  config.worker.inputs = {options.in};
  config.worker.topic_partitions = {options.partitions, 1};
  config.worker.dead_letter = {.name = BenchDeadTopic(options), .topic = 1, .partitions = 1};
  config.consumer.group = options.group;
  config.consumer.topics = {options.in};
  config.consumer.instance = "mark-0";
  config.producer = {.name = "mark-0", .topics = {options.out, BenchDeadTopic(options)}};
  config.spool = &spool;
  config.make_executor = [&](stages::AttemptReporter* reporter) {
    stages::AttemptRunner::Config runner;
    runner.outputs.stage = kStage;
    runner.outputs.source = kSource;
    runner.outputs.outputs = {{.name = "out", .topic = 0, .partitions = options.partitions}};
    runner.inputs = {options.in};
    return stages::MakeInlineExecutor(std::make_unique<stages::AttemptRunner>(
                                          runner, std::make_unique<MarkStage>(&first, clock), nullptr, &pool, clock),
                                      reporter);
  };
  stages::Instance instance(std::move(config), bus, clock);

  absl::Status watched;
  std::atomic<bool> ended{false};
  std::thread watcher([&] {
    Sleeper sleeper;
    uint64_t done = 0;
    MonotonicTime progress_at = clock->Now();
    while (!ended) {
      const MonotonicTime now = clock->Now();
      const uint64_t so_far = instance.Snapshot().stats.done;
      const bool moved = so_far != done;
      if (moved) {
        done = so_far;
        progress_at = now;
      }
      if (done < options.count && now - progress_at > options.patience) {
        watched = absl::DeadlineExceededError(
            "the stage has settled " + std::to_string(done) + " of " + std::to_string(options.count) +
            " records, and nothing has come for " + std::to_string(options.patience / std::chrono::seconds(1)) +
            " s; is there as much on " + options.in + "? `millrace bench fill` puts it there");
      }
      if (done >= options.count || !watched.ok()) {
        instance.Drain(now + kDrainTime);
        return;
      }
      sleeper.SleepUntil(now + (moved ? kWatchEvery : kWatchIdleEvery), *clock);
    }
  });
  const absl::Status ran = instance.Run();
  const MonotonicTime end = clock->Now();
  const double cpu = CpuSeconds();
  ended = true;
  watcher.join();
  if (!ran.ok()) return ran;
  if (!watched.ok()) return watched;
  const stages::WorkerStats stats = instance.Snapshot().stats;
  return BenchResult{.settled = stats.done,
                     .dead = stats.dead,
                     .elapsed_seconds = static_cast<double>((end - first.at).count()) * 1e-9,
                     .cpu_seconds = cpu - first.cpu};
}

}  // namespace millrace::ops
