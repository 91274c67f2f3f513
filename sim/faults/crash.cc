// duration_ns: until it is back; 0: Timing::restart_ns.
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  // Mostly it is back before anybody has missed it, sometimes after its session has ended, sometimes not before the end.
  switch (draw.Below(8)) {
    case 0:
      fault.amount = 1;
      break;
    case 1:
    case 2:
      fault.duration_ns = AroundSession(draw);
      break;
    case 3:
    case 4:
    case 5:
      fault.duration_ns = Duration(draw, kMillisecond, 2 * draw.scene.timing->restart_ns);
      break;
    default:
      break;
  }
}

bool Fire(Surface& surface, const Fault& fault) {
  const int64_t back_after = fault.duration_ns > 0 ? fault.duration_ns : surface.plan().timing.restart_ns;
  return surface.Crash(ProcessOf(fault), fault.amount > 0 ? -1 : back_after);
}

}  // namespace

extern const FaultType kCrash = {
    .name = "crash",
    .summary = "a process dies, with all it has in memory, and comes back",
    .target = "process",
    .duration = "until it is back; 0: timing.restart",
    .amount = "1: it stays down until the faults are healed",
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
