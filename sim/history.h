// What happened in a run, as dense records: what checkers judge, reports draw, and replays compare. The simulator
// writes it; chaos runs on real brokers write the same, one file a process.
//
// Records of a process are written *before* the thing is done (a crash may come between), records of the broker when it
// has taken effect. Every message of a run is known by its index into `messages`: the first record that mentions it
// comes after it was added there.
//
// Threading: a value; one thread at a time.
#ifndef MILLRACE_SIM_HISTORY_H_
#define MILLRACE_SIM_HISTORY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bus/digest.h"

namespace millrace::sim {

inline constexpr uint32_t kNoJob = UINT32_MAX;
inline constexpr uint32_t kNoMessage = UINT32_MAX;
inline constexpr uint32_t kNoKey = UINT32_MAX;
inline constexpr uint32_t kNoFault = UINT32_MAX;
inline constexpr uint16_t kNoProcess = UINT16_MAX;  // the broker, the feed or the world
inline constexpr uint16_t kNoStage = UINT16_MAX;
inline constexpr uint16_t kNoTopic = UINT16_MAX;
inline constexpr uint32_t kNoEnd = UINT32_MAX;  // a count: as many as there are

// How the columns are used is said per kind; what is not named is 0 or none. "place" is topic, partition, sequence:
// on logs sequence is the offset, on queues a delivery tag for what a process says, and a count of appends for the
// broker.
enum class Kind : uint8_t {
  // The feed.
  kSubmit,    // message: a job's input is handed to the bus (again, with value > 0: value counts the repeats)
  kAccepted,  // message: the broker has confirmed it; from here on it must not be lost

  // A process: life.
  kStart,    // process, incarnation begins
  kCrash,    // … is gone, with everything it had in memory
  kDrain,    // … was asked to stop: nothing new may start. In-flight work may finish. stage: only that stage was
  kStopped,  // … has left; flag kClean: drained, and the broker had taken every settlement
  kPaused,  // … stands still (value: for how many ns); the world goes on. Flag kAlive: so do the threads of its client
            // libraries
  kResumed,   // … goes on
  kAssigned,  // stage, topic, partition, epoch; value: where it starts
  kRevoking,  // stage, topic, partition, epoch: may still settle until it releases
  kReleased,  // stage, topic, partition, epoch: given back; no settlement after it
  kLost,      // stage, topic, partition, epoch: told that it is no longer ours
  kTrouble,  // stage; value: absl::StatusCode that the bus told (0: well again); text: index into texts. DataLoss: topic,
             // partition: of which something was destroyed; sequence, count (logs): from which offset on, how many

  // A process: a message in a stage.
  kDelivered,  // stage, message, place, epoch; value: redeliveries, as the broker counts them
  kDispatch,   // stage, message, place, epoch, attempt: an attempt is about to run; of all messages of a group when the
               // group is handed over
  kEffect,   // stage, message: an outside system (a port) has taken the effect; value: digest of it; topic: port index;
             // flag kRepeat: the port recognised the message as one it knew (inbox) and did nothing
  kAttempt,  // stage, message, place, epoch, attempt: has ended; value: absl::StatusCode; count: outputs; flags kSkipped
             // (not run, its predecessor failed)
  kOutput,   // stage, message: one output of the attempt before it in the history (same process); value: index of the
             // input message; attempt: index among the outputs; flag kDeadLetter: a dead letter of the input; kReceipt
  kPublish,   // stage, message: handed to the producer (once, however often it is offered until it is taken); value:
              // token
  kConfirm,   // stage, message: its answer; value: absl::StatusCode
  kSettle,    // stage, message, place, epoch: about to be settled; exactly once: a transaction has settled it
  kCommit,    // stage, topic, partition, epoch; sequence: next (logs): about to be committed; behind the kSettle of all
              // that it settles. Exactly once: with the transaction of the kTransact behind it, whose end comes first
  kTransact,  // stage; attempt: 1: its transaction is about to be committed, 0: aborted; count: offsets that go along
  kTransacted,  // stage: the answer; attempt: as asked; value: absl::StatusCode (OK: as asked, else it was aborted)
  kRefused,  // stage, message: of the attempt that called a port (topic: port index) and was answered with an error, one
             // record for each message; value: absl::StatusCode; count: 1: it was done, and only its answer was lost

  // The broker.
  kAppended,  // message, topic, partition, sequence: durable; value: the transaction that it belongs to, of whose end it
              // depends whether and from when on readers see it; 0: of none
  kCommitted,  // stage (whose group), topic, partition, sequence: the group's committed offset is now that; value: before;
               // flag kGivenUp: came over a connection that its sender had given up, while it lived; epoch: the
               // transaction that it was committed with, whose kEnded stands before it; 0: with none. count: so many
               // records were taken back by a fault, and it is no commit
  kEnded,  // process, stage: whose transaction has ended; value: its number, from 1; attempt: 1: committed, 0: aborted;
           // count: as asked, by its time-out, or because it was fenced (TransactionEnd)
  kAcked,  // stage (whose group), message, topic, partition: gone from the group's queue
  kDestroyed,  // message, topic, partition, sequence: destroyed by retention or with its queue; stage: whose group had not
               // settled it; one record for each such group
  kMoved,      // stage: its group's partitions change hands (a generation begins, an active consumer changes);
               // value: generation

  // The world.
  kFault,  // value: index into Plan::faults; it has fired; flag kInFlight: while accepted jobs were unfinished. Whether it
           // has done anything, History::strikes says
  kHealed,  // value: index into Plan::faults
  kQuiet,   // nothing is in flight and nothing is left to do
  kStuck,   // no progress although faults are healed; text: index into texts; value: 0 deadlock, 1 livelock
  kLimit,   // the run was cut off by a limit of the plan; text
  kEnd,
};
inline constexpr int kKinds = static_cast<int>(Kind::kEnd) + 1;
std::string_view NameOf(Kind kind);

enum Flag : uint8_t {
  kClean = 1,
  kRepeat = 2,
  kSkipped = 4,
  kDeadLetter = 8,
  kReceipt = 16,
  kInFlight = 32,
  kGivenUp = 64,
  kAlive = 128,
};

// Why a transaction ended.
enum class TransactionEnd : uint8_t { kAsked, kTimedOut, kFenced };

struct Record {
  int64_t at_ns = 0;  // monotonic time of the world, from 0
  Kind kind = Kind::kEnd;
  uint8_t flags = 0;
  uint16_t process = kNoProcess;
  uint16_t incarnation = 0;
  uint16_t stage = kNoStage;  // index into Topology::stages
  uint16_t topic = kNoTopic;  // index into Topology::topics
  uint16_t partition = 0;
  uint32_t message = kNoMessage;  // index into History::messages
  uint32_t attempt = 0;
  uint32_t count = 0;
  uint32_t text = 0;  // index into History::texts; 0: none
  uint64_t sequence = 0;
  uint64_t epoch = 0;
  uint64_t value = 0;
};

enum class MessageRole : uint8_t {
  kInput,       // a job as it came from a source
  kDerived,     // emitted by a stage
  kDeadLetter,  // the dead letter of another message
  kReceipt,     // tells that a job has ended without output
  kForeign,     // none of the above: nobody we know made it
};

// A message is told apart by topic and id (dead letters keep the id of what they are of, receipts have their own).
// The same (topic, id) with another content is another message, with `same_id_as` the first.
struct MessageInfo {
  MessageRole role = MessageRole::kForeign;
  uint16_t topic = kNoTopic;
  uint16_t stage = kNoStage;         // that made it; kNoStage: the feed
  uint32_t job = kNoJob;             // index into History::jobs: of its root
  uint32_t key = kNoKey;             // index into History::keys
  uint32_t of = kNoMessage;          // kDeadLetter: the message that died; kReceipt: the one that ended
  uint32_t same_id_as = kNoMessage;  // the first with this topic and id
  uint64_t bytes = 0;                // of key, body and headers; 0: not known
  uint64_t digest = 0;               // of type, key and body
  bus::Digest128 id;                 // digest of ce_id
  std::string share;                 // which part of the job (stages/lineage.h); empty: all
  std::string reason;                // kDeadLetter, kReceipt
};

struct JobInfo {
  uint32_t id = 0;                // stable over edits of a plan: Job::id
  uint32_t input = 0;             // index into the inputs that the run was given
  uint32_t message = kNoMessage;  // its input message
  std::string name;               // ce_id
};

struct StageInfo {
  std::string name;
  std::string group;
  uint16_t input = kNoTopic;
  uint16_t dead_letter = kNoTopic;
  std::vector<uint16_t> outputs;
  bool sink = false;  // keeps receipts in its effects: kEffect ends a message's share
  bool strict = false;
  bool park_key = false;
  bool timed = false;  // attempts have a limit
  bool exactly_once = false;
  uint32_t window = 0;        // messages per partition
  uint64_t window_bytes = 0;  // … and bytes
  uint32_t attempts_max = 0;
  std::string branch;                // StageSettings::branch
  std::vector<uint16_t> ports = {};  // that its kind names: indices into Topology::ports
};

struct TopicInfo {
  std::string name;
  uint16_t partitions = 1;
  bool ordered = true;
  bool dead_letter = false;
  bool receipts = false;
  uint64_t backlog_bytes = 0;     // that readers may leave unsettled; 0: no bound
  std::vector<uint16_t> readers;  // stages
};

struct Topology {
  bool queue = false;  // semantics of the broker: a log, or queues
  std::vector<TopicInfo> topics;
  std::vector<StageInfo> stages;
  std::vector<std::string> ports;
  uint16_t processes = 0;
};

// Whether a stage is exactly-once: then the broker has to be a log, which alone has transactions.
inline bool HasTransactions(const Topology& topology) {
  for (const StageInfo& stage : topology.stages) {
    if (stage.exactly_once) return true;
  }
  return false;
}

// What is left at the end, as one line per thing, keyed: the same set of jobs must leave the same lines, whatever
// happened on the way. `place` is "port:NAME", "topic:NAME" (a topic that nobody reads) or "dead:NAME".
struct SinkEntry {
  std::string place;
  std::string key;
  std::string state;
  bool operator==(const SinkEntry&) const = default;
  auto operator<=>(const SinkEntry&) const = default;
};

// A fault has done something: at once, or when something met what it had armed (a packet its delay, a publish its refusal).
struct Strike {
  uint32_t fault = kNoFault;  // index into Plan::faults
  int64_t at_ns = 0;
  bool in_flight = false;  // while accepted jobs were unfinished
  bool operator==(const Strike&) const = default;
};

struct History {
  Topology topology;
  std::vector<JobInfo> jobs;
  std::vector<MessageInfo> messages;
  std::vector<std::string> keys;
  std::vector<std::string> texts{""};
  std::vector<Record> records;
  // Of each fault that has struck the first time, and the first time in flight where that came later.
  std::vector<Strike> strikes;
  std::vector<SinkEntry> final_state;  // sorted
  // Rolling hashes: of the schedule (kinds, processes, times, places: the same on every machine and compiler), and of
  // contents (digests of what stages made, how attempts ended, what effects ports took, and the final state).
  uint64_t schedule_hash = 0;
  uint64_t content_hash = 0;
  // Record-level appends, deliveries, confirms and settlements: what "broker events" are.
  uint64_t broker_events = 0;
  // Pieced together from what real processes wrote down and what a real broker still has (sim/observed/observation.h): the
  // broker's record has an order and no times, and a settlement counts from when it is asked for.
  bool observed = false;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_HISTORY_H_
