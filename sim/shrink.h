// Smaller plans that fail in the same way: delta debugging over faults, then jobs, processes, and numbers, again and again
// until nothing more can go (Zeller, Hildebrandt: "Simplifying and isolating failure-inducing input", TSE 2002).
//
//   auto fails = [&](const Plan& p) { return Judge(Run(p, …)) == the same checker and signature; };
//   absl::StatusOr<ShrinkResult> small = Shrink(plan, fails);
//
// Since randomness in a run is keyed by stable ids, what is left of a plan does what it did before. Where budget is left at
// the end, no single fault of the result can be taken away, and no single job but those that a fault is about.
//
// Blocking: runs `still_fails` up to `runs_max` times, never twice on one plan. Deterministic where it is.
// Errors: InvalidArgument where the plan does not fail to begin with.
// Threading: one thread.
#ifndef MILLRACE_SIM_SHRINK_H_
#define MILLRACE_SIM_SHRINK_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "sim/plan.h"

namespace millrace::sim {

struct ShrinkOptions {
  uint64_t runs_max = 20'000;
  // Of the pipeline: with Layout::kApart a copy of each takes a slot (sim/validate.h).
  uint32_t stages = 1;
};

struct ShrinkResult {
  Plan plan;                  // fails; its seed is 0 where it is not the plan that was given
  uint64_t runs = 0;          // of the predicate
  bool budget_spent = false;  // there might be a smaller one
};

absl::StatusOr<ShrinkResult> Shrink(const Plan& plan, const std::function<bool(const Plan&)>& still_fails,
                                    const ShrinkOptions& options = {});

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SHRINK_H_
