// A group of attempts: what the worker hands to an executor at once, and what comes back. Attempts of a group run one
// after the other, in order.
//
// A message may follow others of its key in the same group; it names the one before it as `predecessor` and runs only
// if that one succeeded. So a hot key costs one hand-over for many messages, and stays serial.
//
// Threading: between the dispatch and the report of an item the executor writes its result; everything else is the
// worker's, but for `cancelled` and `progress`, which both touch. Ownership: the worker owns groups and reuses them; a
// dispatched group stays alive until its last item is reported, however long that takes.
#ifndef MILLRACE_STAGES_ATTEMPT_H_
#define MILLRACE_STAGES_ATTEMPT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/delivery.h"
#include "stages/attempt_progress.h"
#include "stages/outputs.h"

namespace millrace::stages {

struct AttemptItem {
  bus::Delivery delivery;
  bus::Holding holding;
  uint64_t slot = 0;         // the worker's: place in the partition's window
  uint32_t attempt = 1;      // 1: the first try
  int32_t predecessor = -1;  // index in the group of the message of the same key before this one
  bool timed_out = false;    // the worker's: told to stop; its result will be thrown away
  bool in_company = false;   // … with others of one call: nobody knows whose fault it was
};

struct AttemptResult {
  absl::Status status;
  bool skipped = false;  // not run, as the predecessor failed
  std::vector<EncodedOutput> outputs;
  std::atomic<bool> cancelled{false};
};

struct AttemptGroup {
  uint64_t id = 0;
  std::vector<AttemptItem> items;
  std::unique_ptr<AttemptResult[]> results;     // one for each item
  std::vector<bus::SegmentRef> input_segments;  // keep the deliveries' bytes
  std::vector<bus::SegmentRef>
      output_segments;       // keep the outputs' bytes; filled by the executor before it reports the last item
  AttemptProgress progress;  // written by the executor

  // The worker's bookkeeping.
  uint32_t reported = 0;  // items whose results have come
  uint32_t in_use = 0;    // outputs that are not confirmed yet
  bool stuck = false;     // past time-out and grace
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_ATTEMPT_H_
