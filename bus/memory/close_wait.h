// Waiting inside a Close that needs others to act, for as long as its deadline allows.
//
// Threading: one thread at a time; the cell's wakes come from any.
#ifndef MILLRACE_BUS_MEMORY_CLOSE_WAIT_H_
#define MILLRACE_BUS_MEMORY_CLOSE_WAIT_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/memory/memory_core.h"

namespace millrace::bus {

// Takes over a cell: its owner is closing and asks for no more wakes.
class CloseWait : private Waker {
 public:
  explicit CloseWait(WakeCell& cell) : cell_(cell) { cell_.Set(this); }
  ~CloseWait() override { cell_.Set(nullptr); }
  CloseWait(const CloseWait&) = delete;
  CloseWait& operator=(const CloseWait&) = delete;

  // Waits for a wake or a slice of time; false once `left` is used up. Slices are counted rather than measured, because
  // `left` is of a clock that may be a test's: with that one standing still this ends too.
  bool For(Duration left) {
    if (left <= waited_) return false;
    std::unique_lock<std::mutex> lock(mutex_);
    woken_.wait_for(lock, kSlice, [this] { return awake_; });
    awake_ = false;
    waited_ += kSlice;
    return true;
  }

 private:
  static constexpr Duration kSlice = std::chrono::milliseconds(5);

  void Wake() override {
    std::lock_guard<std::mutex> lock(mutex_);
    awake_ = true;
    woken_.notify_one();
  }

  WakeCell& cell_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool awake_ = false;
  Duration waited_ = Duration::zero();
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_CLOSE_WAIT_H_
