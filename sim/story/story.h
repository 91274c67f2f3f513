// Why a bus, why commits by hand: four architectures under the same jobs and the same mishaps, in virtual time.
//
//   absl::StatusOr<Story> story = TellStory({});
//   std::cout << StoryText(*story);
//
// Jobs come to three services in a row. The second is slow for a while, one process dies and comes back, later one more
// process comes. All four run in the simulator, over the same broker model, by one plan (sim/story/architectures.h): the
// synchronous chain is a stage that calls all three services, the Queuer the same with an executor that acknowledges on
// receipt, auto-commit the dataflow over a client that commits on a timer.
//
// Errors: what its pipeline says, should it be broken. Threading: pure functions.
#ifndef MILLRACE_SIM_STORY_STORY_H_
#define MILLRACE_SIM_STORY_STORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/story/workload.h"

namespace millrace::sim {

struct StoryOptions {
  Workload workload;
  int64_t auto_commit_ns = 100 * kStoryMs;
};

struct Story {
  Workload workload;
  // The chain, the Queuer, auto-commit, the dataflow.
  std::vector<Architecture> architectures;
};

absl::StatusOr<Story> TellStory(const StoryOptions& options);

// What happened, a table, and a sentence on each.
std::string StoryText(const Story& story);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_STORY_H_
