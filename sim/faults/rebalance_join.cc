#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) { StrikeProcess(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) { return surface.Join(ProcessOf(fault)); }

}  // namespace

extern const FaultType kRebalanceJoin = {
    .name = "rebalance-join",
    .summary = "another process comes, with the stages of this one, and stays",
    .target = "process",
    .traits = {.adds_process = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
