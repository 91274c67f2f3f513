// Stages of the pipeline in fan.textproto: what bugs need that one stage does not have. Several outputs, a batch stage.
#ifndef MILLRACE_SIM_MUTANTS_FAN_STAGES_H_
#define MILLRACE_SIM_MUTANTS_FAN_STAGES_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::sim {

// Stage kinds "split" (the body to both of its outputs, "left" and "right") and "pack" (a batch stage that passes bodies
// on).
absl::Status AddFanStages(stages::Registry& registry);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_MUTANTS_FAN_STAGES_H_
