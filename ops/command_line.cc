#include "ops/command_line.h"

#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "bus/check.h"
#include "ops/system_clock.h"
#include "stages/discard.h"
#include "stages/suggest.h"

namespace millrace::ops {
namespace {

// A file that was built into the runfiles of this program: beside the binary, or around it where another program's
// runfiles hold both.
std::string FindRunfile(const std::string& binary, std::string_view path) {
  if (path.empty()) return "";
  std::error_code ignored;
  const std::filesystem::path name = std::filesystem::path(std::string(path));
  if (const auto beside = std::filesystem::path(binary + ".runfiles") / name;
      std::filesystem::exists(beside, ignored)) {
    return beside.string();
  }
  for (std::filesystem::path folder = std::filesystem::path(binary).parent_path(); folder != folder.parent_path();
       folder = folder.parent_path()) {
    if (folder.extension() == ".runfiles" && std::filesystem::exists(folder / name, ignored))
      return (folder / name).string();
  }
  return "";
}

std::string Absolute(const char* binary) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(binary, error);
  return error ? binary : path.string();
}

// `bazel run` starts programs among their runfiles. Paths on the command line are relative to where it was typed. Gives
// the binary's path as it is from there; empty: it was not started so.
std::string FollowBazelRun(const char* binary) {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr) return "";
  std::string path = Absolute(binary);
  std::error_code error;
  std::filesystem::current_path(folder, error);
  return error ? "" : path;
}

std::string Footer(const Program& program, const std::string& above) {
  std::string footer = above;
  const auto list = [&](const char* what, const std::vector<std::string>& names) {
    footer += std::string(what) + ":";
    for (const std::string& name : names) footer += " " + name;
    footer += names.empty() ? " none\n" : "\n";
  };
  list("Kinds of sources", program.registry->SourceKinds());
  list("Kinds of stages", program.registry->StageKinds());
  list("Kinds of ports", program.registry->PortKinds());
  footer += "Exit codes: 0 well, 1 a promise broken, 2 wrong usage or configuration, 3 environment.\n";
  return footer + "More: " + program.name + " COMMAND --help";
}

// A descriptor below 3 that is closed would be given to the next file that is opened, and what is printed would go into
// it.
void OpenStandardDescriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd) std::_Exit(kEnvironment);
  }
}

absl::Status CallAll(const std::vector<stages::Registrar>& registrars, stages::Registry& registry) {
  for (const stages::Registrar registrar : registrars) {
    if (absl::Status status = registrar(registry); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::string IsANumber(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return std::isfinite(value) && *end == '\0' ? "" : text + " is not a number";
}

std::string IsNatural(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return digits ? "" : "\"" + text + "\" is no whole number from 0 on; give one";
}

int RunCommandLine(int argc, char** argv, const CommandLine& line) {
  OpenStandardDescriptors();
  const SystemClock clock;
  stages::Registry registry, next_registry;
  Program program;
  program.name = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "millrace";
  program.binary = argc > 0 ? argv[0] : "millrace";
  if (const std::string moved = FollowBazelRun(argc > 0 ? argv[0] : ""); !moved.empty()) program.binary = moved;
  program.default_config = argc > 0 ? FindRunfile(Absolute(program.binary.c_str()), line.default_config) : "";
  program.registry = &registry;
  program.clock = &clock;
  if (!line.next_registrars.empty()) program.next_registry = &next_registry;
  for (const absl::Status& status :
       {CallAll(line.registrars, registry), CallAll(line.next_registrars, next_registry)}) {
    if (status.ok()) continue;
    std::cerr << program.name << ": a registrar failed: " << status.message() << "\n";
    return kUsage;
  }
  // Kinds that every program has, unless its own stages go by the same name.
  if (registry.FindStage("discard") == nullptr) {
    const absl::Status added = stages::RegisterDiscard(registry);
    MR_CHECK(added.ok()) << added.ToString();
  }
  int exit_code = kWell;
  CLI::App app(line.about, program.name);
  app.require_subcommand(1);
  app.footer(Footer(program, line.footer));
  for (const AddCommand add : line.commands) add(program, app, &exit_code);
  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> known;
    for (const CLI::App* command : app.get_subcommands({})) known.push_back(command->get_name());
    if (std::find(known.begin(), known.end(), argv[1]) == known.end()) {
      std::cerr << program.name << ": there is no command \"" << argv[1] << "\"; " << stages::Suggest(argv[1], known)
                << "\n";
      return kUsage;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help is an "error" of code 0.
    exit_code = app.exit(error) == 0 ? kWell : kUsage;
  }
  std::cout.flush();
  if (!std::cout) {
    std::cerr << program.name << ": standard output cannot be written to\n";
    return exit_code == kWell ? kEnvironment : exit_code;
  }
  return exit_code;
}

}  // namespace millrace::ops
