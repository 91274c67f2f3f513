#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "sim/observed/observation.h"

namespace millrace::sim {
namespace {

constexpr Suspension kSuspended[] = {
    {.promise = "announced", .why = "a broker does not write down what it has destroyed"},
    {.promise = "duplicate-effect", .why = "a store keeps one receipt of each message, however often it was brought"},
    {.promise = "zombie-effect", .why = "a store does not write down who has brought what"},
    {.promise = "commit-regression", .why = "a broker does not write down in which order it has taken commits"},
    {.promise = "starvation", .why = "somebody may have had to wait for what was done to the run"},
};

// What is told by what processes have done and heard. The others ask the feed, the broker and the stores alone.
constexpr std::string_view kOfProcesses[] = {
    "settled-correctly",
    "settle-before-confirm",
    "exactly-once",
    "key-order",
    "commit-after-revoke",
    "dead-letter",
    "one-id-one-content",
    "drain",
    "duplicates-explained",
    "log-consistency",
    "bounded",
};

}  // namespace

Verdicts JudgeObserved(const Observed& observed) {
  std::vector<Suspension> suspended(std::begin(kSuspended), std::end(kSuspended));
  std::string missing;
  if (!observed.missing.empty()) {
    missing = observed.missing.front();
    const size_t more = observed.missing.size() - 1;
    if (more > 0) missing += ", and others of " + std::to_string(more) + " more stages";
    for (const std::string_view promise : kOfProcesses) suspended.push_back({.promise = promise, .why = missing});
  }
  if (!observed.ambiguous.empty()) suspended.push_back({.promise = "no-loss", .why = observed.ambiguous});
  return CheckAll({.plan = observed.plan, .history = observed.history, .suspensions = suspended});
}

}  // namespace millrace::sim
