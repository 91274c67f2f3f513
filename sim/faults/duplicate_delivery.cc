// part: a partition of its input.
#include <algorithm>

#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikePartition(draw, fault);
  fault.amount = draw.Between(1, draw.OneIn(4) ? 100 : 5);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages()) return false;
  return surface.Redeliver(static_cast<uint16_t>(fault.target), static_cast<uint16_t>(std::max(fault.part, 0)),
                           static_cast<uint64_t>(std::max<int64_t>(fault.amount, 1)));
}

}  // namespace

extern const FaultType kDuplicateDelivery = {
    .name = "duplicate-delivery",
    .summary =
        "a group gets again what it had settled: its committed offset goes back (logs), or an acknowledgement is "
        "lost with its connection (queues)",
    .target = "stage",
    .part = "a partition of the stage's input; -1: 0",
    .amount = "by how many records the offset goes back (logs)",
    .traits = {.gives_again = true},
    .applies = HasStages,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
