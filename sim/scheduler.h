// What happens when: events by time, and among those of one time in the order in which they were asked for.
//
// A 4-ary heap of small values: nothing is allocated once it has grown. Events are not taken back; whoever asked for one
// that has become void ignores it.
//
// Threading: one thread at a time.
#ifndef MILLRACE_SIM_SCHEDULER_H_
#define MILLRACE_SIM_SCHEDULER_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::sim {

enum class What : uint8_t {
  kTurn,      // a: instance; it asked to be called
  kToBroker,  // a: connection; bytes arrive
  kToClient,  // a: connection
  kBroker,    // something is due at the broker
  kFault,     // a: index into Plan::faults
  kHeal,      // a: index into Plan::faults
  kStart,     // a: slot; its next incarnation
  kResume,    // a: slot; the end of a pause
  kFeed,      // the feed has something to hand over, or to try again
  kAttempt,   // a: instance, b: which of its running groups
  kFiber,     // a: fiber call
  kLook,      // is there progress?
  kMend,      // a: slot; a delay ends
};

struct Event {
  int64_t at_ns = 0;
  uint64_t order = 0;
  uint64_t b = 0;
  uint32_t a = 0;
  What what = What::kTurn;
};

class Scheduler {
 public:
  bool empty() const { return heap_.empty(); }
  const Event& next() const { return heap_.front(); }

  void Add(int64_t at_ns, What what, uint32_t a = 0, uint64_t b = 0) {
    heap_.push_back({at_ns, order_++, b, a, what});
    Up(heap_.size() - 1);
  }
  Event Pop() {
    const Event top = heap_.front();
    heap_.front() = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) Down();
    return top;
  }
  void Clear() {
    heap_.clear();
    order_ = 0;
  }

 private:
  static bool Before(const Event& x, const Event& y) {
    return x.at_ns != y.at_ns ? x.at_ns < y.at_ns : x.order < y.order;
  }
  void Up(size_t i) {
    const Event event = heap_[i];
    while (i > 0) {
      const size_t parent = (i - 1) / 4;
      if (!Before(event, heap_[parent])) break;
      heap_[i] = heap_[parent];
      i = parent;
    }
    heap_[i] = event;
  }
  void Down() {
    const Event event = heap_.front();
    size_t i = 0;
    while (true) {
      const size_t first = i * 4 + 1;
      if (first >= heap_.size()) break;
      const size_t end = first + 4 < heap_.size() ? first + 4 : heap_.size();
      size_t least = first;
      for (size_t child = first + 1; child < end; ++child) {
        if (Before(heap_[child], heap_[least])) least = child;
      }
      if (!Before(heap_[least], event)) break;
      heap_[i] = heap_[least];
      i = least;
    }
    heap_[i] = event;
  }

  std::vector<Event> heap_;
  uint64_t order_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SCHEDULER_H_
