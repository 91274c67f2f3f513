// The smallest pipeline there is, to simulate, to measure and to plant bugs in: one stage that passes jobs on.
#ifndef MILLRACE_SIM_EXAMPLE_ONE_STAGE_H_
#define MILLRACE_SIM_EXAMPLE_ONE_STAGE_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::sim {

// Stage kind "relay" (passes the body on, with what it is told to append), source kind "jobs" (`count` jobs over `keys`
// keys).
absl::Status RegisterOneStage(stages::Registry& registry);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_EXAMPLE_ONE_STAGE_H_
