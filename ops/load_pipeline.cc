#include "ops/load_pipeline.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <utility>

#include "ops/backends.h"
#include "ops/bus_options.h"
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

absl::StatusOr<std::string> BusUrl(const stages::Pipeline& pipeline, const BusChoice& bus) {
  BusOptions options;
  for (const stages::Option& option : pipeline.bus_option()) options.emplace_back(option.key(), option.value());
  const absl::StatusOr<BusOptions> more = ParseBusOptions(bus.options);
  if (!more.ok()) return more.status();
  options.insert(options.end(), more->begin(), more->end());
  // Empty: the line of the pipeline's own is named where it is wrong.
  if (options.empty()) return bus.url;
  const std::string& own = pipeline.bus();
  return WithBusOptions(!bus.url.empty() ? bus.url : own.empty() ? "mem:" : own, options);
}

void AddBusOption(CLI::App& command, std::vector<std::string>* options) {
  command
      .add_option(
          "--bus-option", *options,
          "Parameter of the bus, as in its URL (on Kafka any property of librdkafka); may be repeated. Secrets: "
          "NAME=env:VARIABLE or NAME=file:PATH")
      ->type_name("NAME=VALUE");
}

ExitCode LoadPipeline(const Program& program, const std::string& verb, const std::string& given, const BusChoice& bus,
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
  const absl::StatusOr<std::string> meant = BusUrl(file->pipeline(), bus);
  if (!meant.ok()) return Fail(program, meant.status());
  const std::string& url = *meant;
  const std::vector<stages::Problem> problems =
      stages::Lint(*file, {.registry = program.registry, .capabilities = CapabilitiesOf, .bus = url});
  for (const stages::Problem& problem : problems) std::cerr << problem.ToString() << "\n";
  if (stages::HasErrors(problems)) {
    return Fail(program, kUsage, loaded->path + " cannot be run; correct what is named above");
  }
  absl::StatusOr<stages::ResolvedPipeline> resolved = stages::Resolve(file->pipeline());
  if (!resolved.ok()) return Fail(program, resolved.status());
  loaded->pipeline = *std::move(resolved);
  loaded->base_dir = file->base_dir();
  if (!url.empty()) loaded->pipeline.bus = url;
  return kWell;
}

}  // namespace millrace::ops
