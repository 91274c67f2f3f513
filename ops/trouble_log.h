// What stands in the way of a pipeline at work, for people: each trouble is told once, and again when it comes back after it
// was away for a while. Who has it every second hears of it once; who had it last week hears of it today.
//
//   log.Add(clock.Now(), "the bus: …");
//   for (const std::string& trouble : log.Take()) std::cout << trouble << "\n";
//
// Threading: one thread at a time.
#ifndef MILLRACE_OPS_TROUBLE_LOG_H_
#define MILLRACE_OPS_TROUBLE_LOG_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "bus/clock.h"

namespace millrace::ops {

class TroubleLog {
 public:
  // It is there at this time.
  void Add(MonotonicTime now, std::string text);
  // What is to be told now, in the order in which it came.
  std::vector<std::string> Take();

 private:
  static constexpr Duration kAway = std::chrono::minutes(2);
  static constexpr size_t kKnownMax = 64;  // of more the ones seen longest ago are forgotten

  struct Known {
    std::string text;
    MonotonicTime seen;
  };
  std::vector<Known> known_;  // in the order in which they were last seen
  std::vector<std::string> fresh_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_TROUBLE_LOG_H_
