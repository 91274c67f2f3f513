// The worker: everything about a stage instance that can lose, repeat or reorder a job, as a state machine. No threads,
// no clock, no I/O: production (stages/instance.h) and the simulator run this very code.
//
//   Worker worker(options, &pool);
//   worker.Step({monotonic, wall}, AssignedEvent{…}, &actions);   // appends to actions; carry them out in order before
//   the next step
//
// What it upholds, in one place each:
//   * an input is settled only after every output of it is confirmed (EmitSettle is the only place that settles)
//   * settlements follow the contiguous prefix of finished messages on logs, whatever order they finish in and whatever
//   gaps offsets have
//   * per key one message at a time, in order, through retries; across keys concurrency; a stuck key stalls others only
//   when the window is full
//   * attempts count only a message's own failures; an outage pauses the stage and never dead-letters
//   * a dead letter is confirmed before its message is settled
//   * results and confirms under a stale epoch settle nothing
//   * exactly once, where asked for: outputs and settlements are committed in one step, or neither is seen
//   * after Drain or Revoking nothing new starts; what is finished until the deadline is settled, the rest is given
//   back
//
// Blocking: never. Errors: none; the world's errors come in as events. Threading: one thread at a time.
// Ownership: attempt groups are the worker's; it must outlive their execution.
#ifndef MILLRACE_STAGES_WORKER_H_
#define MILLRACE_STAGES_WORKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/driver.h"
#include "bus/random.h"
#include "bus/segment.h"
#include "stages/breaker.h"
#include "stages/partition_window.h"
#include "stages/publish_lanes.h"
#include "stages/ring.h"
#include "stages/timer_heap.h"
#include "stages/worker_action.h"
#include "stages/worker_event.h"
#include "stages/worker_options.h"
#include "stages/worker_stats.h"

namespace millrace::stages {

struct TransactionShare;

class Worker : private PublishLanes::Owner {
 public:
  // `pool` holds the bytes of dead letters; it may be shared.
  Worker(WorkerOptions options, bus::SegmentPool* pool);
  ~Worker() override;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Takes an event and appends what is to be done to `actions`.
  void Step(Instant now, const Event& event, Actions* actions);

  // What waits for what, a line each; empty when nothing does. For people, liveness checks and health pages.
  std::vector<std::string> Pending() const;
  const WorkerStats& stats() const { return stats_; }
  // Whether messages are in flight or publishes unanswered.
  bool Idle() const;

 private:
  struct Held;  // a partition, held or not

  // Events.
  void On(const AssignedEvent& event);
  void On(const RevokingEvent& event);
  void On(const LostEvent& event);
  void On(const DeliveredEvent& event);
  void On(const NotedEvent& event);
  void On(const AttemptsEvent& event);
  void On(const ProgressEvent& event);
  void On(const ConfirmedEvent& event);
  void On(const SpooledEvent& event);
  void On(const TimerEvent& event);
  void On(const GateEvent& event);
  void On(const DrainEvent& event);
  void On(const TransactedEvent& event);

  // Partitions.
  Held& PartitionAt(bus::Partition partition);
  Held* FindHeld(const bus::Holding& holding);
  void BeginRevoke(Held& held, MonotonicTime deadline);
  void ReleaseIfFinished(Held& held);
  void GiveUp(Held& held);
  void Drop(Held& held);

  // Life of a message.
  void MakeReady(Held& held, uint64_t place);
  void AdvanceKey(Held& held, Slot& slot);
  void FinishAttempt(AttemptGroup& group, uint32_t index);
  void Accept(Held& held, Slot& slot, AttemptGroup& group, uint32_t index);
  void FailAttempt(Held& held, Slot& slot, uint64_t place, const absl::Status& status);
  void Complete(Held& held, uint64_t place);

  // Dead letters (worker_dead_letter.cc).
  void DeadLetter(Held& held, uint64_t place, const absl::Status& reason);
  void PublishDeadLetter(Held& held, uint64_t place, const absl::Status& reason, bool cut);
  bool MayPark(Held& held, const Slot& slot);
  void Park(Held& held, const Slot& slot);

  // Dispatching (worker_dispatch.cc).
  void DispatchReady();
  bool AddReady(AttemptGroup& group);
  void AddItem(AttemptGroup& group, Held& held, uint64_t place, int32_t predecessor);
  void AddChain(AttemptGroup& group, Held& held, uint64_t place);
  void SendGroup(AttemptGroup* group);
  bool BreakerAllows() const;
  AttemptGroup* FindRunning(uint64_t id);
  AttemptGroup* TakeGroup();
  void RecycleIfUnused(AttemptGroup* group);

  // Attempts that take too long (worker_timeout.cc).
  void WatchGroup(const AttemptGroup& group);
  void OnGroupTimer(uint64_t id);
  void TimeOut(AttemptGroup& group, const AttemptProgress::Reading& running);
  void GiveEverythingUp(AttemptGroup& group, const AttemptProgress::Reading& running);
  void RememberHung(Held& held, uint64_t sequence, bool in_company);
  void RecallHung(const Held& held, Slot& slot) const;
  bool HungTooOften(const Held& held, const Slot& slot) const;

  // Inputs that kill the process, found across restarts (worker_suspects.cc).
  void BeginGuard(Held& held, const bus::Assignment& assignment);
  void BeginSuspicion(Held& held, uint64_t messages);
  void BeginGuardFromDelivery(Held& held, const bus::Delivery& first);
  void AdvanceGuard(Held& held, uint64_t passed);
  bool MaySuspectRun(Held& held, uint64_t place);
  void ClearRunningMark(Held& held);
  void TakeMarkBack(Held& held);
  bool EndGuardCleanly(Held& held);
  static bool DoneBefore(const Held& held, uint64_t sequence);

  // Trials of suspects, one at a time in a process (worker_trial.cc).
  void DispatchOrTry();
  bool MayTrySuspect(const Held& held) const;
  Held* NextSuspect();
  void RunTrial();
  void AfterTrial(Held* held);
  void EndTrial();
  void Wish(GateWish wish);
  void WakeAt(MonotonicTime at);

  // Exactly once (worker_transaction.cc).
  void HoldBack(Held& held, uint64_t place, AttemptGroup* group, uint32_t item);
  bool MayPublish() const;
  void PublishPrefix(Held& held);
  void Doom(const absl::Status& why, bool back_off);
  void StepTransaction();
  bool TransactionIsDue() const;
  void Commit();
  void AddSettle(Held& held);
  void ParkInTransaction(Held& held);
  void Committed(Held& held);
  void Rewind(Held& held);
  void RefuseRejected(Held& held, uint64_t end);
  void AnsweredInTransaction(const PendingOutput& pending);
  bool MayPart(Held& held);
  void DropShare(Held& held);
  void ReleaseResult(TransactionShare& share, uint64_t place, uint64_t head);
  MonotonicTime TransactionTimer() const;

  // The end of each step.
  void EmitSettles();
  void EmitSettle(Held& held);
  void EmitNote(Held& held);
  void UpdateFlow(Held& held);
  void EmitTimer();
  void MarkDirty(Held& held);

  // PublishLanes::Owner.
  bool Live(const PendingOutput& pending) override;
  void OutputConfirmed(const PendingOutput& pending) override;
  void OutputRejected(const PendingOutput& pending, const absl::Status& status) override;
  void OutputDropped(const PendingOutput& pending) override;
  void OutputFailed(const PendingOutput& pending, const absl::Status& status) override;
  void OutputEnded(const PendingOutput& pending, const absl::Status& status);

  const WorkerOptions options_;
  const Random random_;
  WorkerStats stats_;
  Instant now_;                 // of the step
  Actions* actions_ = nullptr;  // of the step

  std::vector<std::vector<std::unique_ptr<Held>>> partitions_;  // by topic and number
  std::vector<Held*> held_;
  std::vector<Held*> dirty_;
  struct Ready {
    Held* held = nullptr;
    bus::Epoch epoch = 0;
    uint64_t place = 0;
  };
  Ring<Ready> ready_;

  std::vector<std::unique_ptr<AttemptGroup>> groups_;
  std::vector<AttemptGroup*> free_groups_;
  std::vector<AttemptGroup*> running_;
  uint64_t next_group_ = 1;

  // The process's gate for trials, as this instance sees it.
  enum class Gate {
    kOpen,
    kWanted,  // a suspect is to be tried: what runs here comes to its end first
    kAsked,
    kClosed,  // somebody else's trial, or one that was given back and is not yet confirmed to be so
    kMine,
  };
  Gate gate_ = Gate::kOpen;
  uint64_t gate_round_ = 0;
  bool quiet_told_ = false;
  MonotonicTime closed_since_;
  MonotonicTime ask_at_;        // not before: others have their time
  MonotonicTime trial_until_;   // kAsked, kMine: patience ends
  MonotonicTime settle_until_;  // kMine, survived_: the same, for being settled
  bus::Holding trial_;          // kMine: whose suspect it is; epoch 0: not chosen yet
  bool tried_ = false;          // … and it was sent off
  bool survived_ = false;       // … and has come back

  // Exactly once: the transaction under way, over all partitions.
  enum class Transaction {
    kNone,
    kOpen,
    kEnding,  // takes in nothing more; what it holds is to be confirmed
    kCommitting,
    kAborting,
  };
  Transaction transaction_ = Transaction::kNone;
  MonotonicTime began_;
  MonotonicTime begin_at_;  // not before: the last one failed
  bool doomed_ = false;     // to be aborted
  bool back_off_ = false;   // … and not to be tried again at once
  absl::Status why_;
  uint32_t aborts_ = 0;  // in a row

  PublishLanes lanes_;
  Breaker breaker_;
  TimerHeap timers_;
  MonotonicTime timer_sent_ = MonotonicTime::Infinite();
  OutputArena dead_arena_;
  struct Spooling {
    bus::Holding holding;
    uint64_t place = 0;
    absl::Status reason;
    bus::SegmentRef segment;
    std::string id;
    std::string_view body;
    uint32_t failures = 0;
  };
  std::map<uint64_t, Spooling> spooling_;
  uint64_t next_spool_ = 1;

  bool ready_to_serve_ = true;
  bool draining_ = false;
  bool left_ = false;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_WORKER_H_
