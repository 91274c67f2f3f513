// Where an instance's loop sleeps, and what wakes it: reports of attempts, drivers with something to say, a wish to
// drain.
//
// Threading: Wake, Report and Drain from any thread; Take and Wait from the loop's.
#ifndef MILLRACE_STAGES_MAILBOX_H_
#define MILLRACE_STAGES_MAILBOX_H_

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "bus/driver.h"
#include "stages/attempt_runner.h"

namespace millrace::stages {

struct AttemptReport {
  AttemptGroup* group = nullptr;
  uint32_t from = 0, to = 0;
};

class Mailbox : public bus::Waker, public AttemptReporter {
 public:
  void Wake() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      woken_ = true;
    }
    signal_.notify_one();
  }
  void Report(AttemptGroup* group, uint32_t from, uint32_t to) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      reports_.push_back({group, from, to});
      woken_ = true;
    }
    signal_.notify_one();
  }
  // The earliest deadline counts.
  void Drain(MonotonicTime deadline) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!drain_ || deadline < *drain_) drain_ = deadline;
      woken_ = true;
    }
    signal_.notify_one();
  }

  // Swaps the reports into `out` (cleared first) and gives the drain deadline once. What arrives later wakes Wait.
  // Takes no lock while nothing has come.
  std::optional<MonotonicTime> Take(std::vector<AttemptReport>* out) {
    out->clear();
    if (!woken_.load(std::memory_order_acquire)) return std::nullopt;
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = false;
    out->swap(reports_);
    return std::exchange(drain_, std::nullopt);
  }
  // Whether something has come since the last Take.
  bool woken() const { return woken_.load(std::memory_order_acquire); }
  // Sleeps until something has come since the last Take, at most until `until`.
  void Wait(MonotonicTime until, const Clock& clock) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (woken_) return;
    if (until == MonotonicTime::Infinite()) {
      signal_.wait(lock, [this] { return woken_.load(); });
    } else if (const Duration left = until - clock.Now(); left.count() > 0) {
      signal_.wait_for(lock, left, [this] { return woken_.load(); });
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable signal_;
  std::atomic<bool> woken_ = false;  // written under the mutex
  std::vector<AttemptReport> reports_;
  std::optional<MonotonicTime> drain_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_MAILBOX_H_
