#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "ops/backends.h"
#include "ops/load_pipeline.h"
#include "ops/program.h"
#include "stages/lint.h"
#include "stages/pipeline_file.h"

namespace millrace::ops {
namespace {

struct LintArguments {
  std::vector<std::string> pipelines;
  BusChoice bus;
};

// One file; what is wrong with it goes to standard output.
ExitCode LintOne(const Program& program, const std::string& path, const BusChoice& bus) {
  const absl::StatusOr<stages::PipelineFile> file = stages::PipelineFile::Load(path);
  if (!file.ok()) {
    std::cerr << program.name << ": " << file.status().message() << "\n";
    return ExitCodeOf(file.status());
  }
  const absl::StatusOr<std::string> url = BusUrl(file->pipeline(), bus);
  if (!url.ok()) {
    std::cerr << program.name << ": " << url.status().message() << "\n";
    return kUsage;
  }
  const std::vector<stages::Problem> problems =
      stages::Lint(*file, {.registry = program.registry, .capabilities = CapabilitiesOf, .bus = *url});
  size_t errors = 0;
  for (const stages::Problem& problem : problems) {
    std::cout << problem.ToString() << "\n";
    if (problem.severity == stages::Problem::kError) ++errors;
  }
  if (errors > 0) return kUsage;
  std::cout << path << ": " << (problems.empty() ? "good" : "good, with warnings") << " ("
            << file->pipeline().stage_size() << " stages, " << file->pipeline().topic_size() << " topics)\n";
  return kWell;
}

}  // namespace

void AddLintCommand(const Program& program, CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<LintArguments>();
  CLI::App* lint = app.add_subcommand("lint", "Explain what is wrong with a pipeline, with file and line");
  lint->add_option("PIPELINE", arguments->pipelines,
                   std::string("Pipeline files (text-format Protobuf)") +
                       (program.default_config.empty() ? "" : "; default: the one this program was built with"));
  lint->add_option("--bus", arguments->bus.url, "Check against this bus instead of the pipeline's own")
      ->type_name("URL");
  AddBusOption(*lint, &arguments->bus.options);
  lint->footer(
      "All problems are found in one run, as file:line: what is wrong; what to do.\n"
      "Exit code: 0 good (warnings allowed), 2 there are errors.\n"
      "Example:\n  " +
      program.name + " lint orders.textproto");
  lint->callback([&program, arguments, exit_code] {
    if (arguments->pipelines.empty() && !program.default_config.empty())
      arguments->pipelines = {program.default_config};
    if (arguments->pipelines.empty()) {
      std::cerr << program.name << ": no pipeline given; name one: " << program.name << " lint PIPELINE\n";
      *exit_code = kUsage;
    }
    for (const std::string& path : arguments->pipelines) {
      *exit_code = std::max<int>(*exit_code, LintOne(program, path, arguments->bus));
    }
  });
}

}  // namespace millrace::ops
