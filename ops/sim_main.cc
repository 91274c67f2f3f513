#include "ops/sim_main.h"

#include "ops/command_line.h"
#include "ops/program.h"

namespace millrace::ops {

int SimMain(int argc, char** argv, const std::vector<stages::Registrar>& registrars, std::string_view default_config,
            const std::vector<stages::Registrar>& next_registrars) {
  return RunCommandLine(argc, argv,
                        {.registrars = registrars,
                         .next_registrars = next_registrars,
                         .default_config = default_config,
                         .about = "Simulates a pipeline under faults, and checks what Millrace promises.",
                         .footer = "",
                         .commands = {AddSimCommand, AddFaultTestCommand}});
}

}  // namespace millrace::ops
