// part: a partition.
#include <vector>

#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

bool Read(const TopicInfo& topic) { return !topic.readers.empty() && !topic.dead_letter; }

bool Applies(const FaultScene& scene) {
  bool any = false;
  for (const TopicInfo& topic : scene.topology->topics) any |= Read(topic);
  return any && OnLogs(scene);
}

void Draw(FaultDraw& draw, Fault& fault) {
  // Topics that somebody reads: dead letters are kept for ever, and so is what nobody reads.
  std::vector<uint16_t> read;
  for (size_t i = 0; i < draw.scene.topology->topics.size(); ++i) {
    if (Read(draw.scene.topology->topics[i])) read.push_back(static_cast<uint16_t>(i));
  }
  fault.trigger = draw.Time();
  fault.target = read[draw.Below(read.size())];
  const TopicInfo& topic = draw.scene.topology->topics[static_cast<size_t>(fault.target)];
  fault.part = static_cast<int32_t>(draw.Below(topic.partitions));
  fault.amount = draw.Between(1, draw.OneIn(4) ? 1000 : 10);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.topics()) return false;
  const uint16_t partition = static_cast<uint16_t>(fault.part < 0 ? 0 : fault.part);
  return surface.Destroy(static_cast<uint16_t>(fault.target), partition, static_cast<uint64_t>(fault.amount));
}

constexpr Suspension kSuspends[] = {
    {.promise = "final-state", .why = "what was destroyed leaves nothing behind"},
};

}  // namespace

extern const FaultType kRetention = {
    .name = "retention",
    .summary = "the oldest records of a partition are destroyed, read or not (logs)",
    .target = "topic",
    .part = "a partition; -1: 0",
    .amount = "how many records",
    .traits = {.destroys = Destroys::kOfLogs},
    .applies = Applies,
    .draw = Draw,
    .fire = Fire,
    .suspends = kSuspends,
};

}  // namespace millrace::sim
