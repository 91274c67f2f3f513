// Two architectures over a bus, in the simulator: the real worker, and the same worker over a client that commits on a
// timer whatever was delivered.
#ifndef MILLRACE_SIM_STORY_DATAFLOW_H_
#define MILLRACE_SIM_STORY_DATAFLOW_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "sim/story/workload.h"

namespace millrace::sim {

// Reads `pipeline`, the path of story.textproto. auto_commit_ns: 0: none.
absl::StatusOr<Architecture> RunDataflow(const Workload& workload, const std::string& pipeline, int64_t auto_commit_ns);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_DATAFLOW_H_
