// The timers of a worker: earliest first, equal times in the order they were set.
#ifndef MILLRACE_STAGES_TIMER_HEAP_H_
#define MILLRACE_STAGES_TIMER_HEAP_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bus/clock.h"
#include "bus/partition.h"

namespace millrace::stages {

struct Timer {
  enum class Kind : uint8_t { kRetry, kGroup, kBreaker, kRevoke, kSpool };
  MonotonicTime at;
  Kind kind = Kind::kRetry;
  bus::Holding holding;  // kRetry, kRevoke
  uint64_t id = 0;       // kRetry: place; kGroup: group; kSpool: spool
  uint64_t order = 0;
};

class TimerHeap {
 public:
  void Set(Timer timer) {
    timer.order = ++order_;
    heap_.push_back(timer);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  MonotonicTime Next() const { return heap_.empty() ? MonotonicTime::Infinite() : heap_.front().at; }
  Timer Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Timer timer = heap_.back();
    heap_.pop_back();
    return timer;
  }

 private:
  static bool Later(const Timer& a, const Timer& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  std::vector<Timer> heap_;
  uint64_t order_ = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_TIMER_HEAP_H_
