// Stages of a simulation behind their guards (sim/guard/stage_guard.h), as a run's options wrap them.
//
//   sim::RunOptions options;
//   options.wrap = GuardsOf(setup.subject(), {.sink = &findings, .watch = &watch});
//
// Threading: pure functions.
#ifndef MILLRACE_OPS_SIM_GUARDS_H_
#define MILLRACE_OPS_SIM_GUARDS_H_

#include <cstdint>
#include <functional>

#include "sim/guard/stage_guard.h"
#include "sim/subject.h"
#include "stages/instance_setup.h"

namespace millrace::ops {

using StageWrap = std::function<stages::MadeStage(stages::MadeStage made, uint16_t stage, bool next_version)>;

// The subject, and what the context names, outlive the stages.
StageWrap GuardsOf(const sim::Subject& subject, const sim::GuardContext& guard);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_GUARDS_H_
