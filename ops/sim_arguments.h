// What `sim` is told on its command line, and whether that can be done.
//
//   absl::StatusOr<SeedRange> seeds = CheckArguments(arguments);
//
// Threading: pure functions.
#ifndef MILLRACE_OPS_SIM_ARGUMENTS_H_
#define MILLRACE_OPS_SIM_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ops/sim_setup.h"

namespace millrace::ops {

struct SimArguments {
  SimScope scope;
  std::optional<std::string> seeds;    // a count, or FIRST..LAST; default 1000
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
  std::optional<double> max_dead_share;   // default 0.5

  bool one_run() const { return seed.has_value() || plan.has_value(); }
};

struct SeedRange {
  uint64_t first = 1;
  uint64_t count = 0;
};

// The seeds that are asked for. Errors: InvalidArgument, with what to do, for what cannot be done and for options of which
// one would be dropped because of another.
absl::StatusOr<SeedRange> CheckArguments(const SimArguments& arguments);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_ARGUMENTS_H_
