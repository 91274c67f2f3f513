// Stages for the tests of `sim` that do not treat the process as one stage of many may.
#ifndef MILLRACE_TESTS_CLI_ROUGH_STAGES_H_
#define MILLRACE_TESTS_CLI_ROUGH_STAGES_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::demo {

// At job number 7: "exit", "exit-at-once" (_exit), "quick-exit", "exit-in-thread" and "exit-unseen" (the system call) end
// the process with code 0, "segfault" writes where nothing is, "deep" calls itself until its stack is used up.
//
// With the port "bell", which they name: "ringer" needs half of the stack that production has, "deep-ringer" more than all.
// "sly-ringer" names no port, "other-ringer" only "gong"; both ring the bell. "exit-unheard", "loop-unheard" and
// "segfault-unheard" do so where the bell does not ring.
//
// "numbered" passes on which object it is, and writes where nothing is once there have been many.
absl::Status RegisterRoughStages(stages::Registry& registry);

}  // namespace millrace::demo

#endif  // MILLRACE_TESTS_CLI_ROUGH_STAGES_H_
