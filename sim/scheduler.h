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
  uint64_t b = 0;
  uint32_t a = 0;
  What what = What::kTurn;
};

class Scheduler {
 public:
  bool empty() const { return heap_.empty(); }

  void Add(int64_t at_ns, What what, uint32_t a = 0, uint64_t b = 0) {
    const Waiting waiting{at_ns, order_++ << 8 | static_cast<uint64_t>(what), b, a};
    heap_.push_back(waiting);
    Up(waiting);
  }
  Event Pop() {
    const Waiting top = heap_.front();
    const Waiting last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) Down(last);
    return {top.at_ns, top.b, top.a, static_cast<What>(top.order & 255)};
  }
  void Clear() {
    heap_.clear();
    order_ = 0;
  }

 private:
  struct Waiting {
    int64_t at_ns = 0;
    uint64_t order = 0;  // and below it, what
    uint64_t b = 0;
    uint32_t a = 0;
  };
  static bool Before(const Waiting& x, const Waiting& y) {
    return x.at_ns != y.at_ns ? x.at_ns < y.at_ns : x.order < y.order;
  }
  // From the last place.
  void Up(const Waiting& waiting) {
    size_t i = heap_.size() - 1;
    while (i > 0) {
      const size_t parent = (i - 1) / 4;
      if (!Before(waiting, heap_[parent])) break;
      heap_[i] = heap_[parent];
      i = parent;
    }
    heap_[i] = waiting;
  }
  // From the first.
  void Down(const Waiting& waiting) {
    Waiting* const heap = heap_.data();
    const size_t size = heap_.size();
    size_t i = 0;
    while (true) {
      const size_t first = i * 4 + 1;
      if (first >= size) break;
      const size_t end = first + 4 < size ? first + 4 : size;
      size_t least = first;
      for (size_t child = first + 1; child < end; ++child) {
        if (Before(heap[child], heap[least])) least = child;
      }
      if (!Before(heap[least], waiting)) break;
      heap[i] = heap[least];
      i = least;
    }
    heap[i] = waiting;
  }

  std::vector<Waiting> heap_;
  uint64_t order_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SCHEDULER_H_
