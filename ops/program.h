// What every command of the program is given.
//
// A command is one file with one function that declares itself to the command line and, when it was chosen, does its
// work:
//
//   void AddLintCommand(const Program& program, CLI::App& app, int* exit_code);       // one line in ops/main.cc
#ifndef MILLRACE_OPS_PROGRAM_H_
#define MILLRACE_OPS_PROGRAM_H_

#include <string>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "stages/registry.h"

namespace CLI {
class App;
}

namespace millrace::ops {

// What the exit codes of all commands mean.
enum ExitCode : int {
  kWell = 0,
  kPromiseBroken = 1,  // something was lost, or has two contents; in a simulation: a finding
  kUsage = 2,          // the command line or the pipeline is wrong
  kEnvironment = 3,    // the machine, its files or the broker
};

struct Program {
  std::string name;            // as it was called, for messages
  std::string binary;          // … with its path
  std::string default_config;  // the pipeline that is meant where none is given; empty: none
  const stages::Registry* registry = nullptr;
  const stages::Registry* next_registry = nullptr;  // stages of the next version; nullptr: none was given
  const Clock* clock = nullptr;
};

// kUsage for what the user gave, else kEnvironment; kWell for OK.
inline ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kWell;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kOutOfRange:
      return kUsage;
    default:
      return kEnvironment;
  }
}

void AddLintCommand(const Program& program, CLI::App& app, int* exit_code);
void AddRunCommand(const Program& program, CLI::App& app, int* exit_code);
// For CLI11: what is wrong with a text as a number; empty where nothing is ("nan" lies in every range).
std::string IsANumber(const std::string& text);
// … as a number from 0 on: CLI11 takes -1 for the largest there is.
std::string IsNatural(const std::string& text);

void AddBenchCommand(const Program& program, CLI::App& app, int* exit_code);
void AddWorkCommand(const Program& program, CLI::App& app, int* exit_code);
void AddSimCommand(const Program& program, CLI::App& app, int* exit_code);
void AddFaultTestCommand(const Program& program, CLI::App& app, int* exit_code);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_PROGRAM_H_
