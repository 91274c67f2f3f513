// A small deterministic world around one worker: a log with partitions, a committed offset and note for each, an output
// log, an executor that runs a given function, all in virtual time and driven by hand or by a seeded schedule. For
// tests of the worker alone: the simulator in sim/ has the brokers.
//
// Threading: one thread.
#ifndef MILLRACE_STAGES_TESTING_WORKER_WORLD_H_
#define MILLRACE_STAGES_TESTING_WORKER_WORLD_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bus/segment.h"
#include "stages/attempt_runner.h"
#include "stages/tap.h"
#include "stages/trial_gate.h"
#include "stages/worker.h"

namespace millrace::stages {

struct WorldRecord {
  int64_t offset = 0;
  std::optional<std::string> key;
  std::string body;
  std::string headers;
  uint32_t handed_out = 0;
};

struct WorldPartition {
  std::deque<WorldRecord> records;
  uint64_t committed = 0;
  std::string note;
  std::set<uint64_t> settled;  // kIndividual: offsets
  size_t next = 0;             // next record to deliver in this epoch
  bus::Epoch epoch = 0;        // 0: not assigned
  bool flowing = true;
};

struct WorldOutput {
  int32_t topic = 0, partition = 0;
  std::optional<std::string> key;
  std::string body;
  std::map<std::string, std::string> headers;
};

// A transaction that was asked to end.
struct WorldEnding {
  bool commit = false;
  bool refused = false;  // it settles what was not held any more
  struct Share {
    bus::Holding holding;
    uint64_t next = 0;
    bool has_note = false;
    std::string note;
    std::vector<bus::SettleRange> ranges;
  };
  std::vector<Share> shares;
};

class WorkerWorld : public Clock {
 public:
  using Process = std::function<absl::Status(Context&, const bus::Message&, Outputs&)>;

  // Topics of the producer: 0 "out" with 4 partitions, 1 "dead" with one.
  // `gate`: of the process that it shares with other worlds; null: it has one of its own.
  explicit WorkerWorld(WorkerOptions options = DefaultOptions(), Process process = PassThrough,
                       TrialGate* gate = nullptr);
  ~WorkerWorld() override;

  static WorkerOptions DefaultOptions();
  static absl::Status PassThrough(Context&, const bus::Message& message, Outputs& outputs);

  MonotonicTime Now() const override { return now_; }
  WallTime Wall() const override { return {now_.ns + 1'700'000'000'000'000'000}; }
  void Advance(Duration d) { now_ = now_ + d; }

  // The log. `offset` -1: the next one.
  void Append(int32_t partition, std::optional<std::string> key, std::string body, int64_t offset = -1,
              std::string headers = "");

  // Events. Each steps the worker and carries out its actions, except those that wait below.
  void Assign(int32_t partition);
  void Revoke(int32_t partition, Duration deadline);
  void Lose(int32_t partition);
  void Deliver(int32_t partition, size_t most = 64);
  void Drain(Duration deadline);
  bool TakeGate();   // what the gate has to say, if anything
  void FireTimer();  // moves time to the timer and steps
  bool timer_set() const { return timer_ != MonotonicTime::Infinite(); }
  MonotonicTime timer() const { return timer_; }
  // The process dies: worker, attempts and unconfirmed knowledge are gone; what the brokers have stays.
  // `published_survive`: publishes under way arrive.
  void Crash(bool published_survive = true);

  // What waits to be answered, oldest first, and the answers.
  std::vector<AttemptGroup*> dispatched;  // not run yet
  struct InFlight {
    uint64_t token = 0;
    WorldOutput output;
    bool landed = false;
  };
  std::vector<InFlight> in_flight;  // published, not confirmed
  struct OpenNote {
    bus::Holding holding;
  };
  std::deque<OpenNote> notes;
  void Run(size_t index = 0);                 // runs dispatched[index] to its end
  void RunPart(size_t index, uint32_t upto);  // reports items up to `upto` only
  void Confirm(size_t index = 0, absl::Status status = absl::OkStatus());
  void ConfirmAll();
  void AnswerNote(absl::Status status = absl::OkStatus());
  // Exactly once: the end of a transaction that was asked for. Until a commit is answered nobody is told where to start
  // in its partitions.
  std::optional<WorldEnding> ending;
  std::vector<WorldOutput> uncommitted;  // confirmed, of the transaction under way
  uint64_t commits = 0, aborts = 0;
  void End(absl::Status status = absl::OkStatus());
  // Runs, confirms, answers, delivers and fires timers until nothing is left to do; at most `steps` times. False when
  // it did not end.
  bool Settle(size_t steps = 100000);
  bool AllSettled() const;

  Worker& worker() { return *worker_; }
  WorldPartition& partition(int32_t number) { return partitions_[static_cast<size_t>(number)]; }
  std::vector<WorldOutput> outputs;  // durable, in order of arrival
  std::vector<WorldOutput> OnTopic(int32_t topic) const;

  // Every action as text, in order, since the start or the last Clear.
  std::vector<std::string> trace;
  std::vector<std::string> processed;  // bodies in the order they were tried, failures included
  std::vector<int32_t> released;
  std::vector<std::pair<std::string, bool>> spooled;
  bool left = false;
  bool ready = true;
  Tap* tap = nullptr;

  // What the executor is at with a group, where a test says so; else its first item that is not reported runs (all of them in a
  // batch stage) since the one before was.
  std::function<AttemptProgress::Reading(const AttemptGroup&)> progress;

  // Called before each action; false: the process dies here, the action is not carried out, and the world throws
  // nothing further at the worker.
  std::function<bool(const Action&)> before_action;
  bool crashed() const { return crashed_; }
  uint64_t actions_seen = 0;

  void Step(const Event& event);

 private:
  class Nobody : public bus::Waker {
   public:
    void Wake() override {}
  };

  void CarryOut();
  void Do(const Action& action);
  void DoSettle(const SettleAction& a);
  void DoTransact(const TransactAction& a);
  void CommitEnding();
  void Land(const WorldOutput& output) { (options_.exactly_once ? uncommitted : outputs).push_back(output); }

  WorkerOptions options_;
  Process process_;
  Nobody nobody_;
  TrialGate own_gate_;
  TrialGate* gate_;
  std::unique_ptr<TrialGate::Seat> seat_;
  MonotonicTime now_{1'000'000'000};
  bus::SegmentPool pool_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<AttemptRunner> runner_;
  std::vector<std::unique_ptr<Worker>> dead_workers_;  // attempts of a dead process may still be looked at
  std::vector<WorldPartition> partitions_;
  bus::Epoch next_epoch_ = 1;
  MonotonicTime timer_ = MonotonicTime::Infinite();
  Actions actions_;
  std::vector<SpooledEvent> spool_answers_;
  std::vector<ProgressEvent> progress_answers_;
  std::map<const AttemptGroup*, MonotonicTime> running_since_;
  bool crashed_ = false;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_TESTING_WORKER_WORLD_H_
