// Stages behind a guard: each attempt is made twice with one message, and the results are compared. A difference is a
// finding about the stage, never an error of the run: the first result is what counts, the second is thrown away.
//
//   StageFindings findings;
//   GuardContext guard{.sink = &findings};
//   const stages::StageKind kind = Guarded(*registry.FindStage("property.parse"), guard);
//   auto stage = kind.make(config);                  // as before
//
// A stage that uses ports is called once only: a second call would make its effects again. That it is not checkable is
// told to the sink. What it does to clocks and the like is seen all the same (sim/guard/interpose.h).
//
// Threading: as the stage within.
#ifndef MILLRACE_SIM_GUARD_STAGE_GUARD_H_
#define MILLRACE_SIM_GUARD_STAGE_GUARD_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/segment.h"
#include "sim/guard/stage_finding.h"
#include "sim/guard/stage_marker.h"
#include "stages/outputs.h"
#include "stages/registry.h"
#include "stages/stage.h"

namespace millrace::sim {

// What a guard tells, and whom. All outlive the stages.
struct GuardContext {
  StageFindingSink* sink = nullptr;
  StageWatch* watch = nullptr;  // may be null
  bool twice = true;            // false: marks calls, and compares nothing
};

// The kind with factories that give guarded stages. Stages of kinds that name ports are called once.
stages::StageKind Guarded(stages::StageKind kind, const GuardContext& guard);

// What both kinds of guard share: the second attempt's memory, and telling.
class Comparison {
 public:
  Comparison(std::string stage, bool uses_ports, const GuardContext& guard);

  StageCall CallFor(const stages::Context& first) const {
    return {.stage = stage_, .input = first.id(), .job = first.root(), .sink = guard_.sink, .watch = guard_.watch};
  }
  bool may_compare() const { return guard_.twice && !uses_ports_; }
  // Whether to make a second call after `first` has ended; tells why not.
  bool Again(const StageCall& first);
  stages::OutputArena& arena() { return arena_; }
  // Compares what two calls for one message gave, and tells the first difference.
  void Compare(std::string_view input, const absl::Status& first_status, const stages::Outputs& first,
               const absl::Status& second_status, const stages::Outputs& second);
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
