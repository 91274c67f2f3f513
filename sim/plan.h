// A plan: everything that a run is a function of, besides the pipeline, its inputs and the binary.
//
//   Plan plan = Draw(seed, facts);              // sim/draw.h
//   History history = Run(plan, …);             // sim/simulator.h
//
// Jobs, faults and processes have ids that stay when others are taken away, and randomness in a run is keyed by them: an
// edit leaves the rest of the run alone, so that shrinking works. Files hold plans as text-format Protobuf
// (sim/plan_file.h).
//
// Threading: values. Times are nanoseconds of the world's monotonic clock, which starts at 0.
#ifndef MILLRACE_SIM_PLAN_H_
#define MILLRACE_SIM_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::sim {

inline constexpr uint32_t kPlanVersion = 1;

enum class Semantics : uint8_t { kLog, kQueue };

// Which instances run together and die together.
enum class Layout : uint8_t {
  kTogether,  // each process runs one instance of every stage
  kApart,     // each process runs one instance of one stage; `processes` of them for every stage
};

struct Job {
  uint32_t id = 0;     // stable, sparse
  uint32_t input = 0;  // index into the run's inputs
  int64_t at_ns = 0;   // when the feed hands it over, not before those in front of it
  bool operator==(const Job&) const = default;
};

// When a fault strikes.
enum class TriggerKind : uint8_t {
  kAtTime,       // at_ns
  kAfterAction,  // when `process` has carried out its count-th action (from 1), counted over its whole life
  kAtJob,        // when a process is about to carry out its count-th action of kind `action` that concerns job `job`
  kInPort,       // inside the count-th call of a port by `process`; after: the effect is made, and nobody was told
};

// Kinds of the worker's actions, as faults and coverage count them.
// kCommit, kAbort: of transactions.
enum class ActionKind : uint8_t {
  kDispatch,
  kPublish,
  kSettle,
  kFlow,
  kRelease,
  kSpool,
  kLeave,
  kPort,
  kCommit,
  kAbort
};
inline constexpr int kActionKinds = 10;

struct Trigger {
  TriggerKind kind = TriggerKind::kAtTime;
  int64_t at_ns = 0;
  uint32_t process = 0;
  uint32_t job = 0;  // Job::id
  ActionKind action = ActionKind::kDispatch;
  uint32_t count = 1;
  bool after = false;
  bool operator==(const Trigger&) const = default;
};

struct Fault {
  uint32_t id = 0;   // stable
  std::string kind;  // name in the registry (sim/fault.h)
  Trigger trigger;
  // What it strikes: a process, a stage, a topic, a job's id, …, as the kind says. -1: the kind's own choice (for triggers
  // by action: the process that is acting).
  int32_t target = -1;
  int32_t part = -1;        // of the target: a partition, a direction, …
  int64_t duration_ns = 0;  // until it heals; 0: by itself, or never
  int64_t amount = 0;       // how much, how often, as the kind says
  bool operator==(const Fault&) const = default;
};

struct Timing {
  int64_t latency_min_ns = 200'000;  // of the network, one way
  int64_t latency_max_ns = 2'000'000;
  int64_t service_min_ns = 50'000;  // of an attempt
  int64_t service_max_ns = 3'000'000;
  int64_t port_min_ns = 100'000;  // of a port's call, each way
  int64_t port_max_ns = 2'000'000;
  int64_t session_timeout_ns = 6'000'000'000;
  int64_t heartbeat_ns = 1'000'000'000;
  int64_t revoke_timeout_ns = 5'000'000'000;
  int64_t max_poll_interval_ns = 15'000'000'000;
  int64_t linger_ns = 0;  // on logs: for how long a producer's library keeps messages back, to send more at once
  int64_t restart_ns = 500'000'000;  // from a crash to the next incarnation, where the fault says nothing else
  bool operator==(const Timing&) const = default;
};

struct Limits {
  int64_t time_ns = 1'800'000'000'000;  // the run is cut off, and that is a finding
  uint64_t records = 4'000'000;
  bool operator==(const Limits&) const = default;
};

struct Plan {
  uint32_t version = kPlanVersion;
  uint64_t seed = 0;  // it was drawn from; 0: written by hand, or edited
  uint64_t salt = 0;  // of all randomness in the run
  Semantics semantics = Semantics::kLog;
  Layout layout = Layout::kTogether;
  bool cooperative = false;     // rebalancing on logs
  bool static_members = false;  // on logs
  uint32_t processes = 2;       // per stage with kApart; members that join later are faults
  uint32_t prefetch = 64;       // on queues
  std::vector<Job> jobs;        // ascending ids
  std::vector<Fault> faults;    // ascending ids
  Timing timing;
  Limits limits;
  uint64_t inputs_digest = 0;  // of the inputs it was drawn for; 0: any
  bool operator==(const Plan&) const = default;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_PLAN_H_
