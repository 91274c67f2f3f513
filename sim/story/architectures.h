// Four architectures in the simulator: over the same broker model, with the same jobs, processes and faults (one plan).
//
// Errors: what a pipeline says, should it be broken. Threading: pure functions.
#ifndef MILLRACE_SIM_STORY_ARCHITECTURES_H_
#define MILLRACE_SIM_STORY_ARCHITECTURES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "sim/plan.h"
#include "sim/story/workload.h"

namespace millrace::sim {

// What happens to all of them.
Plan PlanOf(const Workload& workload);

// The synchronous chain: each service calls the next one and waits, and a job begins when all services have answered for the
// one before. The worker is ours, and settles a job when the last service has answered.
absl::StatusOr<Architecture> RunChain(const Workload& workload);

// The Queuer: acknowledges a job on receipt, keeps it in memory, and calls the services for a few jobs at a time.
absl::StatusOr<Architecture> RunQueuer(const Workload& workload);

// The dataflow over a client that commits what was delivered on a timer, whatever became of it.
absl::StatusOr<Architecture> RunAutoCommit(const Workload& workload, int64_t every_ns);

// A stage a service, a topic in front of each.
absl::StatusOr<Architecture> RunDataflow(const Workload& workload);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_ARCHITECTURES_H_
