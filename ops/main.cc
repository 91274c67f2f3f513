#include "ops/main.h"

#include <string>

#include "ops/backends.h"
#include "ops/command_line.h"
#include "ops/operator_commands.h"
#include "ops/program.h"

namespace millrace::ops {

int MillraceMain(int argc, char** argv, const std::vector<stages::Registrar>& registrars,
                 std::string_view default_config, const std::vector<stages::Registrar>& next_registrars) {
  std::string buses = "Buses:\n";
  for (const Backend& backend : KnownBackends()) buses += "  " + backend.scheme + ":  " + backend.summary + "\n";
  return RunCommandLine(
      argc, argv,
      {.registrars = registrars,
       .next_registrars = next_registrars,
       .default_config = default_config,
       .about = "Message-passing dataflow: runs a pipeline of stages over a bus, and accounts for every job by its id.",
       .footer = buses,
       .commands = {AddRunCommand, AddWorkCommand, AddLintCommand, AddTopologyCommand, AddLagCommand, AddDlqCommand,
                    AddOffsetsCommand, AddJudgeCommand, AddSimCommand, AddBenchCommand}});
}

}  // namespace millrace::ops
