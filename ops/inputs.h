// --input [SOURCE.]KEY=VALUE: what a source reads, said on the command line instead of in the pipeline.
#ifndef MILLRACE_OPS_INPUTS_H_
#define MILLRACE_OPS_INPUTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stages/pipeline.pb.h"
#include "stages/registry.h"

namespace millrace::ops {

// Replaces options of sources in `pipeline`. Without SOURCE the one whose kind knows KEY is meant. Several of one key
// replace all values that the file gives it; an empty VALUE only takes those away. A path (OptionSpec::path) is
// relative to the working folder, not to the pipeline's.
// Errors: InvalidArgument naming the input and what to write instead.
absl::Status ApplyInputs(const std::vector<std::string>& inputs, const stages::Registry& registry,
                         stages::Pipeline* pipeline);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_INPUTS_H_
