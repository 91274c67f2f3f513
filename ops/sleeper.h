// Where a loop around drivers sleeps until one of them has something to say.
//
// Threading: Wake from any thread; SleepUntil from the loop's.
#ifndef MILLRACE_OPS_SLEEPER_H_
#define MILLRACE_OPS_SLEEPER_H_

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "bus/clock.h"
#include "bus/driver.h"

namespace millrace::ops {

class Sleeper : public bus::Waker {
 public:
  void Wake() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      woken_ = true;
    }
    signal_.notify_one();
  }
  // Returns at `until`, or when there was a Wake since the last return.
  void SleepUntil(MonotonicTime until, const Clock& clock) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (until == MonotonicTime::Infinite()) {
      signal_.wait(lock, [this] { return woken_; });
    } else {
      signal_.wait_for(lock, std::max(until - clock.Now(), Duration(0)), [this] { return woken_; });
    }
    woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable signal_;
  bool woken_ = false;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SLEEPER_H_
