// The plan that is being made smaller, and the runs that it may cost: what the passes of Shrink work on.
//
//   Plan smaller = shrinker.plan();
//   smaller.processes = 1;
//   shrinker.Try(smaller);            // shrinker.plan() is now it, if it still fails
//
// Threading: one thread.
#ifndef MILLRACE_SIM_SHRINKER_H_
#define MILLRACE_SIM_SHRINKER_H_

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "sim/plan.h"
#include "sim/shrink.h"

namespace millrace::sim {

class Shrinker {
 public:
  Shrinker(const Plan& plan, const std::function<bool(const Plan&)>& still_fails, const ShrinkOptions& options)
      : still_fails_(still_fails), options_(options), plan_(plan) {}

  const Plan& plan() const { return plan_; }
  const ShrinkOptions& options() const { return options_; }
  uint64_t runs() const { return runs_; }
  bool spent() const { return spent_; }

  // Whether the plan as it was given fails.
  bool Begins();
  // Keeps `candidate` if it fails. Plans that were tried before do not fail. False without a run when the budget is spent.
  bool Try(const Plan& candidate);

 private:
  bool Run(const Plan& candidate);

  const std::function<bool(const Plan&)>& still_fails_;
  const ShrinkOptions& options_;
  Plan plan_;
  std::set<std::pair<uint64_t, uint64_t>> passed_;  // digests of plans that do not fail
  uint64_t runs_ = 0;
  bool spent_ = false;
};

// Numbers: times, durations, amounts, counts, and settings towards their defaults. True: something is smaller.
bool ShrinkNumbers(Shrinker& shrinker);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SHRINKER_H_
