// target: the first that leaves. part: 1: another one joins. duration_ns: between two returns.
#include <algorithm>

#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  fault.amount = draw.Between(1, static_cast<int64_t>(draw.scene.processes));
  fault.part = draw.OneIn(2) ? 1 : 0;
  fault.duration_ns = Duration(draw, kMillisecond, draw.scene.timing->heartbeat_ns);
}

bool Fire(Surface& surface, const Fault& fault) {
  const uint32_t first = ProcessOf(fault);
  const uint32_t slots = surface.processes();
  if (first >= slots) return false;
  const int64_t gap = fault.duration_ns > 0 ? fault.duration_ns : kMillisecond;
  const uint32_t leaving = static_cast<uint32_t>(std::clamp<int64_t>(fault.amount, 1, slots));
  bool fired = false;
  // Each return begins another generation before the one before it has settled.
  for (uint32_t i = 0; i < leaving; ++i) fired |= surface.Stop((first + i) % slots, gap * (i + 1));
  if (fault.part == 1) fired |= surface.Join(first);
  return fired;
}

}  // namespace

extern const FaultType kRebalanceStorm = {
    .name = "rebalance-storm",
    .summary = "several processes leave at once and come back one shortly after the other, another joins",
    .target = "process",
    .part = "1: another process joins",
    .duration = "between two that come back; 0: 1ms",
    .amount = "how many leave",
    .traits = {.adds_process = true, .asks_to_stop = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
