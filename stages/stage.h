// Start here to write a stage: one job in, any number of jobs out.
//
//   class Shout : public Stage {
//    public:
//     absl::Status Process(Context&, const bus::Message& in, Outputs& out) override {
//       std::string loud = ToUpper(in.body.value_or(""));
//       return out.Emit({.body = loud});
//     }
//   };
//
// What a status means:
//   OK                 the outputs are published and confirmed, then the input is settled
//   InvalidArgument    this message can never succeed: to the dead-letter topic at once, with the status as reason
//   Unavailable        the outside is down: the stage pauses and tries again, without limit and without using up
//                      attempts
//   anything else      this message failed this time: retried with back-off up to the limit, then dead-lettered. An
//                      exception counts as such.
// Outputs of an attempt that did not return OK are thrown away.
//
// A stage that emits nothing finishes the job: the worker writes a receipt for it (see Outputs::Drop for giving a
// reason), unless it is a sink which keeps receipts in its own transaction.
//
// Threading: one object is used by one thread at a time; there is one object for each thread, so members need no locks.
// State kept in an object is lost with the process and not shared: it may only be a cache. Reading order: this file →
// stages/outputs.h → stages/context.h → stages/registry.h → stages/worker.h.
#ifndef MILLRACE_STAGES_STAGE_H_
#define MILLRACE_STAGES_STAGE_H_

#include <span>

#include "absl/status/status.h"
#include "bus/message.h"
#include "stages/context.h"
#include "stages/outputs.h"

namespace millrace::stages {

class Stage {
 public:
  virtual ~Stage() = default;
  // Blocking: may, within the stage's time-out; poll context.cancelled() when it takes long.
  // Ownership: `message` and its bytes are valid during the call; what is emitted is copied.
  virtual absl::Status Process(Context& context, const bus::Message& message, Outputs& outputs) = 0;
};

// One message of a batch: fill in `status`, emit into `outputs`.
struct BatchItem {
  Context& context;
  const bus::Message& message;
  Outputs& outputs;
  absl::Status status;
};

// A stage that is better at many messages at once (one transaction, one request). No two messages of a batch have the
// same key. A batch that makes Process throw is given again, each message by itself, so that only the one that throws has
// failed: what the batch had done by then is done again. So is one that runs out of time, and nobody of it has failed
// by that.
class BatchStage {
 public:
  virtual ~BatchStage() = default;
  // Sets the status of each item; the meaning of a status is as above, for each message by itself.
  virtual void Process(std::span<BatchItem> batch) = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_STAGE_H_
