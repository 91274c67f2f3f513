// part: 1: the first of the two stands still meanwhile, as a zombie that has been replaced, and comes back a while before the
// second leaves.
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  fault.part = draw.OneIn(2) ? 1 : 0;
  fault.duration_ns = AroundSession(draw);
}

bool Fire(Surface& surface, const Fault& fault) {
  const uint32_t process = ProcessOf(fault);
  if (!surface.Twin(process)) return false;
  if (fault.part == 1) surface.Pause(process, fault.duration_ns / 2);
  return true;
}

void Heal(Surface& surface, const Fault& fault) { surface.EndTwins(ProcessOf(fault)); }

}  // namespace

extern const FaultType kTwin = {
    .name = "twin",
    .summary = "another process comes under the same transactional ids, and leaves again: they fence each other",
    .target = "process",
    .part = "1: the first stands still meanwhile, for half the time",
    .duration = "until the second leaves",
    .traits = {.adds_process = true},
    .applies = Transacts,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
