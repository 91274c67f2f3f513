#include "stages/publish_lanes.h"

#include <algorithm>

#include "bus/check.h"
#include "stages/breaker.h"

namespace millrace::stages {

PublishLanes::PublishLanes(const std::vector<int32_t>& topic_partitions, Duration backoff_initial, Duration backoff_max,
                           bool in_transactions, Owner* owner)
    : backoff_initial_(backoff_initial), backoff_max_(backoff_max), in_transactions_(in_transactions), owner_(owner) {
  for (size_t topic = 0; topic < topic_partitions.size(); ++topic) {
    first_lane_.push_back(static_cast<uint32_t>(lanes_.size()));
    for (int32_t p = 0; p < topic_partitions[topic]; ++p) {
      lanes_.emplace_back();
      lanes_.back().topic = static_cast<int32_t>(topic);
      lanes_.back().partition = p;
    }
  }
}

uint32_t PublishLanes::LaneOf(const EncodedOutput& output) const {
  MR_CHECK(static_cast<size_t>(output.topic) < first_lane_.size()) << "no output topic " << output.topic;
  return first_lane_[static_cast<size_t>(output.topic)] + static_cast<uint32_t>(output.partition);
}

void PublishLanes::Enqueue(const PendingOutput& pending, Actions* actions) {
  const uint32_t index = LaneOf(pending.encoded());
  Lane& lane = lanes_[index];
  if (lane.blocked) {
    lane.queue.push(pending);
  } else {
    Send(index, pending, next_token_, actions);
  }
}

void PublishLanes::Send(uint32_t index, const PendingOutput& pending, uint64_t first_token, Actions* actions) {
  const EncodedOutput& output = pending.encoded();
  actions->outgoing.push_back({.topic = output.topic, .partition = output.partition, .message = output.message});
  Sent& sent = sent_.place();
  sent.lane = index;
  sent.answered = false;
  sent.first_token = first_token;
  sent.pending = pending;
  ++next_token_;
  ++lanes_[index].outstanding;
  ++outstanding_;
}

void PublishLanes::Flush(Actions* actions) {
  const uint64_t count = next_token_ - flushed_token_;
  if (count == 0) return;
  actions->list.push_back(
      PublishAction{.first = actions->outgoing.size() - count, .count = count, .first_token = flushed_token_});
  flushed_token_ = next_token_;
}

void PublishLanes::OnConfirmed(const bus::Confirm& confirm, MonotonicTime now) {
  for (uint64_t token = confirm.first; token < confirm.first + confirm.count; ++token) {
    MR_CHECK(token >= base_token_ && token < next_token_) << "answer for a publish that is not out: token " << token;
    Sent& slot = sent_[token - base_token_];
    MR_CHECK(!slot.answered) << "publish answered twice: token " << token;
    slot.answered = true;
    const Sent sent = slot;  // a copy: what the owner does with the answer may make sent_ grow
    Answer(sent, confirm.status, now);
  }
  while (!sent_.empty() && sent_.front().answered) {
    sent_.skip();
    ++base_token_;
  }
}

void PublishLanes::Answer(const Sent& sent, const absl::Status& status, MonotonicTime now) {
  Lane& lane = lanes_[sent.lane];
  --lane.outstanding;
  --outstanding_;
  // A dead letter is made to fit, so that nothing about it is permanent: it is kept and tried until it goes through.
  if (status.ok()) {
    lane.failures = 0;
    owner_->OutputConfirmed(sent.pending);
  } else if (status.code() == absl::StatusCode::kInvalidArgument && !sent.pending.dead_letter) {
    owner_->OutputRejected(sent.pending, status);
  } else if (in_transactions_) {
    owner_->OutputFailed(sent.pending, status);
  } else {
    lane.blocked = true;
    lane.why = status;
    lane.failed.emplace_back(sent.first_token, sent.pending);
  }
  if (lane.blocked && lane.outstanding == 0 && lane.retry_at == MonotonicTime::Infinite()) ScheduleRetry(lane, now);
}

void PublishLanes::ScheduleRetry(Lane& lane, MonotonicTime now) {
  // Back-pressure passes sooner than an outage.
  const Duration initial =
      lane.why.code() == absl::StatusCode::kResourceExhausted ? backoff_initial_ / 10 : backoff_initial_;
  lane.retry_at = now + Doubling(initial, backoff_max_, lane.failures++);
  waiting_.push_back(static_cast<uint32_t>(&lane - lanes_.data()));
}

MonotonicTime PublishLanes::NextTimer() const {
  MonotonicTime next = MonotonicTime::Infinite();
  for (uint32_t index : waiting_) next = std::min(next, lanes_[index].retry_at);
  return next;
}

void PublishLanes::OnTimer(MonotonicTime now, Actions* actions) {
  for (size_t i = 0; i < waiting_.size();) {
    const uint32_t index = waiting_[i];
    if (lanes_[index].retry_at > now) {
      ++i;
      continue;
    }
    waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(i));
    Republish(index, actions);
  }
}

void PublishLanes::Republish(uint32_t index, Actions* actions) {
  Lane& lane = lanes_[index];
  lane.retry_at = MonotonicTime::Infinite();
  lane.blocked = false;
  std::sort(lane.failed.begin(), lane.failed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto again = [&](const PendingOutput& pending, uint64_t first_token) {
    if (owner_->Live(pending)) {
      Send(index, pending, first_token, actions);
    } else {
      owner_->OutputDropped(pending);
    }
  };
  for (const auto& [first_token, pending] : lane.failed) again(pending, first_token);
  lane.failed.clear();
  while (!lane.queue.empty()) again(lane.queue.pop(), next_token_);
}

void PublishLanes::Explain(std::vector<std::string>* out) const {
  for (uint32_t index : waiting_) {
    const Lane& lane = lanes_[index];
    out->push_back("publishing to output topic " + std::to_string(lane.topic) + " partition " +
                   std::to_string(lane.partition) + " waits: " + std::string(lane.why.message()) + " (" +
                   std::to_string(lane.failed.size()) + " to publish again, " + std::to_string(lane.queue.size()) +
                   " behind them)");
  }
}

}  // namespace millrace::stages
