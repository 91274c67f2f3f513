// The one place to watch a worker: told each event with the actions it led to, before they are carried out. Metrics,
// histories, crash points, coverage and replay hang here.
//
// Threading: the worker's thread. Views are valid during the call.
#ifndef MILLRACE_STAGES_TAP_H_
#define MILLRACE_STAGES_TAP_H_

#include <cstddef>

#include "stages/worker_action.h"
#include "stages/worker_event.h"

namespace millrace::stages {

class Tap {
 public:
  virtual ~Tap() = default;
  // The step is about to happen: what the event points to is as the worker will see it.
  virtual void BeforeStep(Instant, const Event&) {}
  // The actions of this step are actions.list[first …].
  virtual void OnStep(Instant now, const Event& event, const Actions& actions, size_t first) = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_TAP_H_
