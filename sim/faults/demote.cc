// part: a partition of its input.
//
// Order holds all the same: what the old owner and the new one do is each in order from the first message that was not
// settled, and where both do something the second is no first occurrence. Nor is a settlement by the old owner one after a
// revoke: it was told of none.
#include <vector>

#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

bool Ordered(const Topology& topology, const StageInfo& stage) {
  return stage.input != kNoTopic && topology.topics[stage.input].ordered;
}

bool Applies(const FaultScene& scene) {
  bool any = false;
  for (const StageInfo& stage : scene.topology->stages) any |= Ordered(*scene.topology, stage);
  return any && OnQueues(scene);
}

void Draw(FaultDraw& draw, Fault& fault) {
  // Only ordered topics have one active consumer.
  std::vector<int32_t> stages;
  for (size_t i = 0; i < draw.scene.topology->stages.size(); ++i) {
    if (Ordered(*draw.scene.topology, draw.scene.topology->stages[i])) stages.push_back(static_cast<int32_t>(i));
  }
  fault.trigger = draw.Time();
  fault.target = stages[draw.Below(stages.size())];
  const Topology& topology = *draw.scene.topology;
  const uint16_t input = topology.stages[static_cast<size_t>(fault.target)].input;
  fault.part = static_cast<int32_t>(draw.Below(topology.topics[input].partitions));
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages()) return false;
  return surface.Demote(static_cast<uint16_t>(fault.target), static_cast<uint16_t>(fault.part < 0 ? 0 : fault.part));
}

constexpr Suspension kSuspends[] = {
    {.promise = "zombie-effect",
     .why = "until its heartbeat notices, the old owner works on the messages that the new one has been given"},
    {.promise = "drain",
     .why = "what a demoted owner settles, even when it leaves cleanly, the broker has given to somebody else"},
};

}  // namespace

extern const FaultType kDemote = {
    .name = "demote",
    .summary = "the broker makes another consumer of a queue the active one, with no notice (queues)",
    .target = "stage",
    .part = "a partition of the stage's input; -1: 0",
    .applies = Applies,
    .draw = Draw,
    .fire = Fire,
    .suspends = kSuspends,
};

}  // namespace millrace::sim
