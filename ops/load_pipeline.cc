#include "ops/load_pipeline.h"

#include <iostream>
#include <utility>

#include "ops/backends.h"
#include "ops/inputs.h"
#include "stages/lint.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::ops {
namespace {

ExitCode Fail(const Program& program, ExitCode code, const std::string& message) {
  std::cerr << program.name << ": " << message << "\n";
  return code;
}

ExitCode Fail(const Program& program, const absl::Status& status) {
  return Fail(program, ExitCodeOf(status), std::string(status.message()));
}

}  // namespace

ExitCode LoadPipeline(const Program& program, const std::string& verb, const std::string& given, const std::string& bus,
                      const std::vector<std::string>& inputs, LoadedPipeline* loaded) {
  loaded->path = given.empty() ? program.default_config : given;
  if (loaded->path.empty()) {
    return Fail(program, kUsage, "no pipeline given; name one: " + program.name + " " + verb + " PIPELINE");
  }
  absl::StatusOr<stages::PipelineFile> file = stages::PipelineFile::Load(loaded->path);
  if (!file.ok()) return Fail(program, file.status());
  if (file->complete()) {
    if (absl::Status s = ApplyInputs(inputs, *program.registry, file->mutable_pipeline()); !s.ok())
      return Fail(program, s);
  }
  const std::vector<stages::Problem> problems =
      stages::Lint(*file, {.registry = program.registry, .capabilities = CapabilitiesOf, .bus = bus});
  for (const stages::Problem& problem : problems) std::cerr << problem.ToString() << "\n";
  if (stages::HasErrors(problems)) {
    return Fail(program, kUsage, loaded->path + " cannot be run; correct what is named above");
  }
  absl::StatusOr<stages::ResolvedPipeline> resolved = stages::Resolve(file->pipeline());
  if (!resolved.ok()) return Fail(program, resolved.status());
  loaded->pipeline = *std::move(resolved);
  loaded->base_dir = file->base_dir();
  if (!bus.empty()) loaded->pipeline.bus = bus;
  return kWell;
}

}  // namespace millrace::ops
