// A pipeline from the command line's words to what can be run: read, its inputs set, linted, resolved.
//
// Threading: a function.
#ifndef MILLRACE_OPS_LOAD_PIPELINE_H_
#define MILLRACE_OPS_LOAD_PIPELINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/program.h"
#include "stages/pipeline.pb.h"
#include "stages/settings.h"

namespace millrace::ops {

struct LoadedPipeline {
  std::string path;
  std::string base_dir;  // what paths in options are relative to
  stages::ResolvedPipeline pipeline;
};

// The bus that the command line asks for.
struct BusChoice {
  std::string url;                   // empty: the pipeline's own
  std::vector<std::string> options;  // name=value, beside those of the pipeline
};

// The bus that is meant: that of the command line, else the pipeline's, with the options of both; empty: the pipeline's
// own as it stands there. InvalidArgument for an option that is none.
absl::StatusOr<std::string> BusUrl(const stages::Pipeline& pipeline, const BusChoice& bus);

// --bus-option.
void AddBusOption(CLI::App& command, std::vector<std::string>* options);

// `verb` is the command, for advice; empty `path`: the program's own pipeline. What is
// wrong is written to standard error, warnings too; kWell only when it can be run.
ExitCode LoadPipeline(const Program& program, const std::string& verb, const std::string& path, const BusChoice& bus,
                      const std::vector<std::string>& inputs, LoadedPipeline* loaded);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_LOAD_PIPELINE_H_
