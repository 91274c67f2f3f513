#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.duration_ns = Duration(draw, 50 * kMillisecond, draw.scene.timing->session_timeout_ns / 2);
}

bool Fire(Surface& surface, const Fault&) { return surface.StopBroker(); }

void Heal(Surface& surface, const Fault&) { surface.StartBroker(); }

}  // namespace

extern const FaultType kBrokerRestart = {
    .name = "broker-restart",
    .summary = "the broker goes and is back before sessions end",
    .target = "none",
    .duration = "how long",
    .applies = HasTopics,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
