// A format that changes: one stage packs, the next one unpacks, and a later version packs in another way.
#ifndef MILLRACE_TESTS_EXAMPLE_VERSIONS_H_
#define MILLRACE_TESTS_EXAMPLE_VERSIONS_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::example {

// What is deployed now: "pack" writes the first format, "unpack" reads both. And the source of sim/example/one_stage.h.
absl::Status RegisterStages(stages::Registry& registry);
// What comes next: "pack" writes the second format. "unpack" stays as it is.
absl::Status RegisterNextStages(stages::Registry& registry);
// What must not be deployed so: "unpack" has forgotten the first format, of which messages are still on their way.
absl::Status RegisterHastyStages(stages::Registry& registry);

}  // namespace millrace::example

#endif  // MILLRACE_TESTS_EXAMPLE_VERSIONS_H_
