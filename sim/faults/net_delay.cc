#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeLink(draw, fault);
  fault.amount = Duration(draw, kMillisecond, draw.scene.timing->session_timeout_ns);
  fault.duration_ns = Duration(draw, 10 * kMillisecond, 3 * draw.scene.timing->session_timeout_ns);
}

bool Fire(Surface& surface, const Fault& fault) {
  return surface.Delay(LinkOf(fault), fault.amount, fault.duration_ns);
}

}  // namespace

extern const FaultType kNetDelay = {
    .name = "net-delay",
    .summary = "what travels between a process and the broker takes longer (target -2: the feed)",
    .target = "process",
    .duration = "how long",
    .amount = "by how many nanoseconds",
    .amount_kind = AmountKind::kTime,
    .amount_most = kLongestNs,
    .traits = {.strikes_feed = true},
    .applies = HasProcesses,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
