#include "bus/memory/queue_producer.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {
namespace {

constexpr uint32_t kChannel = 1;

size_t HeadBytes(const Message& message) {
  return message.headers.block().size() + (message.key ? message.key->size() : 0);
}

// Whether a message can be taken at all; Check says why not.
[[gnu::always_inline]] inline bool Fits(const Outgoing& out, std::span<const QueueTopic> topics,
                                        const QueueProducerOptions& options) {
  // What is negative becomes more than there can be.
  if (static_cast<size_t>(out.topic) >= topics.size()) return false;
  const QueueTopic& topic = topics[static_cast<size_t>(out.topic)];
  if (topic.ordered && static_cast<uint32_t>(out.partition) >= static_cast<uint32_t>(topic.partitions)) return false;
  const size_t head = HeadBytes(out.message);
  return head <= options.headers_bytes_max &&
         head + (out.message.body ? out.message.body->size() : 0) <= options.message_bytes_max;
}

}  // namespace

QueueProducer::QueueProducer(std::vector<QueueTopic> topics, const QueueProducerOptions& options,
                             std::unique_ptr<QueueLink> link, MonotonicTime now)
    : topics_(std::move(topics)), options_(options), now_(now), session_(std::move(link), options.session, *this) {
  request_.method = Method::kPublish;
  request_.channel = kChannel;
  request_.mandatory = true;
  int32_t most = 1;
  for (const QueueTopic& topic : topics_) most = std::max(most, topic.partitions);
  for (int32_t p = 0; p < most; ++p) routing_keys_.push_back(std::to_string(p));
  session_.Start(now_);
}

// ---------------------------------------------------------------- publishing

// Why a message cannot be taken at all.
absl::Status QueueProducer::Check(const Outgoing& out) const {
  if (out.topic < 0 || static_cast<size_t>(out.topic) >= topics_.size()) {
    return absl::InvalidArgumentError("publish to topic number " + std::to_string(out.topic) + "; the producer has " +
                                      std::to_string(topics_.size()));
  }
  const QueueTopic& topic = topics_[static_cast<size_t>(out.topic)];
  if (topic.ordered && (out.partition < 0 || out.partition >= topic.partitions)) {
    return absl::InvalidArgumentError("publish to partition " + std::to_string(out.partition) + " of topic '" +
                                      topic.name + "', which has " + std::to_string(topic.partitions));
  }
  if (out.message.Bytes() > options_.message_bytes_max) {
    return absl::InvalidArgumentError("a message of " + std::to_string(out.message.Bytes()) + " bytes for topic '" +
                                      topic.name + "' is over the limit of " +
                                      std::to_string(options_.message_bytes_max));
  }
  return absl::InvalidArgumentError("key and headers of " + std::to_string(HeadBytes(out.message)) +
                                    " bytes for topic '" + topic.name + "' do not fit one frame, of which " +
                                    std::to_string(options_.headers_bytes_max) + " bytes are for them");
}

size_t QueueProducer::Publish(std::span<const Outgoing> messages, uint64_t first_token) {
  const std::span<const QueueTopic> topics(topics_);
  const size_t most = Taking() ? messages.size() : 0;
  size_t taken = 0;
  for (; taken < most && Room(); ++taken) {
    const Outgoing& out = messages[taken];
    const uint64_t token = first_token + taken;
    if (!Fits(out, topics, options_)) {
      Answer(token, Check(out));
      continue;
    }
    const QueueTopic& topic = topics[static_cast<size_t>(out.topic)];
    const uint64_t tag = first_tag_ + sent_.size();
    sent_.push_back({token, out.topic, State::kOpen});
    ++open_;
    request_.message_id = tag;  // a return carries properties, not tags
    if (topic.existing) {
      request_.exchange = topic.exchange;
      request_.routing_key = topic.routing_key;
    } else {
      request_.exchange = topic.name;
      request_.routing_key = routing_keys_[topic.ordered ? static_cast<size_t>(out.partition) : 0];
    }
    request_.message = out.message;
    session_.Send(request_, now_);
  }
  if (taken < messages.size()) starved_ = true;
  return taken;
}

// ---------------------------------------------------------------- answers

void QueueProducer::Answer(uint64_t token, const absl::Status& status) {
  if (!answers_.empty()) {
    Confirm& last = answers_.back();
    if (last.first + last.count == token && last.status == status) {
      ++last.count;
      return;
    }
  }
  answers_.push_back({token, 1, status});
}

void QueueProducer::Settle(Sent& sent, bool acked) {
  const std::string& topic = topics_[static_cast<size_t>(sent.topic)].name;
  if (sent.state == State::kReturned) {
    Answer(sent.token,
           absl::FailedPreconditionError("topic '" + topic +
                                         "' has no queue for this partition: no group is bound to it; apply "
                                         "the topology before publishing"));
  } else if (acked) {
    Answer(sent.token, absl::OkStatus());
  } else if (topics_[static_cast<size_t>(sent.topic)].backlog_bytes_max > 0) {
    Answer(sent.token,
           absl::ResourceExhaustedError("topic '" + topic + "' is full: a queue of it refused the message"));
  } else {
    Answer(sent.token, absl::UnavailableError("the broker refused a message for topic '" + topic + "'"));
  }
  sent.state = State::kDone;
  --open_;
}

void QueueProducer::OnConfirm(const Event& event) {
  const bool acked = event.kind == EventKind::kAcked;
  // What lies outside of what was sent is nothing we could answer.
  if (event.tag < first_tag_ || event.tag - first_tag_ >= sent_.size()) return;
  const size_t index = event.tag - first_tag_;
  for (size_t i = event.multiple ? 0 : index; i <= index; ++i) {
    if (sent_[i].state != State::kDone) Settle(sent_[i], acked);
  }
  while (!sent_.empty() && sent_.front().state == State::kDone) {
    sent_.pop_front();
    ++first_tag_;
  }
}

void QueueProducer::AnswerAll(const absl::Status& status, const std::string& missing) {
  for (size_t i = 0; i < sent_.size(); ++i) {
    Sent& sent = sent_[i];
    if (sent.state == State::kDone) continue;
    const std::string& topic = topics_[static_cast<size_t>(sent.topic)].name;
    if (sent.state == State::kReturned || topic == missing) {
      sent.state = State::kReturned;
      Settle(sent, false);
      continue;
    }
    Answer(sent.token, status);
    sent.state = State::kDone;
    --open_;
  }
  sent_.clear();
  first_tag_ = 1;  // tags begin anew on the next channel
  MR_DCHECK(open_ == 0) << "every publish is answered";
}

// ---------------------------------------------------------------- the connection

void QueueProducer::OnUp() {
  Request open{.method = Method::kChannelOpen, .channel = kChannel};
  session_.Send(open, now_);
  session_.Send({.method = Method::kConfirmSelect, .channel = kChannel}, now_);
}

void QueueProducer::OnDown(const std::string& why) {
  ready_ = false;
  reopen_at_ = MonotonicTime::Infinite();
  AnswerAll(absl::DeadlineExceededError("outcome unknown, " + why), "");
}

void QueueProducer::OnEvent(Event& event) {
  switch (event.kind) {
    case EventKind::kConfirmSelected:
      ready_ = true;
      return;
    case EventKind::kAcked:
    case EventKind::kNacked:
      return OnConfirm(event);
    case EventKind::kReturned:
      if (event.message_id >= first_tag_ && event.message_id - first_tag_ < sent_.size()) {
        Sent& sent = sent_[event.message_id - first_tag_];
        if (sent.state == State::kOpen) sent.state = State::kReturned;
      }
      return;
    case EventKind::kChannelClosed:
      return ChannelClosed(event);
    default:
      return;
  }
}

void QueueProducer::ChannelClosed(const Event& event) {
  ready_ = false;
  session_.Send({.method = Method::kChannelCloseOk, .channel = kChannel}, now_);
  std::string missing;
  for (const QueueTopic& topic : topics_) {
    if (event.code == kNotFound && event.text.find("'" + topic.name + "'") != std::string::npos) missing = topic.name;
  }
  AnswerAll(absl::DeadlineExceededError("outcome unknown, the broker closed the channel: " + event.text), missing);
  // At the pace of reconnecting: what closed it may do so again.
  reopen_at_ = now_ + options_.session.backoff_min;
}

// ---------------------------------------------------------------- driver

void QueueProducer::Poll(ProducerHandler& handler) {
  session_.Poll(now_);
  if (now_ >= reopen_at_ && session_.open()) {
    reopen_at_ = MonotonicTime::Infinite();
    OnUp();
    session_.Poll(now_);
  }
  // The handler may publish, which may answer: work on a list of its own.
  std::swap(answers_, telling_);
  for (const Confirm& confirm : telling_) handler.OnConfirmed(confirm);
  telling_.clear();
  if (starved_ && Writable()) {
    starved_ = false;
    handler.OnWritable();
  }
}

MonotonicTime QueueProducer::NextTimer() const {
  if (!answers_.empty()) return now_;
  return std::min(session_.NextTimer(), reopen_at_);
}

std::string QueueProducer::Pending() const {
  if (closed_) return "closed";
  if (session_.blocked()) return "the broker is in an alarm and reads no publishes";
  if (!ready_) return "no channel to the broker";
  if (open_ >= options_.window) return "the window of " + std::to_string(options_.window) + " unconfirmed publishes";
  if (!session_.writable()) return "a topic's backlog is full: waiting for its groups to settle";
  return "";
}

absl::Status QueueProducer::Close(ProducerHandler& handler, MonotonicTime) {
  Poll(handler);
  closed_ = true;
  absl::Status status;
  if (open_ > 0) {
    status =
        absl::DeadlineExceededError("closed with " + std::to_string(open_) + " publishes unanswered, outcome unknown");
    AnswerAll(status, "");
  }
  Poll(handler);
  session_.Close(now_);
  return status;
}

}  // namespace millrace::bus
