// What is wrong with a pipeline, all of it in one run, each with file, line and what to do.
//
//   for (const Problem& p : Lint(file, {.registry = &registry, .backends = &backends})) std::cerr << p.ToString() <<
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

#include <map>
#include <string>
#include <vector>

#include "bus/capabilities.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"

namespace millrace::stages {

struct LintOptions {
  const Registry* registry = nullptr;
  // What each backend can do, by URL scheme ("mem"); nothing is connected to.
  const std::map<std::string, bus::Capabilities, std::less<>>* backends = nullptr;
  std::string bus;  // instead of the pipeline's own
};

// Sorted by line. `registry` and `backends` are not null.
std::vector<Problem> Lint(const PipelineFile& file, const LintOptions& options);

bool HasErrors(const std::vector<Problem>& problems);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_LINT_H_
