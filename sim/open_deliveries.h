// The deliveries of one holding that are neither settled nor given back, by sequence.
//
//   open.Add(17, message);
//   open.ForEachIn({17, 20}, [&](OpenDeliveries::Delivery& d) { …; d.message = kNoMessage; });   // settled
//   open.DropSettled();
//
// Sequences ascend, mostly by one: then each is found where it is expected. Threading: one thread at a time.
#ifndef MILLRACE_SIM_OPEN_DELIVERIES_H_
#define MILLRACE_SIM_OPEN_DELIVERIES_H_

#include <cstddef>
#include <cstdint>

#include "bus/driver.h"
#include "sim/history.h"
#include "stages/ring.h"

namespace millrace::sim {

class OpenDeliveries {
 public:
  struct Delivery {
    uint64_t sequence = 0;
    uint32_t message = kNoMessage;  // kNoMessage: it is settled, behind one that is not
  };
  void Add(uint64_t sequence, uint32_t message) { row_.push({sequence, message}); }
  // kNoMessage where it is not open.
  uint32_t MessageAt(uint64_t sequence) const {
    const size_t at = From(sequence);
    return at == row_.size() || row_[at].sequence != sequence ? kNoMessage : row_[at].message;
  }
  template <class Visit>
  void ForEachIn(const bus::SettleRange& range, const Visit& visit) {
    for (size_t at = From(range.first); at < row_.size() && row_[at].sequence <= range.last; ++at) visit(row_[at]);
  }
  void DropSettled() {
    while (!row_.empty() && row_.front().message == kNoMessage) row_.skip();
  }

 private:
  // The first at or behind the sequence.
  size_t From(uint64_t sequence) const {
    if (row_.empty() || sequence <= row_[0].sequence) return 0;
    const uint64_t guess = sequence - row_[0].sequence;
    if (guess < row_.size() && row_[guess].sequence == sequence) return guess;
    size_t low = 0, high = row_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (row_[middle].sequence < sequence) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  stages::Ring<Delivery> row_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_OPEN_DELIVERIES_H_
