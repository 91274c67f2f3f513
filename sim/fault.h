// A fault is a file in sim/faults/ and a line in sim/faults/registry.cc.
//
//   const FaultType kCrash = {
//       .name = "crash", .summary = "a process dies and comes back", .applies = Always, .draw = …, .fire = …, .heal = nullptr};
//
// Threading: immutable.
#ifndef MILLRACE_SIM_FAULT_H_
#define MILLRACE_SIM_FAULT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/random.h"
#include "sim/history.h"
#include "sim/plan.h"
#include "sim/promise.h"
#include "sim/surface.h"

namespace millrace::sim {

// What faults are drawn for.
struct FaultScene {
  const Topology* topology = nullptr;
  Semantics semantics = Semantics::kLog;
  uint32_t processes = 0;         // slots of the plan
  std::vector<uint32_t> job_ids;  // ascending
  int64_t busy_ns = 0;            // about how long a run without faults is at work
  const Timing* timing = nullptr;
  bool new_version = false;  // there is a next version of the stages
};

// Draws for one fault, keyed by its id: taking another fault away changes nothing here.
class FaultDraw {
 public:
  FaultDraw(const Random& random, uint32_t id, const FaultScene& scene) : scene(scene), random_(random), id_(id) {}
  // Uniform in [0, bound).
  uint64_t Below(uint64_t bound) { return random_.Below(0x6661756c74, {id_, next_++}, bound); }
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low + 1)));
  }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  uint32_t Process() { return static_cast<uint32_t>(Below(scene.processes)); }
  uint32_t JobId() { return scene.job_ids[Below(scene.job_ids.size())]; }
  // By time, within the busy part of the run.
  Trigger Time() { return {.kind = TriggerKind::kAtTime, .at_ns = Between(0, scene.busy_ns)}; }
  // Any trigger that fits a process: by time, after one of its first actions, at a job's action, inside a port call.
  Trigger Any(uint32_t process);
  const FaultScene& scene;

 private:
  const Random& random_;
  uint32_t id_;
  uint64_t next_ = 0;
};

// Of amounts that are times: as long as any time in a plan, and as far as a wall clock may jump.
inline constexpr int64_t kLongestNs = 30 * 24 * int64_t{3'600'000'000'000};
inline constexpr int64_t kFarthestNs = 3650 * 24 * int64_t{3'600'000'000'000};

// What shrinking may do with Fault::amount.
enum class AmountKind : uint8_t {
  kCount,         // the fewer the less happens
  kCountZeroAll,  // … and 0 means all
  kTime,          // nanoseconds
};

// What a kind that strikes at a job does to the attempts at it.
enum class JobEffect : uint8_t {
  kNone,   // it does not strike at jobs
  kFails,  // they fail
  kSlows,  // they take longer, and fail where attempts have a limit
};

// What of the unsettled is gone when a kind has struck.
enum class Destroys : uint8_t { kNothing, kOfLogs, kOfQueues };

// What others have to know of a kind: it is said by the kind, and nobody asks for its name.
struct FaultTraits {
  JobEffect at_job = JobEffect::kNone;  // else `part` is the job's id
  Destroys destroys = Destroys::kNothing;
  bool gives_again = false;         // a group gets again what it had settled: there must be something
  bool strikes_publishes = false;   // and nothing else: who leaves publishes no more
  bool strikes_feed = false;        // `target` may be the feed (kFeedTarget)
  bool adds_process = false;        // there is one slot more, at most
  bool asks_to_stop = false;        // a process is asked to leave: one that leaves already cannot be
  bool rolls = false;               // drawn as one, with a gap as the amount; in plans one for each process
  bool needs_next_version = false;  // of the stages
};

struct FaultType {
  std::string_view name;
  std::string_view summary;  // one line for people
  std::string_view
      target;  // what Fault::target means, for people and plan errors: "process", "stage", "topic", "job", "port", "none"
  // What Fault::part, duration_ns and amount mean; empty: nothing.
  std::string_view part = {};
  std::string_view duration = {};
  std::string_view amount = {};
  AmountKind amount_kind = AmountKind::kCount;
  // What a plan may have as the amount.
  int64_t amount_least = 0;
  int64_t amount_most = 1'000'000;
  FaultTraits traits = {};
  bool (*applies)(const FaultScene& scene) = nullptr;
  // Fills in trigger, target, part, duration, amount.
  void (*draw)(FaultDraw& draw, Fault& fault) = nullptr;
  // False: nothing happened.
  bool (*fire)(Surface& surface, const Fault& fault) = nullptr;
  void (*heal)(Surface& surface, const Fault& fault) = nullptr;  // nullptr: heals by itself
  // Promises that say nothing once it has struck. Empty: all are checked; what checkers excuse is said by them.
  std::span<const Suspension> suspends = {};
};

// In a fixed order; new ones at the end.
std::span<const FaultType* const> AllFaults();
// nullptr where there is none of that name.
const FaultType* FindFault(std::string_view name);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FAULT_H_
