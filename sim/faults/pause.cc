#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  const Timing& timing = *draw.scene.timing;
  switch (draw.Below(4)) {
    case 0:
      fault.duration_ns = Duration(draw, 10 * kMillisecond, timing.session_timeout_ns);
      break;
    case 1:
      fault.duration_ns = timing.max_poll_interval_ns + Duration(draw, 10 * kMillisecond, timing.session_timeout_ns);
      break;
    default:
      fault.duration_ns = timing.session_timeout_ns + Duration(draw, 10 * kMillisecond, timing.session_timeout_ns);
      break;
  }
}

bool Fire(Surface& surface, const Fault& fault) { return surface.Pause(ProcessOf(fault), fault.duration_ns); }

}  // namespace

extern const FaultType kPause = {
    .name = "pause",
    .summary = "a process stands still and goes on later, not knowing of it: beyond its session it is a zombie",
    .target = "process",
    .duration = "how long",
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
