// Records for a benchmark: puts them on the input topic, as fast as it goes or at a rate, and measures how long a record
// takes to come out at the other end of whatever program works between.
//
//   absl::Status filled = FillBenchTopic(options, bus, &clock);
//   absl::StatusOr<ProbeResult> probed = ProbeBench(options, bus, &clock);   // options.rate > 0; a stage is running
//
// Records: keys key-0, key-1, … in turn, ids fill/0, fill/1, …, bodies of 'b'; a probe's bodies begin with when they
// were sent.
//
// Blocking    until options.count records are confirmed (and, for a probe, have come out), or nothing has happened for
//             options.patience.
// Errors      the first that a publish was answered with; DeadlineExceeded when nothing happens.
// Threading   one thread.
#ifndef MILLRACE_OPS_BENCH_FEED_H_
#define MILLRACE_OPS_BENCH_FEED_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "ops/bench_options.h"

namespace millrace::ops {

absl::Status FillBenchTopic(const BenchOptions& options, bus::Bus* bus, const Clock* clock);

struct ProbeResult {
  uint64_t records = 0;
  // From handing a record to the producer to its coming out of the consumer of `out`.
  int64_t p50_ns = 0;
  int64_t p99_ns = 0;
};
// Warms up with a tenth of the records, which are not counted.
absl::StatusOr<ProbeResult> ProbeBench(const BenchOptions& options, bus::Bus* bus, const Clock* clock);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_BENCH_FEED_H_
