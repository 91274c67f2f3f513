// What faults have armed and something has yet to meet so many times: whose each time is. Faults of one kind may overlap; they are
// met in the order in which they came.
//
//   Armed losses;
//   losses.Add(world.Arm(), 3);
//   if (losses.left() > 0) world.Strikes(losses.Take());
//
// Threading: one thread at a time.
#ifndef MILLRACE_SIM_ARMED_H_
#define MILLRACE_SIM_ARMED_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/history.h"

namespace millrace::sim {

class Armed {
 public:
  uint64_t left() const { return left_; }
  void Add(uint32_t fault, uint64_t times) {
    if (times == 0) return;
    of_.push_back({fault, times});
    left_ += times;
  }
  // One time is over. Whose it was; kNoFault: nobody has armed it.
  uint32_t Take() {
    if (of_.empty()) return kNoFault;
    const uint32_t fault = of_.front().fault;
    --left_;
    if (--of_.front().times == 0) of_.erase(of_.begin());
    return fault;
  }
  // What that fault has armed and nothing has met is over. Returns how many times that is.
  uint64_t Drop(uint32_t fault) {
    uint64_t dropped = 0;
    std::erase_if(of_, [&](const Of& of) {
      if (of.fault == fault) dropped += of.times;
      return of.fault == fault;
    });
    left_ -= dropped;
    return dropped;
  }
  void Clear() {
    of_.clear();
    left_ = 0;
  }

 private:
  struct Of {
    uint32_t fault;
    uint64_t times;
  };
  std::vector<Of> of_;
  uint64_t left_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_ARMED_H_
