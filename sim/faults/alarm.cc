#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.duration_ns = Duration(draw, 50 * kMillisecond, 3 * draw.scene.timing->session_timeout_ns);
}

bool Fire(Surface& surface, const Fault&) { return surface.SetAlarm(true); }

void Heal(Surface& surface, const Fault&) { surface.SetAlarm(false); }

}  // namespace

extern const FaultType kAlarm = {
    .name = "alarm",
    .summary = "the broker is short of memory or disk and reads from no publisher (queues)",
    .target = "none",
    .duration = "how long",
    .applies = OnQueues,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
