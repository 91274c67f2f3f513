#include "bus/bus.h"
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

// Mostly beyond the time-out of transactions, sometimes well below it, so that a commit is late and nothing else.
void Draw(FaultDraw& draw, Fault& fault) {
  StrikeProcess(draw, fault);
  const int64_t timeout = bus::TransactionOptions().timeout.count();
  fault.duration_ns = draw.OneIn(4) ? Duration(draw, 10 * kMillisecond, timeout / 2)
                                    : timeout + Duration(draw, 10 * kMillisecond, timeout);
}

bool Fire(Surface& surface, const Fault& fault) { return surface.HoldEnds(ProcessOf(fault), true); }

void Heal(Surface& surface, const Fault& fault) { surface.HoldEnds(ProcessOf(fault), false); }

}  // namespace

extern const FaultType kTransactionTimeout = {
    .name = "transaction-timeout",
    .summary =
        "a process's requests to end its transactions stay away for a while: the broker aborts what is open too long",
    .target = "process",
    .duration = "how long",
    .applies = Transacts,
    .draw = Draw,
    .fire = Fire,
    .heal = Heal,
};

}  // namespace millrace::sim
