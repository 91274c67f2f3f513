// Runs attempts of one stage on one thread: reads the envelope, calls the stage, turns exceptions into failures,
// completes the outputs.
//
// Threading: one thread at a time. Blocking: as long as the stage does.
// Ownership: owns the stage object; pool, clock and the worker's groups outlive it.
#ifndef MILLRACE_STAGES_ATTEMPT_RUNNER_H_
#define MILLRACE_STAGES_ATTEMPT_RUNNER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bus/clock.h"
#include "bus/random.h"
#include "stages/attempt.h"
#include "stages/outputs.h"
#include "stages/stage.h"

namespace millrace::stages {

// Where finished attempts are told. Called on the thread that ran them.
class AttemptReporter {
 public:
  virtual ~AttemptReporter() = default;
  // Items [from, to) of the group have results.
  virtual void Report(AttemptGroup* group, uint32_t from, uint32_t to) = 0;
};

class AttemptRunner {
 public:
  struct Config {
    OutputSettings outputs;
    std::vector<std::string> inputs;  // names of the subscribed topics
    uint64_t salt = 0;                // of Context::RandomBits
    std::string branch;               // appended to the share of each input (StageSettings::branch)
  };
  // Exactly one of the stages.
  AttemptRunner(Config config, std::unique_ptr<Stage> stage, std::unique_ptr<BatchStage> batch_stage,
                bus::SegmentPool* pool, const Clock* clock);
  ~AttemptRunner();

  bool batches() const { return batch_stage_ != nullptr; }

  // Runs all items; reports in pieces when they take long (a piece is at least a millisecond's work), the last one when
  // everything is done. Says in the group's `progress` what begins.
  void Run(AttemptGroup* group, AttemptReporter* reporter);

 private:
  struct Item;
  void RunEach(AttemptGroup* group, AttemptReporter* reporter, uint32_t* reported);
  void RunBatch(AttemptGroup* group);
  // Items [from, to) as one batch. False when the stage threw.
  bool RunTogether(AttemptGroup* group, uint32_t from, uint32_t to);
  void Begin(AttemptGroup* group, uint32_t index, Item* item);
  void End(AttemptGroup* group, uint32_t index, Item* item, absl::Status status);

  const Config config_;
  const Random random_;
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<BatchStage> batch_stage_;
  const Clock* clock_;
  OutputArena arena_;
  std::vector<std::unique_ptr<Item>> items_;  // one for each member of a batch; one for a Stage
  std::vector<BatchItem> batch_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_ATTEMPT_RUNNER_H_
