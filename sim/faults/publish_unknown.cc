#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeLink(draw, fault);
  fault.amount = draw.Between(1, 4);
}

bool Fire(Surface& surface, const Fault& fault) {
  return surface.LoseConfirms(LinkOf(fault), static_cast<uint32_t>(fault.amount));
}

}  // namespace

extern const FaultType kPublishUnknown = {
    .name = "publish-unknown",
    .summary = "the broker takes publishes, and the connection breaks before it says so (target -2: the feed)",
    .target = "process",
    .amount = "how many confirms",
    .traits = {.strikes_publishes = true, .strikes_feed = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
