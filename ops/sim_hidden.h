// Looks for what stages have beside their messages, by running some plans more often than once: state in statics, globals
// and files (ops/sim_isolate.h), and whatever else makes two runs of one plan differ. Says which stage it is, for which
// input, and what differs first.
//
//   HiddenState hidden = FindHiddenStateOf(setup, PlansForHiddenState(setup, 1), {.path = "sim-failures"});
//
// A stage that ends the process or does not return in one of these runs is found as in all others (ops/sim_watchdog.h).
//
// Threading: one thread.
#ifndef MILLRACE_OPS_SIM_HIDDEN_H_
#define MILLRACE_OPS_SIM_HIDDEN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ops/sim_campaign.h"
#include "ops/sim_setup.h"
#include "sim/guard/stage_finding.h"
#include "sim/guard/stage_guard.h"

namespace millrace::ops {

struct HiddenState {
  std::optional<sim::StageFinding> finding;
  std::string problem;  // a run in a process of its own did not end well
};

// One without faults and one drawn from the seed, on each kind of broker.
std::vector<sim::Plan> PlansForHiddenState(const SimSetup& setup, uint64_t seed);
// In processes of their own: call it before any thread, and before anything has run in this one. `folder`: for the plan of
// a process that dies.
HiddenState FindHiddenStateOf(const SimSetup& setup, const std::vector<sim::Plan>& plans, const PlanFolder& folder);

// Twice in this process. Also what stages do to ports counts, and what those have kept at the end. `guard`: of the stages;
// calls are made once.
std::optional<sim::StageFinding> FindDifferenceOfTwoRuns(const SimSetup& setup, const sim::Plan& plan,
                                                         const sim::GuardContext& guard);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_HIDDEN_H_
