#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.duration_ns = draw.scene.timing->session_timeout_ns;
  fault.duration_ns += Duration(draw, 100 * kMillisecond, 2 * draw.scene.timing->max_poll_interval_ns);
}

bool Fire(Surface& surface, const Fault&) { return surface.StopBroker(); }

void Heal(Surface& surface, const Fault&) { surface.StartBroker(); }

}  // namespace

extern const FaultType kBrokerStop = {
    .name = "broker-stop",
    .summary = "the broker is away for longer than sessions last",
    .target = "none",
    .duration = "how long",
    .applies = HasTopics,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
