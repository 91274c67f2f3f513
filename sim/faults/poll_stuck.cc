#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

// Within the time that the group allows between two polls, and beyond it.
void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  const Timing& timing = *draw.scene.timing;
  switch (draw.Below(3)) {
    case 0:
      fault.duration_ns = Duration(draw, 10 * kMillisecond, timing.max_poll_interval_ns);
      break;
    case 1:
      fault.duration_ns = timing.session_timeout_ns + Duration(draw, 10 * kMillisecond, timing.session_timeout_ns);
      break;
    default:
      fault.duration_ns = timing.max_poll_interval_ns + Duration(draw, 10 * kMillisecond, timing.session_timeout_ns);
      break;
  }
}

bool Fire(Surface& surface, const Fault& fault) { return surface.Stick(ProcessOf(fault), fault.duration_ns); }

}  // namespace

extern const FaultType kPollStuck = {
    .name = "poll-stuck",
    .summary = "a process's loop is stuck and polls nothing, while its client libraries' heartbeats go on",
    .target = "process",
    .duration = "how long",
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
