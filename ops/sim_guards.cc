#include "ops/sim_guards.h"

#include <memory>
#include <string>
#include <utility>

namespace millrace::ops {

StageWrap GuardsOf(const sim::Subject& subject, const sim::GuardContext& guard) {
  return [&subject, guard](stages::MadeStage made, uint16_t stage, bool next_version) {
    const std::string& name = subject.pipeline().stages[stage].name;
    const bool uses_ports = subject.uses_ports(stage, next_version);
    stages::MadeStage guarded;
    if (made.single != nullptr)
      guarded.single = std::make_unique<sim::GuardedStage>(name, std::move(made.single), uses_ports, guard);
    if (made.batch != nullptr)
      guarded.batch = std::make_unique<sim::GuardedBatchStage>(name, std::move(made.batch), uses_ports, guard);
    return guarded;
  };
}

}  // namespace millrace::ops
