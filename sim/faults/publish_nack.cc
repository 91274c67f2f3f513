// part: a partition; -1: whatever comes.
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.target = static_cast<int32_t>(draw.Below(draw.scene.topology->topics.size()));
  const TopicInfo& topic = draw.scene.topology->topics[static_cast<size_t>(fault.target)];
  fault.part = draw.OneIn(2) ? -1 : static_cast<int32_t>(draw.Below(topic.partitions));
  fault.amount = draw.Between(1, draw.OneIn(4) ? 50 : 4);
  // Then the broker is well again: who tries every few seconds may not use up fifty refusals in any time worth waiting.
  fault.duration_ns = draw.Between(500, 10'000) * kMillisecond;
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.topics()) return false;
  return surface.Refuse(static_cast<uint16_t>(fault.target), fault.part, static_cast<uint64_t>(fault.amount));
}

void Heal(Surface& surface, const Fault& fault) { surface.Refuse(static_cast<uint16_t>(fault.target), fault.part, 0); }

}  // namespace

extern const FaultType kPublishNack = {
    .name = "publish-nack",
    .summary = "the broker refuses publishes of a topic",
    .target = "topic",
    .part = "a partition on queues, -1: 0; logs refuse whatever comes",
    .duration = "at most so long",
    .amount = "how many publishes",
    .applies = HasTopics,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
