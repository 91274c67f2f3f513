// Whether a group keeps up with a partition, from a few looks at it.
//
// The rules are those of Burrow (linkedin/Burrow, core/internal/evaluator/caching.go, calculatePartitionStatus), in its
// order: without lag now, or where the lag was ever zero (rule 1), all is well; else REWIND where the offset went back
// (rule 2), STOP where nobody commits any more (rule 3), STALL where commits do not move (rule 4), WARN where the lag
// never got smaller (rule 5). Burrow reads each commit with its time; who asks a broker sees the last offset only. So
// what tells a consumer that has stopped from one that stands still is whether the partition has an owner.
//
// Threading: pure.
#ifndef MILLRACE_OPS_LAG_VERDICT_H_
#define MILLRACE_OPS_LAG_VERDICT_H_

#include <cstdint>
#include <optional>
#include <span>

#include "bus/clock.h"

namespace millrace::ops {

enum class LagVerdict { kOk, kWarn, kStall, kStop, kRewind };

const char* NameOf(LagVerdict verdict);
// Whether it is more than a warning.
inline bool IsError(LagVerdict verdict) { return verdict > LagVerdict::kWarn; }

struct LagSample {
  MonotonicTime at;
  int64_t committed = -1;  // -1: nothing yet, or not known
  int64_t end = -1;        // -1: not known
  int64_t lag = 0;
};

// `samples` by time, at least one; `owned`: at the last of them.
LagVerdict JudgeLag(std::span<const LagSample> samples, bool owned);

struct LagRates {
  std::optional<double> consumed;  // messages a second; nothing where it is not known
  std::optional<double> arriving;
  std::optional<double> seconds_to_zero;  // 0 without lag; nothing: never, as things go
};
LagRates RatesOf(std::span<const LagSample> samples);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_LAG_VERDICT_H_
