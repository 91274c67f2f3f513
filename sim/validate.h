// Whether a plan makes sense: by itself, and for a pipeline with its inputs.
//
//   for (const PlanProblem& p : ValidatePlan(plan, topology, {.count = inputs.size(), .digest = digest})) …
//
// What a valid plan asks for need not happen: a fault whose moment never comes has not fired, and that is no problem of the
// plan.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_VALIDATE_H_
#define MILLRACE_SIM_VALIDATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

// The inputs that jobs are made of.
struct InputFacts {
  uint64_t count = 0;
  uint64_t digest = 0;     // 0: not known
  uint64_t bytes_max = 0;  // of the largest body; 0: not known
  uint32_t largest = 0;    // which it is
};

struct PlanProblem {
  enum class Part : uint8_t { kPlan, kJob, kFault, kTiming, kLimits };
  Part part = Part::kPlan;
  size_t index = 0;   // of the job or the fault
  std::string field;  // as plan files name it; empty: the part as a whole
  std::string text;   // what is wrong; what to do

  // "fault 3: …", "job 7: …" with ids, or "timing: …".
  std::string ToString(const Plan& plan) const;
};

// How many slots the plan's processes take. With Layout::kApart slot = copy × stages + stage, so that one copy fewer leaves
// all other slots their numbers.
uint32_t SlotsOf(const Plan& plan, size_t stages);

// What can be told without the pipeline.
std::vector<PlanProblem> CheckPlan(const Plan& plan);

// … and with it. `topology` is the pipeline's; its `queue` does not matter. `next_version`: there is one of its stages.
std::vector<PlanProblem> ValidatePlan(const Plan& plan, const Topology& topology, const InputFacts& inputs,
                                      bool next_version = false);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_VALIDATE_H_
