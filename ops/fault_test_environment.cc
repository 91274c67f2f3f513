#include "ops/fault_test_environment.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "ops/text.h"

namespace millrace::ops {
namespace {

constexpr double kPreparationsSeconds = 60;

absl::Status ReadNumber(const char* name, uint64_t least, std::optional<uint64_t>* value) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == 0) return absl::OkStatus();
  uint64_t number = 0;
  const std::string_view view(text);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), number);
  if (error != std::errc() || end != view.data() + view.size() || number < least) {
    return absl::InvalidArgumentError("environment: " + std::string(name) + "=" + text + " is no number from " +
                                      std::to_string(least) + " on; correct it, or unset it");
  }
  *value = number;
  return absl::OkStatus();
}

}  // namespace

Duration TestEnvironment::PreparationsMost(double budget_seconds) const {
  const double left = static_cast<double>(timeout_seconds.value_or(0)) - budget_seconds;
  // A budget beyond the time-out leaves nothing of it to be shared out.
  const double most = left > 0 ? std::min(left / 2, 1e9) : kPreparationsSeconds;
  return Duration(static_cast<int64_t>(most * 1e9));
}

absl::StatusOr<TestEnvironment> ReadTestEnvironment() {
  TestEnvironment environment;
  std::optional<uint64_t> first, shards, shard;
  for (const absl::Status& s :
       {ReadNumber("MILLRACE_FIRST_SEED", 0, &first), ReadNumber("MILLRACE_SEEDS", 1, &environment.seeds),
        ReadNumber("MILLRACE_BUDGET_SECONDS", 1, &environment.budget_seconds),
        ReadNumber("TEST_TIMEOUT", 1, &environment.timeout_seconds), ReadNumber("TEST_TOTAL_SHARDS", 1, &shards),
        ReadNumber("TEST_SHARD_INDEX", 0, &shard)}) {
    if (!s.ok()) return s;
  }
  environment.first_seed = first.value_or(1);
  if (environment.seeds.has_value() && *environment.seeds - 1 > UINT64_MAX - environment.first_seed)
    return absl::InvalidArgumentError(
        "environment: MILLRACE_FIRST_SEED and MILLRACE_SEEDS: there are no seeds beyond " + std::to_string(UINT64_MAX) +
        "; ask for fewer, or for lower ones");
  environment.shards = shards.value_or(1);
  environment.shard = shard.value_or(0);
  if (environment.shard >= environment.shards)
    return absl::InvalidArgumentError("environment: TEST_SHARD_INDEX is not below TEST_TOTAL_SHARDS; correct them");
  if (const char* file = std::getenv("TEST_SHARD_STATUS_FILE"); file != nullptr && *file != 0)
    std::ofstream(file, std::ios::app) << "";
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR"); folder != nullptr && *folder != 0)
    environment.outputs = folder;
  return environment;
}

std::string TooLate(Duration passed, Duration most, const std::string& doing) {
  return "what comes before the seeds has taken " + ForPeople(passed.count()) + " (the last of it: " + doing +
         "), and may take " + ForPeople(most.count()) +
         ", half of what Bazel leaves beside budget_seconds, so no seed was run; make what is slow in the stages "
         "faster, give fewer or smaller inputs, share a long corpus among more shards, or give more time, by a larger "
         "budget_seconds, which Bazel's time-out follows, or by --test_timeout";
}

}  // namespace millrace::ops
