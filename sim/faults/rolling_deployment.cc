// duration_ns: until it comes back; 0: Timing::restart_ns.
#include "sim/faults/drawing.h"
#include "sim/faults/rolling.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) { DrawRolling(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) {
  return surface.Stop(ProcessOf(fault), fault.duration_ns > 0 ? fault.duration_ns : surface.plan().timing.restart_ns);
}

}  // namespace

extern const FaultType kRollingDeployment = {
    .name = "rolling-deployment",
    .summary = "all processes are stopped as asked and come back, one after the other",
    .target = "process",
    .duration = "until it is back; 0: timing.restart",
    .amount = "between two stops, in what is drawn; plans hold one fault for each process (sim/faults/rolling.h)",
    .traits = {.asks_to_stop = true, .rolls = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
