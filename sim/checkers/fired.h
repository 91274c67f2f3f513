// Which faults of the plan have fired, as the history says, and whom they excuse.
#ifndef MILLRACE_SIM_CHECKERS_FIRED_H_
#define MILLRACE_SIM_CHECKERS_FIRED_H_

#include <cstdint>
#include <vector>

#include "sim/checker.h"

namespace millrace::sim {

// By job: whether a fault has fired that makes a stage fail at it, so that it may become a dead letter: the kinds
// stage-failing, stage-throwing, stage-poison and stage-kill, whose part is the job's id (with no part, the target).
std::vector<uint8_t> JobsMadeToFail(const CheckContext& context);

// Jobs that are not held against a run: of those, which did become dead letters, and which were destroyed and announced.
std::vector<uint8_t> ExcusedJobs(const CheckContext& context);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_FIRED_H_
