// The one function that does what `sim` is told.
#ifndef MILLRACE_OPS_SIM_COMMAND_H_
#define MILLRACE_OPS_SIM_COMMAND_H_

#include "ops/program.h"
#include "ops/sim_arguments.h"

namespace millrace::ops {

ExitCode RunSim(const Program& program, SimArguments arguments);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_COMMAND_H_
