// What is wrong with a pipeline, all of it in one run, each with file, line and what to do.
//
//   for (const Problem& p : Lint(file, {.registry = &registry, .capabilities = CapabilitiesOf})) std::cerr <<
//   p.ToString() <<
//   "\n";
//
// Checked: names; references between topics, sources, stages and ports; kinds and options against the registry; outputs
// against what a stage kind emits; the graph (cycles, topics nobody reads or writes); where dead letters and receipts
// go; values that cannot be; needs that the backend lacks. A warning is what works and is probably not meant.
//
// Errors      none of its own: any file gives problems, never a crash.
// Threading   a function.
#ifndef MILLRACE_STAGES_LINT_H_
#define MILLRACE_STAGES_LINT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/capabilities.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"

namespace millrace::stages {

struct LintOptions {
  const Registry* registry = nullptr;
  // What a bus at a URL can do, without connecting; InvalidArgument explains what is wrong with the URL.
  std::function<absl::StatusOr<bus::Capabilities>(const std::string& url)> capabilities;
  std::string bus;  // instead of the pipeline's own
};

// Sorted by line. Neither `registry` nor `capabilities` is null.
std::vector<Problem> Lint(const PipelineFile& file, const LintOptions& options);

bool HasErrors(const std::vector<Problem>& problems);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_LINT_H_
