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

}  // namespace

Verdicts JudgeObserved(const Observed& observed) {
  return CheckAll({.plan = observed.plan, .history = observed.history, .suspensions = kSuspended});
}

}  // namespace millrace::sim
