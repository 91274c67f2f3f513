#include "ops/sim_arguments.h"

#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "ops/sim_failure.h"
#include "ops/text.h"

namespace millrace::ops {
namespace {

constexpr uint32_t kJobsMost = 100'000;
constexpr int kThreadsMost = 1024;

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "1000" or "17..42".
absl::StatusOr<SeedRange> ParseSeeds(const SimArguments& arguments) {
  const std::string text = arguments.seeds.value_or("1000");
  SeedRange seeds;
  const size_t dots = text.find("..");
  if (dots == std::string::npos) {
    const std::optional<uint64_t> number = Number(text);
    if (!number.has_value())
      return absl::InvalidArgumentError("--seeds: \"" + text + "\" is no number; give a count, or FIRST..LAST");
    if (*number == 0) return absl::InvalidArgumentError("--seeds: 0 seeds show nothing; give at least 1");
    seeds = {.first = arguments.first_seed.value_or(1), .count = *number};
  } else {
    if (arguments.first_seed.has_value())
      return absl::InvalidArgumentError("--seeds " + text + " says already which is the first; leave out --first-seed");
    const std::optional<uint64_t> low = Number(std::string_view(text).substr(0, dots));
    const std::optional<uint64_t> high = Number(std::string_view(text).substr(dots + 2));
    if (!low.has_value() || !high.has_value())
      return absl::InvalidArgumentError("--seeds: \"" + text + "\" is no range; write it as FIRST..LAST");
    if (*low > *high) {
      return absl::InvalidArgumentError("--seeds: the range " + text + " is upside down; write it as " +
                                        std::to_string(*high) + ".." + std::to_string(*low));
    }
    seeds = {.first = *low, .count = *high - *low + 1};
  }
  if (seeds.count == 0 || seeds.count - 1 > UINT64_MAX - seeds.first)
    return absl::InvalidArgumentError("--seeds: there are no seeds beyond " + std::to_string(UINT64_MAX));
  return seeds;
}

// What is asked for, and not done because of something else that is asked for.
absl::Status CheckTogether(const SimArguments& args) {
  struct Option {
    const char* name;
    bool given;
  };
  if (args.seed.has_value() && args.plan.has_value())
    return absl::InvalidArgumentError("--seed and --plan are two runs; give one of them");
  if (args.one_run() && args.exhaustive)
    return absl::InvalidArgumentError("--exhaustive makes its own plans; leave out --seed and --plan");
  if (args.shrink && args.no_shrink) return absl::InvalidArgumentError("--shrink and --no-shrink; give one of them");
  if (args.renew && !args.plan.has_value())
    return absl::InvalidArgumentError("--renew writes into a plan's file; name it with --plan");
  const Option of_seeds[] = {{"--first-seed", args.first_seed.has_value()},
                             {"--seeds", args.seeds.has_value()},
                             {"--min-effective", args.min_effective.has_value()}};
  const Option of_many[] = {{"--coverage", args.coverage},
                            {"--budget-seconds", args.budget_seconds.has_value()},
                            {"--max-dead-share", args.max_dead_share.has_value()}};
  const Option of_drawing[] = {{"--faults", !args.scope.faults.empty()},
                               {"--semantics", !args.scope.semantics.empty()}};
  for (const Option& option : of_seeds) {
    if (option.given && args.one_run())
      return absl::InvalidArgumentError(std::string(option.name) +
                                        " is of many seeds; leave it out with --seed and --plan");
    if (option.given && args.exhaustive)
      return absl::InvalidArgumentError(
          std::string(option.name) + " is of many seeds, and --exhaustive makes its own plans; leave one of them out");
  }
  for (const Option& option : of_many) {
    if (option.given && args.one_run())
      return absl::InvalidArgumentError(std::string(option.name) +
                                        " is of many runs; leave it out with --seed and --plan");
  }
  for (const Option& option : of_drawing) {
    if (option.given && args.plan.has_value())
      return absl::InvalidArgumentError(
          std::string(option.name) +
          " is for seeds, which draw it, and a plan says it itself; leave it out with --plan");
  }
  if (args.exhaustive && !args.scope.faults.empty())
    return absl::InvalidArgumentError("--exhaustive makes its own plans, of crashes alone; leave out --faults");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SeedRange> CheckArguments(const SimArguments& args) {
  for (const auto& [option, value] : {std::pair("--plan", &args.plan), std::pair("--report", &args.report)}) {
    if (value->has_value() && (*value)->empty())
      return absl::InvalidArgumentError(std::string(option) + ": no file is named; name one, or leave the option out");
  }
  if (absl::Status s = CheckTogether(args); !s.ok()) return s;
  if (args.jobs.has_value() && (*args.jobs == 0 || *args.jobs > kJobsMost))
    return absl::InvalidArgumentError("--jobs: so many cannot be run; give a number from 1 to " +
                                      WithCommas(kJobsMost));
  if (args.threads < 0 || args.threads > kThreadsMost)
    return absl::InvalidArgumentError("--threads: so many cannot be started; give a number from 1 to " +
                                      std::to_string(kThreadsMost));
  if (args.budget_seconds.has_value() && !(*args.budget_seconds > 0 && std::isfinite(*args.budget_seconds)))
    return absl::InvalidArgumentError("--budget-seconds: in no time nothing can be run; give more than 0");
  if (args.max_dead_share.has_value() && !(*args.max_dead_share >= 0 && *args.max_dead_share <= 1))
    return absl::InvalidArgumentError("--max-dead-share: no share of a whole; give a number from 0 to 1");
  absl::StatusOr<SeedRange> seeds = ParseSeeds(args);
  if (!seeds.ok()) return seeds;
  if (args.report.has_value()) {
    if (absl::Status s = CheckWritable(*args.report); !s.ok())
      return absl::InvalidArgumentError("--report: " + std::string(s.message()));
  }
  return seeds;
}

}  // namespace millrace::ops
