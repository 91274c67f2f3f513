// duration_ns: until it comes back; 0: Timing::restart_ns.
#include "sim/faults/drawing.h"
#include "sim/faults/rolling.h"

namespace millrace::sim {
namespace {

bool Applies(const FaultScene& scene) { return scene.new_version && HasProcesses(scene); }

void Draw(FaultDraw& draw, Fault& fault) { DrawRolling(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) {
  const uint32_t process = ProcessOf(fault);
  const int64_t back_after = fault.duration_ns > 0 ? fault.duration_ns : surface.plan().timing.restart_ns;
  if (!surface.NewVersion(process)) return false;
  // A process that is down cannot be stopped, and comes back with the next version all the same: that has struck when it does.
  surface.Stop(process, back_after);
  return true;
}

constexpr Suspension kSuspends[] = {
    {.promise = "final-state", .why = "the faultless run has no next version"},
};

}  // namespace

extern const FaultType kNewVersion = {
    .name = "new-version",
    .summary =
        "all processes are stopped as asked, one after the other, and come back with the next version of the stages "
        "(needs one: next_registrar of millrace_pipeline)",
    .target = "process",
    .duration = "until it is back; 0: timing.restart",
    .amount = "between two stops, in what is drawn; plans hold one fault for each process (sim/faults/rolling.h)",
    .traits = {.asks_to_stop = true, .rolls = true, .needs_next_version = true},
    .applies = Applies,
    .draw = Draw,
    .fire = Fire,
    .suspends = kSuspends,
};

}  // namespace millrace::sim
