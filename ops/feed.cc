#include "ops/feed.h"

#include <algorithm>
#include <optional>

#include "stages/checkpoint.h"
#include "stages/durable_file.h"
#include "stages/journal.h"

namespace millrace::ops {
namespace {

// Publishing what goes on to other threads, and noticing Stop, at least this often.
constexpr Duration kTurn = std::chrono::milliseconds(100);
constexpr Duration kCloseGrace = std::chrono::seconds(10);

}  // namespace

absl::Status Feed::Open(const RunFolder& folder, stages::Feeder::From from,
                        std::function<bool(std::string_view)> settled) {
  const std::string checkpoint = folder.checkpoint(settings_.name);
  const absl::StatusOr<std::optional<stages::Checkpoint>> last = stages::LoadCheckpoint(checkpoint);
  if (!last.ok()) return last.status();
  absl::StatusOr<std::unique_ptr<stages::Journal>> opened =
      stages::Journal::Open(folder.journal(settings_.name), last->has_value() ? (*last)->journal_bytes : 0);
  if (!opened.ok()) return opened.status();
  journal_ = *std::move(opened);
  if (from == stages::Feeder::From::kBeginning) {
    if (absl::Status s = folder.WriteRefeed(settings_.name, journal_->records()); !s.ok()) return s;
    // It is of the feed whose bus is gone: should this one end before it writes its own, the next must not go on there.
    if (absl::Status s = stages::RemoveFile(checkpoint); !s.ok()) return s;
  }
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> driver =
      bus_->OpenProducer({.name = settings_.name, .topics = {settings_.topic}}, sleeper_);
  if (!driver.ok()) return driver.status();
  stages::FeederOptions options;
  options.source = settings_.source;
  options.partitions = settings_.partitions;
  options.gapless_publish = bus_->capabilities().gapless_publish;
  options.settled = std::move(settled);
  feeder_ = std::make_unique<stages::Feeder>(std::move(options), source_.get(), *std::move(driver), journal_.get(),
                                             checkpoint, clock_);
  return feeder_->Start(from);
}

void Feed::Run() {
  MonotonicTime published = clock_->Now();
  bool told_to_stop = false;
  while (!feeder_->Finished()) {
    const MonotonicTime now = clock_->Now();
    if (stopping_.load(std::memory_order_acquire)) {
      if (!told_to_stop) feeder_->Stop();
      told_to_stop = true;
      if (now.ns >= deadline_ns_.load()) break;
    }
    const bool busy = feeder_->Pump(now);
    if (!busy || now - published >= kTurn) {
      Publish();
      published = now;
    }
    if (!busy) sleeper_.SleepUntil(std::min(feeder_->NextTimer(), now + kTurn), *clock_);
  }
  absl::Status result = feeder_->Close(std::min(MonotonicTime{deadline_ns_.load()}, clock_->Now() + kCloseGrace));
  Publish();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    result_ = std::move(result);
  }
  done_.store(true, std::memory_order_release);
}

void Feed::Stop(MonotonicTime deadline) {
  deadline_ns_ = deadline.ns;
  stopping_.store(true, std::memory_order_release);
  sleeper_.Wake();
}

void Feed::Publish() {
  const stages::FeederStats stats = feeder_->stats();
  std::lock_guard<std::mutex> lock(mutex_);
  stats_ = stats;
  trouble_ = feeder_->trouble();
}

absl::Status Feed::result() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return result_;
}

stages::FeederStats Feed::Stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

absl::Status Feed::trouble() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return trouble_;
}

}  // namespace millrace::ops
