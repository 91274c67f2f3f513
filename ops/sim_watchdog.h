// Ends a simulation whose stage does not return, or wants to end the process (sim/guard/exit_guard.h): the simulator's
// one thread is inside it and can do nothing, so another thread looks from outside.
//
//   sim::StageWatch watch;                            // given to the guards of the stages
//   StageWatchdog watchdog(&watch, {.on_stuck = [&](const sim::StageFinding& finding) { report.Write(finding); }});
//   … run …                                           // prints and exits with 1 where a stage hangs
//
// A call is stuck when it has been seen running for the limit; time in which this process was stopped does not count.
//
// Threading: the constructor starts a thread, the destructor ends it; neither on a thread that is inside a stage.
#ifndef MILLRACE_OPS_SIM_WATCHDOG_H_
#define MILLRACE_OPS_SIM_WATCHDOG_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "bus/clock.h"
#include "sim/guard/stage_finding.h"
#include "sim/guard/stage_marker.h"

namespace millrace::ops {

struct WatchdogOptions {
  Duration limit = std::chrono::seconds(10);
  Duration look_every = std::chrono::milliseconds(200);
  // Called on another thread while the stage still runs: write down what must not be lost. It may take hook_limit, and
  // must not need what the simulator's thread may hold.
  std::function<void(const sim::StageFinding&)> on_stuck = nullptr;
  Duration hook_limit = std::chrono::seconds(5);
  // What ends the process; nullptr: _exit(1).
  std::function<void()> terminate = nullptr;
};

class StageWatchdog {
 public:
  // The watch outlives it.
  StageWatchdog(const sim::StageWatch* watch, WatchdogOptions options);
  ~StageWatchdog();
  StageWatchdog(const StageWatchdog&) = delete;
  StageWatchdog& operator=(const StageWatchdog&) = delete;

 private:
  void Look();
  void End(const sim::StageFinding& finding);

  const sim::StageWatch* const watch_;
  const WatchdogOptions options_;
  std::mutex mutex_;
  std::condition_variable signal_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_WATCHDOG_H_
