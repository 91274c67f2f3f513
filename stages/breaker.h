// A stage's circuit breaker for outages: opens when an attempt is answered Unavailable, lets one message through after
// a back-off, closes when that one got any other answer. Opens without limit; outages use up no attempts.
//
// Threading: a value of the worker.
#ifndef MILLRACE_STAGES_BREAKER_H_
#define MILLRACE_STAGES_BREAKER_H_

#include <algorithm>
#include <cstdint>

#include "bus/clock.h"

namespace millrace::stages {

// initial × 2^n, at most `max`, for n = 0, 1, …
inline Duration Doubling(Duration initial, Duration max, uint32_t n) {
  const int64_t factor = int64_t{1} << std::min<uint32_t>(n, 30);
  return initial.count() > max.count() / factor ? max : initial * factor;
}

class Breaker {
 public:
  enum class State { kClosed, kOpen, kProbing };

  Breaker(Duration initial, Duration max) : initial_(initial), max_(max) {}

  State state() const { return state_; }
  // Groups may be dispatched freely.
  bool closed() const { return state_ == State::kClosed; }
  // One single message may be dispatched to see whether the outage is over.
  bool MayProbe(MonotonicTime now) const { return state_ == State::kOpen && now >= retry_at_; }
  void Probe() { state_ = State::kProbing; }
  MonotonicTime retry_at() const { return retry_at_; }
  MonotonicTime open_since() const { return open_since_; }

  // An attempt was answered Unavailable. True when the breaker (re)opened and a timer for retry_at() is due.
  bool Unavailable(MonotonicTime now) {
    if (state_ == State::kOpen) return false;
    if (state_ == State::kClosed) open_since_ = now;
    state_ = State::kOpen;
    retry_at_ = now + Doubling(initial_, max_, failures_++);
    return true;
  }
  // An attempt was answered anything else.
  void Answered() {
    state_ = State::kClosed;
    failures_ = 0;
  }

 private:
  Duration initial_, max_;
  State state_ = State::kClosed;
  uint32_t failures_ = 0;
  MonotonicTime retry_at_;
  MonotonicTime open_since_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_BREAKER_H_
