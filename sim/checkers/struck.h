// Which faults of the plan have struck, as the history says (History::strikes), and whom they excuse. One that has fired and met
// nothing excuses nobody.
#ifndef MILLRACE_SIM_CHECKERS_STRUCK_H_
#define MILLRACE_SIM_CHECKERS_STRUCK_H_

#include <cstdint>
#include <vector>

#include "sim/checker.h"
#include "sim/fault.h"

namespace millrace::sim {

// Kinds that make a stage fail at one job, so that it may become a dead letter (stage-slow only where attempts have a limit).
inline bool MakesFail(const FaultType& fault) { return fault.traits.at_job != JobEffect::kNone; }
// Kinds that destroy what has not been settled.
inline bool DestroysAny(const FaultType& fault) { return fault.traits.destroys != Destroys::kNothing; }
inline bool DestroysOfLogs(const FaultType& fault) { return fault.traits.destroys == Destroys::kOfLogs; }
// Kinds that give a group again what it had settled.
inline bool GivesAgain(const FaultType& fault) { return fault.traits.gives_again; }

// Kinds that bring the next version of stages.
inline bool BringsNextVersion(const FaultType& fault) { return fault.traits.needs_next_version; }

// By job: whether a fault has struck that makes a stage fail at it. Its part is the job's id (with no part, the target).
std::vector<uint8_t> JobsMadeToFail(const CheckContext& context);

// Jobs that are not held against a run: of those, which did become dead letters, and which were destroyed and announced.
std::vector<uint8_t> ExcusedJobs(const CheckContext& context);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_STRUCK_H_
