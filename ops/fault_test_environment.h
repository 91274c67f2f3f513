// What a fault test finds in its environment: which seeds, how long, where its outputs go.
//
//   absl::StatusOr<TestEnvironment> environment = ReadTestEnvironment();
//
// Threading: pure functions, but for the environment.
#ifndef MILLRACE_OPS_FAULT_TEST_ENVIRONMENT_H_
#define MILLRACE_OPS_FAULT_TEST_ENVIRONMENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "bus/clock.h"

namespace millrace::ops {

// What Bazel and whoever starts the test say in the environment.
struct TestEnvironment {
  uint64_t first_seed = 1;
  std::optional<uint64_t> seeds;  // all of these, instead of as many as it takes
  std::optional<uint64_t> budget_seconds;
  std::optional<uint64_t> timeout_seconds;  // Bazel ends the test then
  uint64_t shards = 1, shard = 0;
  std::string outputs = "sim-failures";

  // How long what comes before the seeds may take: half of what Bazel leaves beside the budget, so that the other half is for
  // what comes behind; 60 s where nobody says when the test is ended.
  Duration PreparationsMost(double budget_seconds) const;
};

// Errors: InvalidArgument, naming the variable.
absl::StatusOr<TestEnvironment> ReadTestEnvironment();

// The finding of a fault test that has spent too much before its seeds. `doing`: on what, when that was noticed.
std::string TooLate(Duration passed, Duration most, const std::string& doing);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_FAULT_TEST_ENVIRONMENT_H_
