// What happens when: events by time, and among those of one time in the order in which they were asked for.
//
// A sorted row of small values, the next one at its end: a few dozen wait at a time, and most of what is added is due before
// nearly all of them, so that it finds its place in a few steps and moves little. Nothing is allocated once it has grown.
// Events are not taken back; whoever asked for one that has become void ignores it.
//
// Threading: one thread at a time.
#ifndef MILLRACE_SIM_SCHEDULER_H_
#define MILLRACE_SIM_SCHEDULER_H_

#include <algorithm>
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
  kAlive,     // a: slot; its client libraries' own threads have something to do while it is stuck
  kLinger,    // a: connection, b: slot; its producer's library sends what it has kept back
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
  bool empty() const { return row_.empty(); }

  void Add(int64_t at_ns, What what, uint32_t a = 0, uint64_t b = 0) {
    // Later than all of its time: it comes in front of whatever is due no later.
    size_t place = row_.size();
    const size_t near = place > kNear ? place - kNear : 0;
    while (place > near && row_[place - 1].at_ns <= at_ns) --place;
    if (place == near && place > 0) {
      const auto end = row_.begin() + static_cast<ptrdiff_t>(place);
      place = static_cast<size_t>(
          std::partition_point(row_.begin(), end, [at_ns](const Event& e) { return e.at_ns > at_ns; }) - row_.begin());
    }
    row_.insert(row_.begin() + static_cast<ptrdiff_t>(place), {at_ns, b, a, what});
  }
  Event Pop() {
    const Event next = row_.back();
    row_.pop_back();
    return next;
  }

 private:
  static constexpr size_t kNear = 8;  // looked at one by one before the rest is halved
  std::vector<Event> row_;            // the latest first
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SCHEDULER_H_
