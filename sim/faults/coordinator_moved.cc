#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.duration_ns = Duration(draw, 10 * kMillisecond, 2 * draw.scene.timing->session_timeout_ns);
}

bool Fire(Surface& surface, const Fault&) { return surface.SetCoordinator(false); }

void Heal(Surface& surface, const Fault&) { surface.SetCoordinator(true); }

}  // namespace

extern const FaultType kCoordinatorMoved = {
    .name = "coordinator-moved",
    .summary = "the coordinator of the groups is not to be had for a while (logs)",
    .target = "none",
    .duration = "how long",
    .applies = OnLogs,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
