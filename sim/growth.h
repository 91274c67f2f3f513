// What jobs become on their way: how many messages, of how many bytes, each input was seen to be on each topic. A stage may
// split what it reads, and enlarge it, and only runs tell.
//
//   Growth growth;
//   growth.See(history);
//   growth.Most(topic, 200, inputs)    // what 200 of so many inputs bring there at most
//
// Threading: one thread; merge what several have.
#ifndef MILLRACE_SIM_GROWTH_H_
#define MILLRACE_SIM_GROWTH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/history.h"

namespace millrace::sim {

struct Amount {
  uint64_t messages = 0;
  uint64_t bytes = 0;
};

// The most that `jobs` of `inputs` inputs come to, where something is known of some of them. Of each of the others the
// mean of those is taken.
Amount MostOf(std::vector<Amount> known, uint64_t jobs, uint64_t inputs);

class Growth {
 public:
  void See(const History& history);
  void Merge(const Growth& other);

  // Nothing was seen yet.
  bool empty() const { return topics_.empty(); }
  // Repeats of a message do not count. Not empty().
  Amount Most(uint16_t topic, uint64_t jobs, uint64_t inputs) const;

  // The largest message of a topic, and the input that it was made of.
  struct Largest {
    uint64_t bytes = 0;
    uint32_t input = 0;
  };
  Largest LargestOn(uint16_t topic) const;

 private:
  // Memory has bounds, however many inputs there are: what is behind them counts as not seen.
  static constexpr uint32_t kInputsMost = 1 << 14;

  struct Topic {
    std::vector<Amount> of;  // by input
    Largest largest;
  };
  void Raise(Topic& topic, uint32_t input, const Amount& amount) const;

  std::vector<Topic> topics_;
  std::vector<bool> seen_;       // inputs
  std::vector<Amount> of_jobs_;  // of one run, by job and topic
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GROWTH_H_
