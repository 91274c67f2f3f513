#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

bool Applies(const FaultScene& scene) { return OnQueues(scene) && HasTopics(scene); }

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.target = static_cast<int32_t>(draw.Below(draw.scene.topology->topics.size()));
  fault.duration_ns = Duration(draw, 10 * kMillisecond, draw.scene.timing->session_timeout_ns);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.topics()) return false;
  return surface.Unbind(static_cast<uint16_t>(fault.target), fault.duration_ns);
}

}  // namespace

extern const FaultType kPublishReturned = {
    .name = "publish-returned",
    .summary = "a topic's queues are not bound: publishes come back as unroutable (queues)",
    .target = "topic",
    .duration = "how long",
    .applies = Applies,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
