// Looks for state that stages hide in statics, globals and files (ops/sim_isolate.h), for some plans.
//
//   HiddenState hidden = FindHiddenStateOf(setup, PlansForHiddenState(setup, 1));
//
// Call it before any thread, and before anything has run in this process.
#ifndef MILLRACE_OPS_SIM_HIDDEN_H_
#define MILLRACE_OPS_SIM_HIDDEN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ops/sim_setup.h"
#include "sim/guard/stage_finding.h"

namespace millrace::ops {

struct HiddenState {
  std::optional<sim::StageFinding> finding;
  std::string problem;  // a run in a process of its own did not end well
};

// One without faults and one drawn from the seed, on each kind of broker.
std::vector<sim::Plan> PlansForHiddenState(const SimSetup& setup, uint64_t seed);
HiddenState FindHiddenStateOf(const SimSetup& setup, const std::vector<sim::Plan>& plans);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_HIDDEN_H_
