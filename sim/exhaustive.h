// All plans with one or two crashes, each after some action of some process: no luck, no gaps. For a few jobs, two processes
// and two partitions that is some thousands of runs.
//
//   Exhaustive plans(base, actions);                     // how many actions each process carries out without faults
//   while (const std::optional<Plan> plan = plans.Next()) {
//     const Outcome outcome = Run(*plan);
//     plans.Reached(outcome.actions);                    // how many each has carried out, over all its incarnations
//   }
//
// A first crash is after each action of the run without faults. What comes after it is another run, so the second crash is
// after each action that was reached in the run with the first. Two crashes are a set: each pair comes once, whichever strikes
// first.
//
// Threading: one thread.
#ifndef MILLRACE_SIM_EXHAUSTIVE_H_
#define MILLRACE_SIM_EXHAUSTIVE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/plan.h"

namespace millrace::sim {

struct ExhaustiveOptions {
  int crashes_max = 2;
  int64_t down_ns = 0;  // from a crash to the next incarnation; 0: Timing::restart_ns
};

class Exhaustive {
 public:
  // `base` has no faults. `actions`: of each slot.
  Exhaustive(Plan base, std::vector<uint32_t> actions, ExhaustiveOptions options = {});

  // The next plan; nothing: that was all. After a plan with one crash it must hear what that one reached.
  std::optional<Plan> Next();
  // What the plan that was last given reached. Of plans with all their crashes it need not be told.
  void Reached(const std::vector<uint32_t>& actions);

  uint64_t given() const { return given_; }
  // Plans with one crash; of those with two nobody knows before.
  uint64_t singles() const;

 private:
  struct Point {
    uint32_t process = 0;
    uint32_t count = 0;  // 0: before the first
  };

  bool NextFirst();
  bool NextSecond();
  Plan Make(bool second) const;

  const Plan base_;
  const std::vector<uint32_t> actions_;
  const ExhaustiveOptions options_;
  std::vector<uint32_t> reached_;  // with the first crash
  Point first_;
  Point second_;
  bool seconds_ = false;  // going through those for first_
  bool waiting_ = false;  // for what first_ alone reaches
  uint64_t given_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_EXHAUSTIVE_H_
