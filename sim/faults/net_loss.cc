#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeLink(draw, fault);
  fault.amount = draw.Between(1, 8);
}

bool Fire(Surface& surface, const Fault& fault) {
  return surface.Lose(LinkOf(fault), static_cast<uint32_t>(fault.amount));
}

}  // namespace

extern const FaultType kNetLoss = {
    .name = "net-loss",
    .summary = "packets to the broker are lost and sent again, and those behind wait (target -2: the feed)",
    .target = "process",
    .amount = "how many packets",
    .traits = {.strikes_feed = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
