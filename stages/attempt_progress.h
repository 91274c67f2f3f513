// Where an executor is within a group of attempts: which item runs, and since when. The thread that runs the group writes
// it before each item, the instance's loop reads it when a time-out may be due. So a time-out counts from the moment its
// message began, and costs three plain stores a message and no event.
//
//   progress.Begin(3, 4, clock.Now());         // the runner: item 3 begins
//   AttemptProgress::Reading r = progress.Read();  // the loop: r.from == 3, r.to == 4
//
// Threading: Begin on the thread that runs the group, Read from any, Clear while nobody runs it.
#ifndef MILLRACE_STAGES_ATTEMPT_PROGRESS_H_
#define MILLRACE_STAGES_ATTEMPT_PROGRESS_H_

#include <atomic>
#include <cstdint>

#include "bus/clock.h"

namespace millrace::stages {

class AttemptProgress {
 public:
  // Items [from, to) run since `since`, all in one call: one item, but for batch stages. None: nothing has begun, or the
  // next is about to.
  struct Reading {
    uint32_t from = 0, to = 0;
    MonotonicTime since;
  };

  void Begin(uint32_t from, uint32_t to, MonotonicTime now) {
    items_.store(kNone, std::memory_order_relaxed);
    since_.store(now.ns, std::memory_order_release);
    items_.store(static_cast<uint64_t>(from) << 32 | to, std::memory_order_release);
  }
  void Clear() { items_.store(kNone, std::memory_order_relaxed); }

  Reading Read() const {
    const uint64_t items = items_.load(std::memory_order_acquire);
    const int64_t since = since_.load(std::memory_order_acquire);
    // No two calls of a group have the same items: if they are the same as before, the time between belongs to them.
    if (items == kNone || items_.load(std::memory_order_relaxed) != items) return {};
    return {.from = static_cast<uint32_t>(items >> 32), .to = static_cast<uint32_t>(items), .since = {since}};
  }

 private:
  static constexpr uint64_t kNone = 0;
  std::atomic<uint64_t> items_{kNone};  // from, to
  std::atomic<int64_t> since_{0};
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_ATTEMPT_PROGRESS_H_
