// What the commands for operators have in common: a pipeline, a bus that is a broker, its administration.
//
//   Operator op(program, "lag", arguments);
//   if (ExitCode code = op.Open(); code != kWell) return code;
//   op.admin().Group(…)
//
// What is wrong is written to standard error. Threading: one thread.
#ifndef MILLRACE_OPS_OPERATOR_H_
#define MILLRACE_OPS_OPERATOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/admin.h"
#include "ops/backends.h"
#include "ops/load_pipeline.h"
#include "ops/program.h"

namespace millrace::ops {

struct OperatorArguments {
  std::string pipeline;
  std::string bus;
  std::vector<std::string> bus_options;
  std::string format = "text";
};

// PIPELINE, --bus, --bus-option, --format.
void AddOperatorOptions(const Program& program, CLI::App& command, OperatorArguments* arguments);

class Operator {
 public:
  Operator(const Program& program, std::string verb, const OperatorArguments& arguments)
      : program_(program), verb_(std::move(verb)), arguments_(arguments) {}

  // kUsage where the bus lives in another process.
  ExitCode Open();

  const stages::ResolvedPipeline& pipeline() const { return loaded_.pipeline; }
  // What relative paths in its options are relative to.
  const std::string& base_dir() const { return loaded_.base_dir; }
  bus::Bus& bus() const { return *bus_.bus; }
  bus::Admin& admin() const { return *bus_.bus->admin(); }
  const Clock& clock() const { return *program_.clock; }
  const Program& program() const { return program_; }
  bool json() const { return arguments_.format == "json"; }
  std::string printable_bus() const { return PrintableBus(loaded_.pipeline.bus); }

  ExitCode Fail(ExitCode code, const std::string& message) const;
  ExitCode Fail(const absl::Status& status) const;

 private:
  const Program& program_;
  const std::string verb_;
  const OperatorArguments& arguments_;
  LoadedPipeline loaded_;
  OpenedBus bus_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_OPERATOR_H_
