// What `sim` is told on its command line, and the one function that does it.
#ifndef MILLRACE_OPS_SIM_COMMAND_H_
#define MILLRACE_OPS_SIM_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ops/program.h"
#include "ops/sim_setup.h"

namespace millrace::ops {

struct SimArguments {
  SimScope scope;
  std::string seeds = "1000";          // a count, or FIRST..LAST
  std::optional<uint64_t> first_seed;  // default 1
  std::optional<uint64_t> seed;        // one run
  std::optional<std::string> plan;     // one run
  bool renew = false;                  // write into the plan which of its faults strike
  bool shrink = false, no_shrink = false;
  bool exhaustive = false, coverage = false, isolate = false;
  std::optional<uint32_t> jobs;
  int threads = 0;  // 0: as many as there are cores
  std::string format = "text";
  std::optional<std::string> report;
  std::string out = "sim-failures";
  std::optional<double> budget_seconds;
  std::optional<uint64_t> min_effective;  // default: one in twenty
  double max_dead_share = 0.5;
};

ExitCode RunSim(const Program& program, SimArguments arguments);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_COMMAND_H_
