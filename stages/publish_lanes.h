// The one place that publishes for a worker: hands outputs over under tokens, and sees each through to its confirm.
//
// A lane is one partition of one output topic. When a publish on a lane fails with an outage, back-pressure or an
// unknown outcome, the lane stops taking new ones, waits until all it has out are answered, backs off, and publishes
// what failed again: in the original order, the same bytes and ids, before anything new, and only for inputs whose
// epoch is live. InvalidArgument is permanent and goes to the input.
//
// In transactions nothing is repeated here: what fails is told at once, and the transaction is not committed.
//
// Threading: the worker's thread. No clock, no I/O.
#ifndef MILLRACE_STAGES_PUBLISH_LANES_H_
#define MILLRACE_STAGES_PUBLISH_LANES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/driver.h"
#include "stages/attempt.h"
#include "stages/ring.h"
#include "stages/worker_action.h"

namespace millrace::stages {

// One output on its way, and the input it belongs to.
struct PendingOutput {
  bus::Holding input;
  uint64_t place = 0;  // in the input's window
  AttemptGroup* group = nullptr;
  uint32_t item = 0;
  uint32_t output = 0;
  bool dead_letter = false;

  const EncodedOutput& encoded() const { return group->results[item].outputs[output]; }
};

class PublishLanes {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Whether the input is still ours.
    virtual bool Live(const PendingOutput& pending) = 0;
    // The end of a pending output: durable; never to be accepted (status says why); or given up because its input is no
    // longer live.
    virtual void OutputConfirmed(const PendingOutput& pending) = 0;
    virtual void OutputRejected(const PendingOutput& pending, const absl::Status& status) = 0;
    virtual void OutputDropped(const PendingOutput& pending) = 0;
    // In transactions: not published, or nobody knows.
    virtual void OutputFailed(const PendingOutput& pending, const absl::Status& status) = 0;
  };

  PublishLanes(const std::vector<int32_t>& topic_partitions, Duration backoff_initial, Duration backoff_max,
               bool in_transactions, Owner* owner);

  void Enqueue(const PendingOutput& pending, Actions* actions);
  void OnConfirmed(const bus::Confirm& confirm, MonotonicTime now);
  // Publishes again where a back-off has passed.
  void OnTimer(MonotonicTime now, Actions* actions);
  // Closes the step: one PublishAction for all that was handed over in it.
  void Flush(Actions* actions);
  // When OnTimer is wanted next.
  MonotonicTime NextTimer() const;
  // Publishes handed over and not answered.
  size_t outstanding() const { return outstanding_; }
  // A line for each lane that waits, for people.
  void Explain(std::vector<std::string>* out) const;

 private:
  struct Lane {
    int32_t topic = 0, partition = 0;
    uint32_t outstanding = 0;
    bool blocked = false;   // something failed; nothing new goes out
    uint32_t failures = 0;  // in a row
    MonotonicTime retry_at = MonotonicTime::Infinite();
    absl::Status why;
    std::vector<std::pair<uint64_t, PendingOutput>> failed;  // by first token
    Ring<PendingOutput> queue;                               // new ones, waiting
  };
  struct Sent {
    uint32_t lane = 0;
    bool answered = false;
    uint64_t first_token = 0;  // of the first time it was handed over
    PendingOutput pending;
  };

  uint32_t LaneOf(const EncodedOutput& output) const;
  void Send(uint32_t lane, const PendingOutput& pending, uint64_t first_token, Actions* actions);
  void Answer(const Sent& sent, const absl::Status& status, MonotonicTime now);
  void ScheduleRetry(Lane& lane, MonotonicTime now);
  void Republish(uint32_t index, Actions* actions);

  const Duration backoff_initial_, backoff_max_;
  const bool in_transactions_;
  Owner* const owner_;
  std::vector<uint32_t> first_lane_;  // by topic
  std::vector<Lane> lanes_;
  std::vector<uint32_t> waiting_;  // lanes with a retry to come
  Ring<Sent> sent_;                // by token, from base_token_
  uint64_t base_token_ = 1;
  uint64_t next_token_ = 1;
  uint64_t flushed_token_ = 1;
  size_t outstanding_ = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_PUBLISH_LANES_H_
