// Stages behind a guard: each attempt is made twice with one message, and the results are compared. A difference is a
// finding about the stage, never an error of the run: the first result is what counts, the second is thrown away.
//
//   StageFindings findings;
//   GuardContext guard{.sink = &findings};
//   GuardedStage stage("parse", *kind.make(config), /*uses_ports=*/!kind.ports.empty(), guard);
//
// A stage that uses ports is called once only, as a second call would make its effects again: but in runs that nobody
// judges (GuardContext::ports_twice). There both calls go to the same stand-ins, as after a crash, and what they do to them
// is compared as well: the same ids, with the same digests. What a stage does to clocks and the like is seen in any case
// (sim/guard/interpose.h).
//
// Threading: as the stage within.
#ifndef MILLRACE_SIM_GUARD_STAGE_GUARD_H_
#define MILLRACE_SIM_GUARD_STAGE_GUARD_H_

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/segment.h"
#include "sim/guard/stage_finding.h"
#include "sim/guard/stage_marker.h"
#include "stages/outputs.h"
#include "stages/stage.h"

namespace millrace::sim {

// What a guard tells, and whom. All outlive the stages.
struct GuardContext {
  StageFindingSink* sink = nullptr;
  StageWatch* watch = nullptr;                // may be null
  bool twice = true;                          // false: marks calls, and compares nothing
  bool ports_twice = false;                   // also calls of stages that use ports
  std::set<std::string>* compared = nullptr;  // stages that were; may be null; of one thread
};

// What both kinds of guard share: the second attempt's memory, and telling.
class Comparison {
 public:
  Comparison(std::string stage, bool uses_ports, const GuardContext& guard);

  StageCall CallFor(const stages::Context& first) const {
    // Whoever logs the calls of this guard (call_log.h) is told of ports what the stage does there.
    const StageCall* const outer = StageMarker::Current();
    return {.stage = stage_,
            .input = first.id(),
            .job = first.root(),
            .sink = guard_.sink,
            .watch = guard_.watch,
            .ports = outer != nullptr ? outer->ports : nullptr};
  }
  bool may_compare() const { return guard_.twice && (guard_.ports_twice || !uses_ports_); }
  bool logs_ports() const { return guard_.ports_twice; }
  // Whether to make a second call after `first` has ended; tells why not.
  bool Again(const StageCall& first);
  stages::OutputArena& arena() { return arena_; }
  // Compares what two calls for one message gave, and tells the first difference.
  void Compare(std::string_view input, const absl::Status& first_status, const stages::Outputs& first,
               const absl::Status& second_status, const stages::Outputs& second);
  // … and what they did to ports.
  void CompareEffects(const PortLog& first, const PortLog& second);
  // Gives back the second attempt's memory.
  void Forget();

 private:
  void Tell(std::string_view input, std::string what, std::string first, std::string second,
            std::string_view name = {});

  const std::string stage_;
  const bool uses_ports_;
  const GuardContext guard_;
  bool told_ = false;  // that it is not checkable
  bus::SegmentPool pool_;
  stages::OutputArena arena_;
  std::vector<bus::SegmentRef> used_;
};

class GuardedStage final : public stages::Stage {
 public:
  // `name` as the pipeline has it.
  GuardedStage(std::string name, std::unique_ptr<stages::Stage> stage, bool uses_ports, const GuardContext& guard)
      : stage_(std::move(stage)), comparison_(std::move(name), uses_ports, guard) {}
  // Throws what the stage threw in the first call.
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override;

 private:
  const std::unique_ptr<stages::Stage> stage_;
  Comparison comparison_;
};

class GuardedBatchStage final : public stages::BatchStage {
 public:
  GuardedBatchStage(std::string name, std::unique_ptr<stages::BatchStage> stage, bool uses_ports,
                    const GuardContext& guard)
      : stage_(std::move(stage)), comparison_(std::move(name), uses_ports, guard) {}
  void Process(std::span<stages::BatchItem> batch) override;

 private:
  const std::unique_ptr<stages::BatchStage> stage_;
  Comparison comparison_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GUARD_STAGE_GUARD_H_
