// What can happen to a worker. Views and pointers in events are valid during Step; deliveries' bytes as long as their
// segment is held.
#ifndef MILLRACE_STAGES_WORKER_EVENT_H_
#define MILLRACE_STAGES_WORKER_EVENT_H_

#include <cstdint>
#include <span>
#include <variant>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/delivery.h"
#include "bus/driver.h"
#include "stages/attempt.h"

namespace millrace::stages {

// When a step happens: monotonic for durations, wall for what people read in a dead letter's history.
struct Instant {
  MonotonicTime monotonic;
  WallTime wall;
};

struct AssignedEvent {
  std::span<const bus::Assignment> assignments;
};
struct RevokingEvent {
  std::span<const bus::Holding> holdings;
  MonotonicTime deadline;
};
struct LostEvent {
  std::span<const bus::Holding> holdings;
};
struct DeliveredEvent {
  bus::DeliveryBatch batch;
};
// A settlement with a note was taken or refused.
struct NotedEvent {
  bus::Holding holding;
  absl::Status status;
};
// Items [from, to) of the group have results; from is what was reported before.
struct AttemptsEvent {
  AttemptGroup* group = nullptr;
  uint32_t from = 0;
  uint32_t to = 0;
};
// The answer to ProgressAction: what the executor was at with the group, if it was at anything.
struct ProgressEvent {
  uint64_t group = 0;  // its id
  AttemptProgress::Reading running;
};
struct ConfirmedEvent {
  bus::Confirm confirm;
};
// The answer to TransactAction: done as asked, or (Aborted) not committed, and nothing of it will be seen.
struct TransactedEvent {
  absl::Status status;
};
// The answer to SpoolAction.
struct SpooledEvent {
  uint64_t spool = 0;
  absl::Status status;
};
struct TimerEvent {};
// How the process's gate for trials (stages/trial_gate.h) stands for this instance. The worker begins with it open.
enum class GateState : uint8_t {
  kOpen,    // run what you like; a wish of before is void
  kClosed,  // start nothing, and say kQuiet when nothing runs
  kMine,    // a trial is yours
};
struct GateEvent {
  GateState state = GateState::kOpen;
  uint64_t round = 0;  // to be named by the answer
  bool alone = false;  // there is no other instance in the process
};
// Finish what runs, start nothing, give everything back until `deadline`, then leave.
struct DrainEvent {
  MonotonicTime deadline;
};

using Event =
    std::variant<AssignedEvent, RevokingEvent, LostEvent, DeliveredEvent, NotedEvent, AttemptsEvent, ProgressEvent,
                 ConfirmedEvent, SpooledEvent, TimerEvent, GateEvent, DrainEvent, TransactedEvent>;

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_WORKER_EVENT_H_
