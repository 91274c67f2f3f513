#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.target = static_cast<int32_t>(draw.Below(draw.scene.topology->ports.size()));
  fault.amount = draw.Between(1, 3);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.ports()) return false;
  return surface.PortUnanswered(static_cast<uint16_t>(fault.target), static_cast<uint32_t>(fault.amount));
}

}  // namespace

extern const FaultType kPortUnanswered = {
    .name = "port-unanswered",
    .summary = "an outside system does what it is asked, and answers with an error",
    .target = "port",
    .amount = "how many calls",
    .applies = HasPorts,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
