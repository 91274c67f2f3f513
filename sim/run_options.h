// What a run is given besides plan and subject.
#ifndef MILLRACE_SIM_RUN_OPTIONS_H_
#define MILLRACE_SIM_RUN_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/fiber.h"
#include "sim/plan.h"
#include "stages/attempt_runner.h"
#include "stages/executor.h"
#include "stages/instance_setup.h"

namespace millrace::sim {

// Told which fault is about to fire at which kind of action. Whether it does anything, History::strikes says.
class FiringSink {
 public:
  virtual ~FiringSink() = default;
  virtual void Fired(uint32_t fault, ActionKind action) = 0;
};

// Stands between an instance and what runs its attempts: is given their groups, and told their results.
class ExecutorShell : public stages::Executor, public stages::AttemptReporter {
 public:
  // Before anything is dispatched.
  virtual void Wrap(std::unique_ptr<stages::Executor> inner) = 0;
};

struct RunOptions {
  FiberPool* fibers = nullptr;  // not null; outlives the run; of the thread that runs
  FiringSink* firings = nullptr;
  // Of each slot: every action that it carried out, in order, as triggers count them. May be null; of one run.
  std::vector<std::vector<ActionKind>>* trace = nullptr;
  // Put around each stage object that is made, of this or the next version, e.g. to call it twice (sim/guard). May be null.
  std::function<stages::MadeStage(stages::MadeStage stage, uint16_t index, bool next_version)> wrap = nullptr;
  // Put around the executor of each instance, whose reporter it is given: an architecture that is none of ours (sim/story).
  // May be null.
  std::function<std::unique_ptr<ExecutorShell>(stages::AttemptReporter* reporter)> shell = nullptr;
  // On logs, clients commit what was delivered this often, finished or not: loses jobs (sim/story). 0: never.
  int64_t auto_commit_ns = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_RUN_OPTIONS_H_
