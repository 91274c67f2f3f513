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

struct FaultType {
  std::string_view name;
  std::string_view summary;  // one line for people
  std::string_view
      target;  // what Fault::target means, for people and plan errors: "process", "stage", "topic", "job", "port", "none"
  std::string_view amount = {};  // what Fault::amount means; empty: nothing
  bool (*applies)(const FaultScene& scene) = nullptr;
  // Fills in trigger, target, part, duration, amount.
  void (*draw)(FaultDraw& draw, Fault& fault) = nullptr;
  // False: nothing happened.
  bool (*fire)(Surface& surface, const Fault& fault) = nullptr;
  void (*heal)(Surface& surface, const Fault& fault) = nullptr;  // nullptr: heals by itself
  // Promises that it suspends, and what is expected instead. Empty: all promises hold under it.
  std::span<const Suspension> suspends = {};
};

// In a fixed order; new ones at the end.
std::span<const FaultType* const> AllFaults();
// nullptr where there is none of that name.
const FaultType* FindFault(std::string_view name);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FAULT_H_
