#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  static constexpr int64_t kHour = 3600 * kSecond;
  fault.amount = Duration(draw, kMillisecond, draw.OneIn(2) ? kSecond : 48 * kHour);
  if (draw.OneIn(2)) fault.amount = -fault.amount;
}

bool Fire(Surface& surface, const Fault& fault) { return surface.JumpWall(ProcessOf(fault), fault.amount); }

}  // namespace

extern const FaultType kWallJump = {
    .name = "wall-jump",
    .summary = "a process's wall clock jumps",
    .target = "process",
    .amount = "by how many nanoseconds, backwards where negative",
    .amount_kind = AmountKind::kTime,
    .amount_least = -kFarthestNs,
    .amount_most = kFarthestNs,
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
