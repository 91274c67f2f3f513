// Where attempts run: on the loop's own thread, or on threads of their own.
//
// Threading: Dispatch from the loop's thread. Ownership: owns its runners; the reporter outlives it.
#ifndef MILLRACE_STAGES_EXECUTOR_H_
#define MILLRACE_STAGES_EXECUTOR_H_

#include <memory>
#include <vector>

#include "stages/attempt.h"
#include "stages/attempt_runner.h"

namespace millrace::stages {

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs the group and reports to the reporter given at construction. Blocks in the inline one only.
  virtual void Dispatch(AttemptGroup* group) = 0;
  // What the executor is at with a group that was dispatched and is not reported to its end.
  virtual AttemptProgress::Reading Progress(const AttemptGroup& group) const { return group.progress.Read(); }
  // Waits until no attempt runs, at most until `deadline`; what was dispatched and has not begun is not begun any more.
  // DeadlineExceeded when one still runs: then the executor, its groups and their worker must not be destroyed.
  virtual absl::Status Stop(MonotonicTime deadline) = 0;
};

// On the caller's thread, at once.
std::unique_ptr<Executor> MakeInlineExecutor(std::unique_ptr<AttemptRunner> runner, AttemptReporter* reporter);

// One thread for each runner.
std::unique_ptr<Executor> MakeThreadExecutor(std::vector<std::unique_ptr<AttemptRunner>> runners,
                                             AttemptReporter* reporter, const Clock* clock);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_EXECUTOR_H_
