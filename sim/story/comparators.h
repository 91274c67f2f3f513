// Two architectures without a bus, as small simulated programs.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_STORY_COMPARATORS_H_
#define MILLRACE_SIM_STORY_COMPARATORS_H_

#include "sim/story/workload.h"

namespace millrace::sim {

// The synchronous chain: each service calls the next one and waits; a job begins when all services have finished the one
// before. Its caller waits too, so that a job is accepted when it is done; a call that breaks is made again.
Architecture RunChain(const Workload& workload);

// The Queuer: a gateway that acknowledges a job on receipt, keeps it in memory, and calls the services for a few jobs at
// a time. It is what dies.
Architecture RunQueuer(const Workload& workload);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_COMPARATORS_H_
