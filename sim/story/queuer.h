// What makes a worker a Queuer: it says that a job is done as soon as it is received, so that the bus forgets it, keeps it in
// memory, and has the services called for a few jobs at a time.
//
// Threading: the world's.
#ifndef MILLRACE_SIM_STORY_QUEUER_H_
#define MILLRACE_SIM_STORY_QUEUER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "sim/run_options.h"

namespace millrace::sim {

class Queuer final : public ExecutorShell {
 public:
  // calls_max: of the stage, how many attempts may run at once.
  Queuer(stages::AttemptReporter* reporter, size_t calls_max) : reporter_(reporter), calls_max_(calls_max) {}

  void Wrap(std::unique_ptr<stages::Executor> inner) override { inner_ = std::move(inner); }
  void Dispatch(stages::AttemptGroup* group) override;
  stages::AttemptProgress::Reading Progress(const stages::AttemptGroup&) const override { return {}; }
  // Whoever stops does not wait for what has not begun.
  absl::Status Stop(MonotonicTime deadline) override;
  // Of a call that was told long ago.
  void Report(stages::AttemptGroup* group, uint32_t from, uint32_t to) override;

 private:
  void CallNext();

  stages::AttemptReporter* const reporter_;
  const size_t calls_max_;
  std::deque<std::unique_ptr<stages::AttemptGroup>> memory_;  // acknowledged, not begun
  std::vector<std::unique_ptr<stages::AttemptGroup>> calls_;  // that run
  std::vector<std::unique_ptr<stages::AttemptGroup>>
      finished_;                             // kept until the next is called: who reports still looks
  std::unique_ptr<stages::Executor> inner_;  // destroyed first: it uses the groups
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_QUEUER_H_
