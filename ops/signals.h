// SIGTERM and SIGINT as something to ask about. The first asks the run to end, another a second or more later ends the
// process at once.
//
// Make it before any thread, so that all of them leave these signals to it. One in a process.
//
// Threading: count() from any thread.
#ifndef MILLRACE_OPS_SIGNALS_H_
#define MILLRACE_OPS_SIGNALS_H_

#include <atomic>
#include <chrono>
#include <thread>

#include "bus/driver.h"

namespace millrace::ops {

class Signals {
 public:
  // `waker` is woken when one has come.
  explicit Signals(bus::Waker* waker);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int count() const { return count_.load(std::memory_order_acquire); }

 private:
  void Watch();

  bus::Waker* const waker_;
  int signal_fd_ = -1;
  int end_fd_ = -1;
  std::atomic<int> count_{0};
  std::chrono::steady_clock::time_point first_;  // the watching thread's
  std::thread thread_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIGNALS_H_
