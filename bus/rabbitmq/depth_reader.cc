#include "bus/rabbitmq/depth_reader.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace millrace::bus {
namespace {

constexpr uint32_t kChannel = 1;

std::unique_ptr<AmqpLink> LinkTo(const AmqpOptions& options, const Clock& clock, Waker& waker, AmqpLink** keep) {
  auto link = std::make_unique<AmqpLink>(options, clock, waker);
  *keep = link.get();
  return link;
}

}  // namespace

DepthReader::DepthReader(const AmqpOptions& options, const Clock& clock)
    : clock_(clock), session_(LinkTo(options, clock, waker_, &link_), {}, *this) {
  session_.Start(clock_.Now());
}

absl::StatusOr<std::vector<DepthReader::Count>> DepthReader::Read(const std::vector<std::string>& queues,
                                                                  MonotonicTime deadline) {
  queues_ = &queues;
  counts_.clear();
  status_ = absl::OkStatus();
  asking_ = false;
  AskNext();
  for (;;) {
    link_->Flush();
    session_.Poll(clock_.Now());
    link_->Flush();
    if (counts_.size() == queues.size() || !status_.ok() || clock_.Now() >= deadline) break;
    waker_.WaitUntil(std::min(deadline, session_.NextTimer()), clock_);
  }
  queues_ = nullptr;
  if (!status_.ok()) return status_;
  if (counts_.size() == queues.size()) return std::move(counts_);
  // What is still asked would be taken for the next answer.
  session_.Reset("no answer in time", clock_.Now());
  return absl::UnavailableError("the server does not say how much waits in queue '" + queues[counts_.size()] +
                                "': " + (why_.empty() ? "no answer in time" : why_));
}

void DepthReader::AskNext() {
  if (queues_ == nullptr || !channel_open_ || asking_ || !status_.ok() || counts_.size() == queues_->size()) return;
  asking_ = true;
  const std::string& queue = (*queues_)[counts_.size()];
  session_.Send({.method = Method::kQueueDeclare, .channel = kChannel, .passive = true, .queue = queue}, clock_.Now());
}

void DepthReader::OnUp() {
  why_.clear();
  session_.Send({.method = Method::kChannelOpen, .channel = kChannel}, clock_.Now());
}

void DepthReader::OnDown(const std::string& why) {
  channel_open_ = asking_ = false;
  why_ = why;
}

void DepthReader::OnEvent(Event& event) {
  switch (event.kind) {
    case EventKind::kChannelOpened:
      channel_open_ = true;
      return AskNext();
    case EventKind::kQueueDeclared:
      if (!asking_) return;
      asking_ = false;
      counts_.push_back({.ready = event.messages, .consumers = event.consumers});
      return AskNext();
    case EventKind::kChannelClosed:
      channel_open_ = asking_ = false;
      status_ = event.code == kNotFound ? absl::NotFoundError(event.text) : absl::UnavailableError(event.text);
      session_.Send({.method = Method::kChannelCloseOk, .channel = kChannel}, clock_.Now());
      session_.Send({.method = Method::kChannelOpen, .channel = kChannel}, clock_.Now());
      return;
    default:
      return;
  }
}

}  // namespace millrace::bus
