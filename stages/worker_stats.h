// What a worker has done, for people and metrics. Never the base of the ledger, which counts ids on the bus and in the
// stores.
#ifndef MILLRACE_STAGES_WORKER_STATS_H_
#define MILLRACE_STAGES_WORKER_STATS_H_

#include <cstdint>

#include "stages/histogram.h"

namespace millrace::stages {

struct WorkerStats {
  uint64_t in = 0;          // messages delivered
  uint64_t out = 0;         // outputs confirmed
  uint64_t done = 0;        // messages finished, dead-lettered ones included
  uint64_t retried = 0;     // attempts that failed and will be repeated
  uint64_t dead = 0;        // dead letters confirmed
  uint64_t outages = 0;     // times the breaker opened
  uint64_t given_up = 0;    // messages of partitions that went away before they were finished
  uint64_t stale = 0;       // results that came for partitions no longer held, thrown away
  uint32_t partitions = 0;  // held now
  uint32_t in_window = 0;   // messages in windows after the last step
  Histogram latency;        // from delivery to the end, waiting and retries included
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_WORKER_STATS_H_
