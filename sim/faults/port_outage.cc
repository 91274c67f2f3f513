#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.target = static_cast<int32_t>(draw.Below(draw.scene.topology->ports.size()));
  fault.duration_ns = Duration(draw, 10 * kMillisecond, 5 * draw.scene.timing->session_timeout_ns);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.ports()) return false;
  return surface.PortOutage(static_cast<uint16_t>(fault.target), true);
}

void Heal(Surface& surface, const Fault& fault) { surface.PortOutage(static_cast<uint16_t>(fault.target), false); }

}  // namespace

extern const FaultType kPortOutage = {
    .name = "port-outage",
    .summary = "an outside system answers Unavailable for a while",
    .target = "port",
    .duration = "how long",
    .applies = HasPorts,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
