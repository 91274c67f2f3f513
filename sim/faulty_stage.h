// A user's stage that misbehaves for chosen jobs, as faults of a plan ask.
#ifndef MILLRACE_SIM_FAULTY_STAGE_H_
#define MILLRACE_SIM_FAULTY_STAGE_H_

#include "sim/world.h"
#include "stages/instance_setup.h"

namespace millrace::sim {

// Wraps the stage of a member; world and member outlive it.
stages::MadeStage Faulty(World& world, Member& member, stages::MadeStage stage);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FAULTY_STAGE_H_
