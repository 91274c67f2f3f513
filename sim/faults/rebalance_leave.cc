// duration_ns: until it comes back; 0: Timing::restart_ns.
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  fault.duration_ns = Duration(draw, 10 * kMillisecond, 2 * draw.scene.timing->session_timeout_ns);
}

bool Fire(Surface& surface, const Fault& fault) {
  return surface.Stop(ProcessOf(fault), fault.duration_ns > 0 ? fault.duration_ns : surface.plan().timing.restart_ns);
}

}  // namespace

extern const FaultType kRebalanceLeave = {
    .name = "rebalance-leave",
    .summary = "a process stops as asked (SIGTERM), and comes back",
    .target = "process",
    .duration = "until it is back; 0: timing.restart",
    .traits = {.asks_to_stop = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
