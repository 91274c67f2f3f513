// part: 0 or -1: both ways; 1: only to the broker; 2: only from it.
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

constexpr int32_t kOnlyToBroker = 1;
constexpr int32_t kOnlyFromBroker = 2;

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeLink(draw, fault);
  fault.part = static_cast<int32_t>(draw.Below(3));
  fault.duration_ns = AroundSession(draw);
}

bool Fire(Surface& surface, const Fault& fault) {
  const bool to_broker = fault.part != kOnlyFromBroker;
  const bool from_broker = fault.part != kOnlyToBroker;
  return surface.Cut(LinkOf(fault), to_broker, from_broker);
}

void Heal(Surface& surface, const Fault& fault) { surface.Mend(LinkOf(fault)); }

}  // namespace

extern const FaultType kNetPartition = {
    .name = "net-partition",
    .summary =
        "nothing comes through between a process and the broker, one way or both, for a while (target -2: the feed)",
    .target = "process",
    .part = "0: both ways, 1: only to the broker, 2: only from it",
    .duration = "how long",
    .traits = {.strikes_feed = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
