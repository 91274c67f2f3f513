#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.target = static_cast<int32_t>(draw.Below(draw.scene.topology->ports.size()));
  fault.amount = Duration(draw, kMillisecond, 2 * kSecond);
  fault.duration_ns = Duration(draw, 10 * kMillisecond, 3 * draw.scene.timing->session_timeout_ns);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.ports()) return false;
  return surface.PortSlow(static_cast<uint16_t>(fault.target), fault.amount);
}

void Heal(Surface& surface, const Fault& fault) { surface.PortSlow(static_cast<uint16_t>(fault.target), 0); }

}  // namespace

extern const FaultType kPortSlow = {
    .name = "port-slow",
    .summary = "an outside system takes longer for a while",
    .target = "port",
    .duration = "how long",
    .amount = "by how many nanoseconds a call",
    .amount_kind = AmountKind::kTime,
    .amount_most = kLongestNs,
    .applies = HasPorts,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
