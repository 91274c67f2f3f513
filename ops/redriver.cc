#include "ops/redriver.h"

#include <algorithm>
#include <utility>

namespace millrace::ops {
namespace {

constexpr size_t kBatchMax = 500;
constexpr size_t kBatchBytes = 4 << 20;
constexpr Duration kConfirmTime = std::chrono::seconds(60);

}  // namespace

Redriver::Redriver(bus::Bus& bus, std::vector<std::string> topics, const Clock& clock, double rate)
    : bus_(bus), topics_(std::move(topics)), clock_(clock), rate_(rate) {}

absl::Status Redriver::Open() {
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> driver =
      bus_.OpenProducer({.name = "redrive", .topics = topics_}, sleeper_);
  if (!driver.ok()) return driver.status();
  producer_ = std::make_unique<bus::Producer>(*std::move(driver));
  started_ = clock_.Now();
  return absl::OkStatus();
}

absl::Status Redriver::Add(bus::KeptReader& reader, uint64_t place, const std::string& topic, int32_t partition,
                           const bus::Message& message) {
  Waiting& waiting = batch_.emplace_back();
  waiting.place = place;
  waiting.topic = static_cast<int32_t>(std::find(topics_.begin(), topics_.end(), topic) - topics_.begin());
  waiting.partition = partition;
  waiting.has_key = message.key.has_value();
  waiting.has_body = message.body.has_value();
  waiting.key = message.key.value_or("");
  waiting.body = message.body.value_or("");
  waiting.headers = message.headers.block();
  waiting.timestamp_ms = message.timestamp_ms;
  batch_bytes_ += message.Bytes();
  // A tenth of a second's worth, so that a slow rate is even.
  const size_t most = rate_ > 0 ? std::clamp<size_t>(static_cast<size_t>(rate_ / 10), 1, kBatchMax) : kBatchMax;
  return batch_.size() >= most || batch_bytes_ >= kBatchBytes ? Flush(reader) : absl::OkStatus();
}

absl::Status Redriver::Finish(bus::KeptReader& reader) {
  absl::Status flushed = Flush(reader);
  if (producer_ != nullptr) flushed.Update(producer_->Close(*this, clock_.Now() + kConfirmTime));
  return flushed;
}

absl::Status Redriver::Flush(bus::KeptReader& reader) {
  if (batch_.empty()) return absl::OkStatus();
  if (rate_ > 0) {
    const MonotonicTime due = started_ + Duration(static_cast<int64_t>(static_cast<double>(sent_) / rate_ * 1e9));
    while (clock_.Now() < due) sleeper_.SleepUntil(due, clock_);
  }
  sent_ += batch_.size();
  const absl::Status published = PublishAll();
  std::vector<uint64_t> confirmed;
  for (const Waiting& waiting : batch_) {
    if (!waiting.answered) continue;
    if (waiting.status.ok()) {
      confirmed.push_back(waiting.place);
    } else {
      ++refused_[std::string(waiting.status.message())];
    }
  }
  batch_.clear();
  batch_bytes_ = 0;
  absl::Status removed = reader.Remove(confirmed, "redriven");
  if (removed.ok()) redriven_ += confirmed.size();
  return published.ok() ? removed : published;
}

absl::Status Redriver::PublishAll() {
  std::vector<bus::Outgoing> outgoing;
  for (const Waiting& waiting : batch_) {
    bus::Outgoing& out = outgoing.emplace_back();
    out.topic = waiting.topic;
    out.partition = waiting.partition;
    if (waiting.has_key) out.message.key = waiting.key;
    if (waiting.has_body) out.message.body = waiting.body;
    out.message.headers = bus::Headers(waiting.headers);
    out.message.timestamp_ms = waiting.timestamp_ms;
  }
  first_token_ = producer_->next_token();
  const MonotonicTime deadline = clock_.Now() + kConfirmTime;
  size_t taken = 0;
  while (taken < outgoing.size() || producer_->Pending() > 0) {
    if (clock_.Now() >= deadline) {
      return absl::UnavailableError(
          "the broker has not confirmed within a minute; what it had not is still among the dead letters, and may "
          "be at its stage too, under the same id");
    }
    writable_ = false;
    taken += producer_->Publish(std::span(outgoing).subspan(taken)).count;
    producer_->Poll(*this);
    // Told that there is room: no other Wake need come.
    const bool at_once = taken < outgoing.size() && writable_;
    if (!at_once && (taken < outgoing.size() || producer_->Pending() > 0))
      sleeper_.SleepUntil(std::min(deadline, producer_->NextTimer()), clock_);
  }
  return absl::OkStatus();
}

void Redriver::OnConfirmed(const bus::Confirm& confirm) {
  for (uint64_t token = confirm.first; token < confirm.first + confirm.count; ++token) {
    if (token < first_token_ || token - first_token_ >= batch_.size()) continue;
    Waiting& waiting = batch_[token - first_token_];
    waiting.answered = true;
    waiting.status = confirm.status;
  }
}

}  // namespace millrace::ops
