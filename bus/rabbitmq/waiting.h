// A waker that its owner can wait for, and that passes each call on.
//
// Threading: Wake from any thread. Ownership: the next waker outlives it.
#ifndef MILLRACE_BUS_RABBITMQ_WAITING_H_
#define MILLRACE_BUS_RABBITMQ_WAITING_H_

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "bus/clock.h"
#include "bus/driver.h"

namespace millrace::bus {

class WaitingWaker : public Waker {
 public:
  explicit WaitingWaker(Waker* next = nullptr) : next_(next) {}

  void Wake() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      woken_ = true;
      changed_.notify_all();
    }
    if (next_ != nullptr) next_->Wake();
  }

  // Returns when woken since the last call, or at `until`.
  void WaitUntil(MonotonicTime until, const Clock& clock) {
    std::unique_lock<std::mutex> lock(mutex_);
    // In pieces: a wait that is too long for the system's clock would overflow in it.
    constexpr Duration kPiece = std::chrono::seconds(60);
    for (Duration left = until - clock.Now(); !woken_ && left > Duration::zero(); left = until - clock.Now()) {
      changed_.wait_for(lock, std::min(left, kPiece));
    }
    woken_ = false;
  }

 private:
  Waker* const next_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_WAITING_H_
