#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) { StrikeLink(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) { return surface.HalfOpen(LinkOf(fault)); }

}  // namespace

extern const FaultType kNetHalfOpen = {
    .name = "net-half-open",
    .summary = "a connection breaks, and the broker does not learn of it (target -2: the feed)",
    .target = "process",
    .traits = {.strikes_feed = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
