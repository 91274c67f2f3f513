// Two architectures over a bus, in the simulator: the real worker, and the same worker over a client that commits on a
// timer whatever was delivered.
#ifndef MILLRACE_SIM_STORY_DATAFLOW_H_
#define MILLRACE_SIM_STORY_DATAFLOW_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "sim/story/workload.h"

namespace millrace::sim {

// auto_commit_ns: how often; 0: never.
absl::StatusOr<Architecture> RunDataflow(const Workload& workload, int64_t auto_commit_ns);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_DATAFLOW_H_
