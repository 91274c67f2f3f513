// Hidden state: what a stage keeps in statics survives a simulated crash, as it would not survive a real one, and makes
// the second run of a process differ from the first. A run in a process of its own shows it.
//
//   absl::StatusOr<std::optional<sim::StageFinding>> found = FindHiddenState([&] { return HashesOf(Run(plan)); });
//
// Processes are forked from this one and start with what it has in memory: ask before anything has run here, and while
// no other thread is at work (a watchdog included), as a fork copies locks and not who holds them.
//
// Blocking: until the run has ended, or the limit. Threading: one thread.
#ifndef MILLRACE_OPS_SIM_ISOLATE_H_
#define MILLRACE_OPS_SIM_ISOLATE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/clock.h"
#include "sim/guard/stage_finding.h"

namespace millrace::ops {

struct RunHashes {
  uint64_t schedule = 0;
  uint64_t content = 0;
  bool operator==(const RunHashes&) const = default;
};

// Calls `run` in a forked process, which is gone when this returns, and gives what it told; nothing that it changes in
// memory is changed here.
// Errors: DeadlineExceeded when it took longer than `limit`; Aborted when the process died or the run threw;
// Unavailable when none could be made.
absl::StatusOr<std::string> TellFromFreshProcess(const std::function<std::string()>& run,
                                                 Duration limit = std::chrono::seconds(60));
absl::StatusOr<RunHashes> RunInFreshProcess(const std::function<RunHashes()>& run,
                                            Duration limit = std::chrono::seconds(60));

// What two runs of one plan say about its stages: nullopt where they are equal. Which stage it is hashes do not tell:
// ops/sim_hidden.h finds that out.
std::optional<sim::StageFinding> CompareHashes(const RunHashes& fresh, const RunHashes& warm);

// Runs once in one process and twice in another, and compares the first with the last.
absl::StatusOr<std::optional<sim::StageFinding>> FindHiddenState(const std::function<RunHashes()>& run,
                                                                 Duration limit = std::chrono::seconds(60));

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_ISOLATE_H_
