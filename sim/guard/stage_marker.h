// Which call of a user's stage this thread is in, so that what the stage does behind its Context's back can be put down
// to it: interposed calls ask here, and the watchdog looks at StageWatch.
//
//   StageCall call{.stage = "parse", .input = "job-7", .sink = &findings};
//   {
//     InStage in(&call);
//     stage->Process(…);             // clock_gettime in here is a finding
//   }
//
// A simulated port is no part of the stage, and other stages run while a call of it waits: the world takes the marker
// off at PortWorld::Enter, keeps it with the attempt, and puts it back when Leave (or a failed Enter) returns:
//
//   StageCall* const call = StageMarker::Pause();
//   …                                // suspend the attempt; the port does its work
//   StageMarker::Restore(call);
//
// Threading: the marker is the thread's own; StageWatch: one thread enters and leaves, any thread looks.
#ifndef MILLRACE_SIM_GUARD_STAGE_MARKER_H_
#define MILLRACE_SIM_GUARD_STAGE_MARKER_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "sim/guard/stage_finding.h"

namespace millrace::sim {

// What runs now, for somebody who looks from outside. It knows no time: who looks twice and sees the same call, does.
class StageWatch {
 public:
  struct Running {
    uint64_t call = 0;  // counts calls; 0: none runs
    std::string stage, input, job;
    std::string ends_by;  // what it has called to end the process ("exit"), and does not return from; empty: nothing
  };
  void Enter(std::string_view stage, std::string_view input, std::string_view job);
  void Leave();
  void Ends(std::string_view what);
  Running Now() const;

 private:
  mutable std::mutex mutex_;
  uint64_t calls_ = 0;
  bool inside_ = false;
  std::string stage_, input_, job_, ends_by_;
};

// What a call did to the outside, as the world of its ports has it.
struct PortLog {
  struct Call {
    std::string port, what;
  };
  struct Effect {
    std::string port, id;
    uint64_t digest = 0;
    bool repeat = false;
  };
  std::vector<Call> calls;
  std::vector<Effect> effects;
  bool refused = false;  // a port has answered with an error of the world: an outage, the death of the process
};

// One call of a stage. Views and pointers outlive it.
struct StageCall {
  std::string_view stage;
  std::string_view input;  // id of the message; of a batch, of the first
  std::string_view job;    // its root
  StageFindingSink* sink = nullptr;
  StageWatch* watch = nullptr;  // may be null
  PortLog* ports = nullptr;     // where the world writes what is done to ports; may be null
  uint32_t port_calls = 0;      // counted by Pause
  uint64_t reported = 0;        // one bit for each interposed call: a stage that polls the clock is told once
};

// Private to StageMarker. Constant from the start: interposed calls may come before anything of this program has run. In
// sight of them, so that outside of stages they cost a load and a branch.
extern constinit thread_local StageCall* current_stage_call;

class StageMarker {
 public:
  // nullptr: outside of stages.
  static StageCall* Current() { return current_stage_call; }
  // Takes the marker off and returns it (nullptr where there was none), and puts it back.
  static StageCall* Pause();
  static void Restore(StageCall* call);
  // Nothing where no stage runs on this thread. `bit` (below 64) tells calls apart.
  static void Report(StageFindingKind kind, std::string_view what, int bit);
  static constexpr int kPortBit = 63;  // of calls to ports; interposed calls count from 0
  // The stage on this thread has called `what` to end the process. Who watches it is told, and has a while to end the
  // process in his own way. Returns where nobody did.
  static void EndsProcess(std::string_view what);

 private:
  friend class InStage;
  static void Set(StageCall* call);
};

// Marks the thread for its own life.
class InStage {
 public:
  explicit InStage(StageCall* call);
  ~InStage();
  InStage(const InStage&) = delete;
  InStage& operator=(const InStage&) = delete;

 private:
  StageCall* const outer_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GUARD_STAGE_MARKER_H_
