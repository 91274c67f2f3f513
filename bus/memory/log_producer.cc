#include "bus/memory/log_producer.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {

absl::Status LogProducer::StatusOf(LogError error) {
  switch (error) {
    case LogError::kNone:
      return absl::OkStatus();
    case LogError::kMessageTooLarge:
      return absl::InvalidArgumentError(
          "the message is larger than the bus takes: raise message_bytes_max, or make it smaller");
    case LogError::kUnknownTopic:
      return absl::FailedPreconditionError(
          "the topic has no such partition: apply the topology, and choose partitions by its count");
    case LogError::kProducerFenced:
      return absl::AbortedError(
          "another producer has the same transactional id and has fenced this one: give each process a name of its "
          "own");
    case LogError::kProducerEpoch:
      return absl::AbortedError("the transaction took too long, and the broker has aborted it");
    default:
      return absl::UnavailableError("the broker refused the message (" + std::string(NameOf(error)) + ")");
  }
}

absl::Status LogProducer::StatusOf(const LogEvent& event) {
  if (event.detail != nullptr && !event.detail->trouble.ok()) return event.detail->trouble;
  return StatusOf(event.error);
}

LogProducer::LogProducer(std::vector<std::string> topics, const LogProducerOptions& options,
                         std::unique_ptr<LogLink> link, MonotonicTime now)
    : topics_(std::move(topics)), options_(options), link_(std::move(link)), now_(now), connect_at_(now) {
  // Over a direct link the first Publish finds everything ready.
  while (Pump()) {
  }
}

size_t LogProducer::Publish(std::span<const Outgoing> messages, uint64_t first_token) {
  MR_CHECK(!closed_) << "Publish after Close";
  if (gone_) {
    Answer(first_token, messages.size(), absl::AbortedError("the transaction that this belongs to is over"));
    due_ = due_ || in_poll_;
    return messages.size();
  }
  if (!connected()) {
    starved_ = starved_ || !messages.empty();
    return 0;
  }
  const size_t taken = link_->Produce(topic_ids_, messages, first_token, now_);
  if (taken > 0) {
    open_.Open(first_token, first_token + taken - 1);
    Begun();
  }
  if (taken < messages.size()) {
    starved_ = true;
    writable_ = false;  // until the broker says so
  }
  due_ = due_ || in_poll_;
  return taken;
}

bool LogProducer::Pump() {
  if (closed_) return false;
  if (!connected_ && !connecting_ && now_ >= connect_at_) {
    connecting_ = true;
    link_->Connect(now_);
  }
  StepTransaction();
  link_->Receive(events_);
  if (events_.empty()) return false;
  for (const LogEvent& event : events_) {
    switch (event.kind) {
      case LogEventKind::kProduced:
        OnProduced(event);
        break;
      case LogEventKind::kWritable:
        writable_ = true;
        break;
      case LogEventKind::kConnected:
        connected_ = true;
        connecting_ = false;
        failures_ = 0;
        writable_ = connected();
        if (topic_ids_.empty()) AskMetadata();
        break;
      case LogEventKind::kDisconnected:
        OnDisconnected(event);
        break;
      case LogEventKind::kTrouble:  // a producer tells by its answers
        break;
      case LogEventKind::kReply:
        if (event.method == LogMethod::kMetadata) {
          OnMetadata(event);
        } else {
          OnTransactionReply(event);
        }
        break;
    }
  }
  events_.clear();
  return true;
}

void LogProducer::AskMetadata() {
  std::vector<std::string> names = topics_;
  const std::vector<std::string>& inputs = options_.transaction.inputs;
  names.insert(names.end(), inputs.begin(), inputs.end());
  link_->Send({.method = LogMethod::kMetadata, .id = 1, .topics = names}, now_);
}

void LogProducer::OnMetadata(const LogEvent& event) {
  for (const LogTopicInfo& topic : event.detail->topics) {
    (topic_ids_.size() < topics_.size() ? topic_ids_ : input_ids_).push_back(topic.id);
  }
  writable_ = connected();
}

void LogProducer::OnDisconnected(const LogEvent& event) {
  link_->Drop(now_);
  connected_ = connecting_ = false;
  const uint32_t before = std::max(failures_, refusals_);
  connect_at_ = now_ + std::min(options_.reconnect_max, options_.reconnect_min * (int64_t{1} << std::min(before, 16u)));
  ++failures_;
  const absl::Status words = event.detail != nullptr ? event.detail->trouble : absl::OkStatus();
  if (!words.ok()) ++refusals_;
  const absl::Status unknown = absl::DeadlineExceededError(
      "the connection went before the broker had answered: the message may be there or not");
  if (!transactional()) {
    AnswerOpen(unknown);
    return Trouble(words);
  }
  LogError error = event.error;
  // A broker may call both by one name; before its time is up it has aborted nobody's transaction but for another producer.
  if (error == LogError::kProducerFenced && begun_ && now_ >= began_ + options_.transaction.timeout)
    error = LogError::kProducerEpoch;
  AnswerOpen(Fences(error) ? StatusOf(error) : unknown);
  OnSessionLost(Fences(error) ? StatusOf(error) : unknown);
  if (error == LogError::kNone) return;
  RetryLater();
  Trouble(words.ok() ? StatusOf(error) : words);
}

// Of one partition in the order of its publishes, of several as they come.
void LogProducer::OnProduced(const LogEvent& event) {
  const uint64_t last = event.id + event.count - 1;
  MR_CHECK(open_.AllOpen(event.id, last)) << "the broker answers what was not published";
  open_.Close(event.id, last);
  const absl::Status status = StatusOf(event);
  Answer(event.id, event.count, status);
  if (status.ok()) refusals_ = 0;
  if (event.detail != nullptr || event.error == LogError::kUnknownTopic)
    Trouble(absl::UnavailableError(status.message()));
  if (Fences(event.error)) OnFenced(event.error);
}

void LogProducer::AnswerOpen(const absl::Status& status) {
  const OpenSet open = std::exchange(open_, {});
  open.EachRun([&](uint64_t first, uint64_t last) { Answer(first, last - first + 1, status); });
}

void LogProducer::Answer(uint64_t first, uint64_t count, const absl::Status& status) {
  answered_messages_ += count;
  if (!answers_.empty()) {
    Confirm& last = answers_.back();
    if (last.status.ok() && status.ok() && last.first + last.count == first && last.count + count <= UINT32_MAX) {
      last.count += static_cast<uint32_t>(count);
      return;
    }
  }
  answers_.push_back({first, static_cast<uint32_t>(count), status});
}

bool LogProducer::Tell(ProducerHandler& handler) {
  bool told = false;
  if (!answers_.empty()) {
    std::swap(answers_, telling_);
    for (const Confirm& confirm : telling_) {
      answered_messages_ -= confirm.count;
      handler.OnConfirmed(confirm);
    }
    telling_.clear();
    told = true;
  }
  if (ended_.has_value()) {
    const absl::Status status = *std::exchange(ended_, std::nullopt);
    handler.OnEnded(status);
    told = true;
  }
  for (const absl::Status& trouble : std::exchange(troubles_, {})) {
    handler.OnTrouble(trouble);
    told = true;
  }
  if (starved_ && writable_) {
    starved_ = writable_ = false;
    handler.OnWritable();
    told = true;
  }
  return told;
}

void LogProducer::Poll(ProducerHandler& handler) {
  MR_CHECK(!in_poll_) << "Poll was called inside a handler's call";
  in_poll_ = true;
  due_ = false;
  while (Pump()) {
  }
  Tell(handler);
  in_poll_ = false;
}

MonotonicTime LogProducer::NextTimer() const {
  if (closed_) return MonotonicTime::Infinite();
  if (due_ || !answers_.empty() || ended_.has_value() || !troubles_.empty() || (starved_ && writable_)) return now_;
  if (!connected_ && !connecting_) return connect_at_;
  return WantsStep() ? std::max(now_, retry_at_) : MonotonicTime::Infinite();
}

absl::Status LogProducer::Close(ProducerHandler& handler, MonotonicTime) {
  if (closed_) return absl::OkStatus();
  while (Pump()) {
  }
  const bool open = !open_.empty();
  const absl::Status unknown =
      absl::DeadlineExceededError("closed before the broker had answered: the message may be there or not");
  AnswerOpen(unknown);
  starved_ = false;
  closed_ = true;
  ended_.reset();
  // Readers need not wait for the time-out. What is being committed is: nobody here can take that back.
  if (begun_ && ending_ != Ending::kEnd && ending_ != Ending::kResolve && connected()) SendEnd(/*commit=*/false);
  Tell(handler);
  link_->Drop(now_);
  return open ? unknown : absl::OkStatus();
}

}  // namespace millrace::bus
