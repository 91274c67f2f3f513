// One running instance of a stage: the worker, its consumer and producer, its executor, and the loop that carries
// actions out.
//
//   Instance instance(std::move(config), bus, clock);
//   std::thread thread([&] { result = instance.Run(); });
//   …
//   instance.Drain(clock.Now() + std::chrono::seconds(20));      // SIGTERM
//   thread.join();
//
// Blocking: Run returns when it has drained, or when it cannot start. Threading: Run on one thread; Drain, Snapshot and
// Pending from any. Ownership: bus, clock, spool, tap and gate outlive the instance. When an attempt never returns, Run
// returns DeadlineExceeded and the instance must be leaked, not destroyed, as the attempt's thread still uses it.
#ifndef MILLRACE_STAGES_INSTANCE_H_
#define MILLRACE_STAGES_INSTANCE_H_

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "bus/consumer.h"
#include "bus/producer.h"
#include "stages/executor.h"
#include "stages/mailbox.h"
#include "stages/spool.h"
#include "stages/tap.h"
#include "stages/trial_gate.h"
#include "stages/worker.h"

namespace millrace::stages {

struct InstanceConfig {
  // settlement, notes, strictness and limits are completed from the bus's capabilities. Where it is exactly_once, consumer
  // and producer are made transactional, under the id "<group>.<instance>" unless the producer has one.
  WorkerOptions worker;
  bus::ConsumerOptions consumer;  // topics as in worker.inputs
  bus::ProducerOptions producer;  // topics as in worker.topic_partitions
  // Makes what runs the attempts; reports go to the given reporter.
  std::function<absl::StatusOr<std::unique_ptr<Executor>>(AttemptReporter*)> make_executor;
  Spool* spool = nullptr;  // not null
  Tap* tap = nullptr;      // may be null
  // Told what the bus says of its own state: outages, data destroyed, recovery. May be null. Called on the loop's
  // thread.
  std::function<void(const absl::Status&)> on_trouble;
  // Told which attempt does not return, when the instance gives its partitions up for it. May be null. Called on the
  // loop's thread.
  std::function<void(const std::string&)> on_not_ready;
  // Shared by the instances of a process; null: this one is alone in it.
  TrialGate* gate = nullptr;
  // Who is woken when the gate has something to say; null: Run. For callers with a loop of their own.
  bus::Waker* gate_waker = nullptr;
  // Least time between two snapshots; Infinite (Duration::max()): only when closing.
  Duration snapshot_every = std::chrono::milliseconds(100);
};

struct InstanceSnapshot {
  WorkerStats stats;
  bool idle = false;  // nothing in flight
  bool ready = true;  // false: an attempt runs past its time-out and grace
  std::string not_ready_reason;
  // What waits for what. While messages flow it is made only for who asks: it is of the first update (ten a second)
  // after the Snapshot before this one.
  std::vector<std::string> pending;
};

class Instance {
 public:
  Instance(InstanceConfig config, bus::Bus* bus, const Clock* clock);
  ~Instance();

  // Opens consumer and producer, and works until drained. Errors: what opening or making the executor says;
  // FailedPrecondition for exactly-once on a bus that has no transactions;
  // DeadlineExceeded when the broker did not answer, or an attempt did not return, until the drain's deadline.
  absl::Status Run();
  // For callers with a loop of their own, instead of Run, all on one thread: opens; one round over what may have
  // happened, without blocking (false when nothing had); whether the drain is complete; closes.
  absl::Status Open();
  bool Turn();
  // Whether there is nothing for another Turn but what the drivers may have to tell.
  bool AtRest() const;
  // When Turn should be called even if nothing has come.
  MonotonicTime NextTimer() const;
  bool left() const { return leaving_; }
  // Whether nothing is in flight: no message is held, no attempt runs, no publish is unanswered or waits to be repeated.
  bool Idle() const { return worker_->Idle() && waiting_.empty(); }
  absl::Status Close();
  // Asks Run to finish what runs, give the rest back and return, at the latest around `deadline`. An earlier deadline
  // replaces a later one.
  void Drain(MonotonicTime deadline) { mailbox_.Drain(deadline); }
  // How things were after the last turn of the loop, at most about InstanceConfig::snapshot_every ago.
  InstanceSnapshot Snapshot() const;
  // What waits for what at this moment. The loop's thread.
  std::vector<std::string> Pending() const { return worker_->Pending(); }

 private:
  class Handler;
  friend class Handler;

  absl::Status OpenTransactions(const bus::Capabilities& capabilities);
  void Step(const Event& event);
  void CarryOut();
  void Do(const DispatchAction& a);
  void Do(const CancelAction& a);
  void Do(const ProgressAction& a);
  void Do(const PublishAction& a);
  void Do(const SettleAction& a);
  void Do(const FlowAction& a);
  void Do(const ReleaseAction& a);
  void Do(const SpoolAction& a);
  void Do(const SetTimerAction& a);
  void Do(const ReadyAction& a);
  void Do(const GateAction& a);
  void Do(const LeaveAction& a);
  void Do(const TransactAction& a);
  void OfferWaiting();
  void UpdateSnapshot(MonotonicTime now, bool flowing);

  InstanceConfig config_;
  bus::Bus* const bus_;
  const Clock* const clock_;
  bus::SegmentPool pool_;
  Mailbox mailbox_;
  TrialGate own_gate_;
  std::unique_ptr<bus::Consumer> consumer_;
  std::unique_ptr<bus::Producer> producer_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<TrialGate::Seat> seat_;
  std::unique_ptr<Executor> executor_;  // destroyed first: its threads use the worker's groups
  std::unique_ptr<Handler> handler_;

  Actions actions_;
  std::vector<AttemptReport> reports_;
  std::vector<SpooledEvent> spooled_;
  std::vector<ProgressEvent> progress_;
  Ring<bus::Outgoing> waiting_;  // published by the worker, not yet taken by the driver
  bool writable_ = true;
  absl::Status commit_refused_;  // a commit that became an abort: it settles what is not held any more
  MonotonicTime timer_ = MonotonicTime::Infinite();
  MonotonicTime drain_deadline_ = MonotonicTime::Infinite();
  bool leaving_ = false;

  MonotonicTime snapshot_at_;
  bool snapshot_stale_ = true;
  mutable std::atomic<bool> pending_asked_{false};
  mutable std::mutex snapshot_mutex_;
  InstanceSnapshot snapshot_;
  bool ready_ = true;
  std::string not_ready_reason_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_INSTANCE_H_
