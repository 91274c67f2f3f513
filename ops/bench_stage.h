// One stage alone over any bus, to be set beside another program that does the same work: consume a record, set the last
// byte of its body to 'X', add the header `stage`, publish it, commit behind the confirm.
//
//   absl::StatusOr<BenchResult> result = RunBenchStage(options, bus, &clock);
//
// It is the production worker with the in-line executor, as `run` would make it; the dead letters go to "<out>.dead".
//
// Blocking    until `count` records of the group are settled, or nothing has come for `patience`.
// Errors      DeadlineExceeded when nothing comes; otherwise what the bus says.
// Threading   one thread, and one of its own that watches.
#ifndef MILLRACE_OPS_BENCH_STAGE_H_
#define MILLRACE_OPS_BENCH_STAGE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "ops/bench_options.h"

namespace millrace::ops {

struct BenchResult {
  uint64_t settled = 0;
  uint64_t dead = 0;
  double elapsed_seconds = 0;  // from the first record to the end of the last commit and the leave
  double cpu_seconds = 0;      // of the whole process, meanwhile
};

absl::StatusOr<BenchResult> RunBenchStage(const BenchOptions& options, bus::Bus* bus, const Clock* clock);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_BENCH_STAGE_H_
