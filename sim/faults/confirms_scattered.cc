#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.duration_ns = Duration(draw, 100 * kMillisecond, 10 * kSecond);
}

bool Fire(Surface& surface, const Fault&) { return surface.ScatterConfirms(true); }

void Heal(Surface& surface, const Fault&) { surface.ScatterConfirms(false); }

}  // namespace

extern const FaultType kConfirmsScattered = {
    .name = "confirms-scattered",
    .summary = "confirms come out of order, singly and for many at once (queues)",
    .target = "none",
    .duration = "how long",
    .applies = OnQueues,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
