#include "ops/bench_feed.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/consumer.h"
#include "bus/message.h"
#include "bus/partition.h"
#include "bus/producer.h"
#include "ops/sleeper.h"
#include "stages/histogram.h"

namespace millrace::ops {
namespace {

constexpr size_t kBatch = 64;
constexpr uint64_t kWindow = 20'000;
constexpr Duration kLookEvery = std::chrono::milliseconds(2);

std::string Seconds(Duration time) { return std::to_string(time / std::chrono::seconds(1)) + " s"; }

// Publishes records one after the other.
class Feed : private bus::ProducerHandler {
 public:
  // `stamped`: bodies begin with the time they are sent at.
  Feed(const BenchOptions& options, std::unique_ptr<bus::ProducerDriver> driver, const Clock* clock, bool stamped)
      : options_(options),
        producer_(std::move(driver)),
        clock_(clock),
        stamped_(stamped),
        start_(clock->Now()),
        keys_(kBatch),
        headers_(kBatch),
        bodies_(kBatch, std::string(static_cast<size_t>(options.bytes), 'b')) {}

  // Sends what may be sent by now, and takes in answers.
  void Step() {
    const uint64_t due = Due();
    while (sent_ < due && sent_ - confirmed_ < kWindow) {
      const size_t size = std::min<uint64_t>(kBatch, due - sent_);
      const size_t taken = producer_.Publish(Batch(size)).count;
      sent_ += taken;
      if (taken < size) break;
    }
    producer_.Poll(*this);
  }
  absl::Status Close() {
    status_.Update(producer_.Close(*this, clock_->Now() + options_.patience));
    return status_;
  }
  uint64_t confirmed() const { return confirmed_; }
  const absl::Status& status() const { return status_; }
  MonotonicTime NextTimer() const {
    if (options_.rate == 0 || sent_ == options_.count) return producer_.NextTimer();
    return std::min(producer_.NextTimer(),
                    start_ + Duration(static_cast<int64_t>(sent_ * 1'000'000'000 / options_.rate)));
  }

 private:
  uint64_t Due() const {
    if (options_.rate == 0) return options_.count;
    const auto elapsed = static_cast<uint64_t>((clock_->Now() - start_).count());
    return std::min(options_.count, elapsed / 1'000 * options_.rate / 1'000'000 + 1);
  }

  std::span<const bus::Outgoing> Batch(size_t size) {
    batch_.clear();
    for (size_t i = 0; i < size; ++i) {
      const uint64_t n = sent_ + i;
      keys_[i] = "key-" + std::to_string(n % static_cast<uint64_t>(options_.keys));
      headers_[i].clear();
      bus::HeaderBuilder(&headers_[i])
          .Add("ce_specversion", "1.0")
          .Add("ce_id", "fill/" + std::to_string(n))
          .Add("ce_source", "/bench/fill");
      if (stamped_) {
        const std::string now = std::to_string(clock_->Now().ns) + " ";
        bodies_[i].replace(0, std::min(now.size(), bodies_[i].size()), now);
      }
      batch_.push_back({.topic = 0,
                        .partition = bus::PartitionOfKey(keys_[i], options_.partitions),
                        .message = {.key = keys_[i],
                                    .body = bodies_[i],
                                    .headers = bus::Headers(headers_[i]),
                                    .timestamp_ms = clock_->Wall().ns / 1'000'000}});
    }
    return batch_;
  }

  void OnConfirmed(const bus::Confirm& confirm) override {
    confirmed_ += confirm.count;
    status_.Update(confirm.status);
  }
  void OnWritable() override {}

  const BenchOptions& options_;
  bus::Producer producer_;
  const Clock* const clock_;
  const bool stamped_;
  const MonotonicTime start_;
  std::vector<std::string> keys_, headers_, bodies_;
  std::vector<bus::Outgoing> batch_;
  uint64_t sent_ = 0;
  uint64_t confirmed_ = 0;
  absl::Status status_;
};

absl::StatusOr<std::unique_ptr<Feed>> OpenFeed(const BenchOptions& options, bus::Bus* bus, const Clock* clock,
                                               bool stamped, Sleeper& sleeper) {
  auto driver = bus->OpenProducer({.name = "bench-fill", .topics = {options.in}}, sleeper);
  if (!driver.ok()) return driver.status();
  return std::make_unique<Feed>(options, *std::move(driver), clock, stamped);
}

// Whether something has happened lately.
class Patience {
 public:
  Patience(const BenchOptions& options, const Clock* clock) : options_(options), clock_(clock), at_(clock->Now()) {}
  absl::Status See(uint64_t progress, const std::string& what) {
    const MonotonicTime now = clock_->Now();
    if (progress != seen_) {
      seen_ = progress;
      at_ = now;
    }
    if (now - at_ <= options_.patience) return absl::OkStatus();
    return absl::DeadlineExceededError(what + " for " + Seconds(options_.patience) + ", after " +
                                       std::to_string(seen_) + " of " + std::to_string(options_.count));
  }

 private:
  const BenchOptions& options_;
  const Clock* const clock_;
  uint64_t seen_ = 0;
  MonotonicTime at_;
};

}  // namespace

absl::Status FillBenchTopic(const BenchOptions& options, bus::Bus* bus, const Clock* clock) {
  Sleeper sleeper;
  absl::StatusOr<std::unique_ptr<Feed>> feed = OpenFeed(options, bus, clock, /*stamped=*/false, sleeper);
  if (!feed.ok()) return feed.status();
  Patience patience(options, clock);
  while ((*feed)->confirmed() < options.count && (*feed)->status().ok()) {
    (*feed)->Step();
    if (absl::Status s = patience.See((*feed)->confirmed(), "no publish was confirmed"); !s.ok()) return s;
    sleeper.SleepUntil(std::min((*feed)->NextTimer(), clock->Now() + kLookEvery), *clock);
  }
  return (*feed)->Close();
}

absl::StatusOr<ProbeResult> ProbeBench(const BenchOptions& options, bus::Bus* bus, const Clock* clock) {
  Sleeper sleeper;
  bus::ConsumerOptions reading;
  reading.group = BenchReader(options);
  reading.topics = {options.out};
  reading.instance = "probe-0";
  auto driver = bus->OpenConsumer(reading, sleeper);
  if (!driver.ok()) return driver.status();
  bus::Consumer consumer(*std::move(driver), bus->capabilities());
  stages::Histogram latency;
  uint64_t came = 0;
  const auto take = [&](const bus::DeliveryBatch& batch) {
    const int64_t now = clock->Now().ns;
    for (const bus::Delivery& delivery : batch.deliveries) {
      const std::string_view body = delivery.message.body.value_or("");
      int64_t sent = 0;
      const bool stamp = std::from_chars(body.data(), body.data() + body.size(), sent).ec == std::errc();
      if (stamp && ++came > options.count / 10) latency.Add(now - sent);
    }
    consumer.SettleAll(batch).IgnoreError();
  };
  Patience patience(options, clock);
  const auto all = static_cast<size_t>(options.partitions);
  while (consumer.held() < all) {
    consumer.PollEach(take).IgnoreError();
    if (absl::Status s = patience.See(0, "the partitions of " + options.out + " were not assigned to the probe");
        !s.ok())
      return s;
    sleeper.SleepUntil(std::min(consumer.NextTimer(), clock->Now() + kLookEvery), *clock);
  }
  came = 0;
  latency = {};
  absl::StatusOr<std::unique_ptr<Feed>> feed = OpenFeed(options, bus, clock, /*stamped=*/true, sleeper);
  if (!feed.ok()) return feed.status();
  while (came < options.count && (*feed)->status().ok()) {
    (*feed)->Step();
    consumer.PollEach(take).IgnoreError();
    const absl::Status waited =
        patience.See(came, "nothing came out of " + options.out + "; is a stage at work? Nothing");
    if (!waited.ok()) return waited;
    sleeper.SleepUntil(std::min({(*feed)->NextTimer(), consumer.NextTimer(), clock->Now() + kLookEvery}), *clock);
  }
  if (absl::Status s = (*feed)->Close(); !s.ok()) return s;
  if (absl::Status s = consumer.Close(clock->Now() + options.patience); !s.ok()) return s;
  return ProbeResult{
      .records = latency.total(), .p50_ns = latency.QuantilePermille(500), .p99_ns = latency.QuantilePermille(990)};
}

}  // namespace millrace::ops
