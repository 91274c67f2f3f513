#include "bus/memory/queue_session.h"

#include <algorithm>
#include <utility>

#include "bus/random.h"

namespace millrace::bus {
namespace {

// Rounds of one Poll: a handshake needs a few when answers come at once; more would keep the caller from its other
// work.
constexpr int kRoundsMax = 16;

}  // namespace

QueueSession::QueueSession(std::unique_ptr<QueueLink> link, const QueueSessionOptions& options, Host& host)
    : link_(std::move(link)), options_(options), host_(host) {}

void QueueSession::Start(MonotonicTime now) {
  state_ = State::kConnecting;
  heard_at_ = now;
  ++connects_;
  link_->Connect(now);
}

bool QueueSession::Poll(MonotonicTime now) {
  came_ = false;
  if (state_ == State::kDown && now >= retry_at_) {
    retry_at_ = MonotonicTime::Infinite();
    Start(now);
  }
  for (int i = 0; i < kRoundsMax && Round(now); ++i) {
  }
  if (options_.heartbeat == Duration::zero() || state_ == State::kDown || state_ == State::kClosed) return came_;
  if (now - heard_at_ >= 2 * options_.heartbeat) {
    Reset("the server has been silent for too long", now);
    return true;
  }
  Beat(now);
  return came_;
}

void QueueSession::Beat(MonotonicTime now) {
  if (state_ != State::kOpen || now < beat_at_) return;
  beat_at_ = now + options_.heartbeat / 2;
  link_->Send({.method = Method::kHeartbeat}, now);
}

void QueueSession::KeepAlive(MonotonicTime now) {
  if (state_ != State::kOpen || options_.heartbeat == Duration::zero()) return;
  link_->Receive(events_);
  if (!events_.empty()) heard_at_ = now;
  for (Event& event : events_) waiting_.push_back(std::move(event));
  events_.clear();
  Beat(now);
}

// Whether it is worth another look at once.
bool QueueSession::Round(MonotonicTime now) {
  if (state_ == State::kDown || state_ == State::kClosed) return false;
  if (waiting_.empty()) {
    link_->Receive(events_);
    if (events_.empty()) return false;
    heard_at_ = now;
  } else {
    events_.swap(waiting_);
  }
  came_ = true;
  // Messages of a connection that has ended meanwhile are others' already: nobody needs to begin with them.
  const bool ended = events_.back().kind == EventKind::kConnectionClosed;
  bool delivered = false;
  for (Event& event : events_) {
    if (ended && event.kind == EventKind::kDelivered) continue;
    delivered = delivered || event.kind == EventKind::kDelivered;
    Handle(event, now);
    if (state_ == State::kDown || state_ == State::kClosed) break;
  }
  events_.clear();
  return !delivered;
}

void QueueSession::Handle(Event& event, MonotonicTime now) {
  switch (event.kind) {
    case EventKind::kConnectionOpened:
      if (state_ != State::kConnecting) return;
      state_ = State::kOpen;
      failures_ = 0;
      beat_at_ = options_.heartbeat == Duration::zero() ? MonotonicTime::Infinite() : now + options_.heartbeat / 2;
      host_.OnUp();
      return;
    case EventKind::kConnectionClosed: {
      const std::string text = event.text.empty() ? "connection lost" : event.text;
      Down(text, now);
      return;
    }
    case EventKind::kBlocked:
      blocked_ = true;
      return;
    case EventKind::kUnblocked:
      blocked_ = false;
      return;
    case EventKind::kWritable:
    case EventKind::kHeartbeat:
      return;
    default:
      host_.OnEvent(event);
  }
}

void QueueSession::Down(const std::string& why, MonotonicTime now) {
  const bool closing = state_ == State::kClosing;
  state_ = closing ? State::kClosed : State::kDown;
  blocked_ = false;
  waiting_.clear();
  beat_at_ = MonotonicTime::Infinite();
  if (!closing) {
    // Doubling pauses; a quarter of jitter keeps a crowd from coming back at one moment.
    const uint32_t doublings = std::min(failures_++, 20u);
    const Duration pause = std::min(options_.backoff_min * (int64_t{1} << doublings), options_.backoff_max);
    const uint64_t jitter =
        Random(options_.salt).Below(/*purpose=*/0x73, {connects_}, static_cast<uint64_t>(pause.count()) / 4 + 1);
    retry_at_ = now + pause + Duration(static_cast<int64_t>(jitter));
  }
  host_.OnDown(why);
}

void QueueSession::Send(const Request& request, MonotonicTime now) {
  if (state_ == State::kOpen) link_->Send(request, now);
}

void QueueSession::Close(MonotonicTime now) {
  if (state_ == State::kOpen) {
    link_->Send({.method = Method::kConnectionClose}, now);
    state_ = State::kClosing;
  } else if (state_ != State::kClosing) {
    link_->Drop(now);
    state_ = State::kClosed;
  }
}

void QueueSession::Reset(const std::string& why, MonotonicTime now) {
  if (state_ == State::kDown || state_ == State::kClosed) return;
  link_->Drop(now);
  Down(why, now);
}

MonotonicTime QueueSession::NextTimer() const {
  if (state_ == State::kClosed) return MonotonicTime::Infinite();
  if (state_ == State::kDown) return retry_at_;
  if (!waiting_.empty()) return heard_at_;
  if (options_.heartbeat == Duration::zero()) return MonotonicTime::Infinite();
  return std::min(beat_at_, heard_at_ + 2 * options_.heartbeat);
}

}  // namespace millrace::bus
