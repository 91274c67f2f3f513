// What all mains have in common: registrars are called, the program's files are found, the command line is read.
//
// Threading: one thread, main's.
#ifndef MILLRACE_OPS_COMMAND_LINE_H_
#define MILLRACE_OPS_COMMAND_LINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "ops/program.h"
#include "stages/registry.h"

namespace millrace::ops {

using AddCommand = void (*)(const Program& program, CLI::App& app, int* exit_code);

struct CommandLine {
  std::vector<stages::Registrar> registrars;
  std::vector<stages::Registrar> next_registrars = {};  // of the next version of the stages, for simulations
  std::string_view default_config;                      // a runfiles path; empty: none
  std::string about;
  std::string footer;  // of --help, in front of what every program says
  std::vector<AddCommand> commands;
};

// Returns the exit code.
int RunCommandLine(int argc, char** argv, const CommandLine& line);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_COMMAND_LINE_H_
