#include "bus/rabbitmq/blocking_channel.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace millrace::bus {
namespace {

std::unique_ptr<AmqpLink> LinkTo(const AmqpOptions& options, const Clock& clock, Waker& waker, AmqpLink** keep) {
  auto link = std::make_unique<AmqpLink>(options, clock, waker);
  *keep = link.get();
  return link;
}

}  // namespace

BlockingChannel::BlockingChannel(const AmqpOptions& options, const Clock& clock)
    : clock_(clock), session_(LinkTo(options, clock, waker_, &link_), {}, *this) {
  session_.Start(clock_.Now());
}

void BlockingChannel::Step(MonotonicTime deadline) {
  link_->Flush();
  const bool came = session_.Poll(clock_.Now());
  link_->Flush();
  if (!came) waker_.WaitUntil(std::min(deadline, session_.NextTimer()), clock_);
}

absl::Status BlockingChannel::Trouble() const {
  return absl::UnavailableError("RabbitMQ: " + (why_.empty() ? "the server does not answer in time" : why_));
}

absl::StatusOr<Event> BlockingChannel::Ask(const Request& request, MonotonicTime deadline) {
  const uint64_t losses = losses_;
  awaited_ = request.channel;
  answered_ = false;
  session_.Send(request, clock_.Now());
  while (!answered_) {
    if (losses != losses_ || clock_.Now() >= deadline) {
      awaited_ = 0;
      return Trouble();
    }
    Step(deadline);
  }
  awaited_ = 0;
  return std::move(answer_);
}

absl::StatusOr<Event> BlockingChannel::Call(Request request, MonotonicTime deadline) {
  if (request.channel == 0) request.channel = 1;
  while (!up_) {
    if (clock_.Now() >= deadline) return Trouble();
    Step(deadline);
  }
  if (open_.count(request.channel) == 0) {
    const absl::StatusOr<Event> opened = Ask({.method = Method::kChannelOpen, .channel = request.channel}, deadline);
    if (!opened.ok()) return opened.status();
    if (opened->kind != EventKind::kChannelOpened) return absl::UnavailableError("RabbitMQ: " + opened->text);
    open_.insert(request.channel);
  }
  return Ask(request, deadline);
}

void BlockingChannel::Send(const Request& request) {
  session_.Send(request, clock_.Now());
  link_->Flush();
}

absl::StatusOr<std::deque<Event>> BlockingChannel::Deliveries(MonotonicTime deadline) {
  const uint64_t losses = losses_;
  while (deliveries_.empty() && ended_.ok() && losses == losses_ && clock_.Now() < deadline) Step(deadline);
  if (losses != losses_) return Trouble();
  if (!ended_.ok()) return ended_;
  return std::exchange(deliveries_, {});
}

void BlockingChannel::OnDown(const std::string& why) {
  up_ = false;
  why_ = why;
  ++losses_;
  open_.clear();
  deliveries_.clear();
}

void BlockingChannel::OnEvent(Event& event) {
  if (event.kind == EventKind::kDelivered) {
    deliveries_.push_back(std::move(event));
    return;
  }
  if (event.kind == EventKind::kChannelClosed) {
    session_.Send({.method = Method::kChannelCloseOk, .channel = event.channel}, clock_.Now());
    open_.erase(event.channel);
    if (event.channel != awaited_) ended_ = absl::UnavailableError("RabbitMQ closed the channel: " + event.text);
  }
  if (event.kind == EventKind::kCancelled) {
    ended_ = absl::DataLossError("the queue was deleted while it was read");
    return;
  }
  if (event.channel != awaited_ || awaited_ == 0) return;
  answer_ = std::move(event);
  answered_ = true;
}

}  // namespace millrace::bus
