#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) { StrikeLink(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) { return surface.Reset(LinkOf(fault)); }

}  // namespace

extern const FaultType kNetReset = {
    .name = "net-reset",
    .summary = "a connection breaks, and what was on its way is gone (target -2: the feed)",
    .target = "process",
    .traits = {.strikes_feed = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
