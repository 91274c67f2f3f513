// Stages for the tests of the command: small, and able to go wrong on purpose.
#ifndef MILLRACE_TESTS_CLI_DEMO_STAGES_H_
#define MILLRACE_TESTS_CLI_DEMO_STAGES_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::demo {

// Source "count": the numbers from 0 to its option `count`; every `bad_every`-th has "bad" in its body.
// Source "lines": the lines of its option `file`.
// Stage "check" (output "good"): refuses bodies with "bad"; fails the first attempt at every `fail_first`-th number;
// takes `micros` for each. Stage "split": two outputs for each message. Stage "copy": one. Stage "end": none, so a
// receipt. Stage "lose": pretends to be a sink and keeps no receipts. Stage "keep": a sink that writes to the port
// "book", a file of receipts in the output folder.
absl::Status RegisterStages(stages::Registry& registry);

}  // namespace millrace::demo

#endif  // MILLRACE_TESTS_CLI_DEMO_STAGES_H_
