#include "ops/operator.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <utility>

namespace millrace::ops {

void AddOperatorOptions(const Program& program, CLI::App& command, OperatorArguments* arguments) {
  command.add_option("PIPELINE", arguments->pipeline,
                     std::string("Pipeline file (text-format Protobuf)") +
                         (program.default_config.empty() ? "" : "; default: the one this program was built with"));
  command.add_option("--bus", arguments->bus, "Broker to ask instead of the pipeline's own")->type_name("URL");
  AddBusOption(command, &arguments->bus_options);
  command.add_option("--format", arguments->format, "text or json (one object on standard output)")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
}

ExitCode Operator::Open() {
  ExitCode code =
      LoadPipeline(program_, verb_, arguments_.pipeline, {arguments_.bus, arguments_.bus_options}, {}, &loaded_);
  if (code != kWell) return code;
  absl::StatusOr<OpenedBus> opened = OpenBus(loaded_.pipeline.bus, *program_.clock);
  if (!opened.ok()) return Fail(opened.status());
  bus_ = *std::move(opened);
  if (bus_.bus->admin() == nullptr) {
    return Fail(kUsage, "what is on " + printable_bus() +
                            " lives and ends in the process that runs the pipeline, and " + verb_ +
                            " cannot look into it; give a broker: --bus kafka://… or --bus amqp://…");
  }
  return kWell;
}

ExitCode Operator::Fail(ExitCode code, const std::string& message) const {
  std::cerr << program_.name << ": " << message << "\n";
  return code;
}

ExitCode Operator::Fail(const absl::Status& status) const {
  // A bus that is otherwise than the pipeline is for whoever wrote that.
  return Fail(absl::IsFailedPrecondition(status) ? kUsage : ExitCodeOf(status), std::string(status.message()));
}

}  // namespace millrace::ops
