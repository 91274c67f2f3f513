// What a run is given besides plan and subject.
#ifndef MILLRACE_SIM_RUN_OPTIONS_H_
#define MILLRACE_SIM_RUN_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/fiber.h"
#include "sim/plan.h"
#include "stages/instance_setup.h"

namespace millrace::sim {

// Told which fault struck at which kind of action.
class StrikeSink {
 public:
  virtual ~StrikeSink() = default;
  virtual void Struck(uint32_t fault, ActionKind action) = 0;
};

struct RunOptions {
  FiberPool* fibers = nullptr;  // not null; outlives the run; of the thread that runs
  StrikeSink* strikes = nullptr;
  // Of each slot: every action that it carried out, in order, as triggers count them. May be null; of one run.
  std::vector<std::vector<ActionKind>>* trace = nullptr;
  // Put around each stage object that is made, e.g. to call it twice (sim/guard). May be null.
  std::function<stages::MadeStage(stages::MadeStage stage, uint16_t index)> wrap = nullptr;
  // On logs, clients commit what was delivered this often, finished or not: loses jobs (sim/story). 0: never.
  int64_t auto_commit_ns = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_RUN_OPTIONS_H_
