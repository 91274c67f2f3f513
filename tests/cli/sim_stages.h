// Stages for the tests of `sim`: one that is well, and some that no simulation should let pass.
#ifndef MILLRACE_TESTS_CLI_SIM_STAGES_H_
#define MILLRACE_TESTS_CLI_SIM_STAGES_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::demo {

// Beside the stages of sim/example/one_stage.h and tests/cli/rough_stages.h: "moody" (another body each time), "hidden"
// (numbers its objects with a static), "clock" (reads the machine's), "refuse" (refuses everything), "picky" (refuses
// three of four), "endless" (does not return for job number 7), "abort" (ends the process at job number 7).
absl::Status RegisterSimStages(stages::Registry& registry);

}  // namespace millrace::demo

#endif  // MILLRACE_TESTS_CLI_SIM_STAGES_H_
