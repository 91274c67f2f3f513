// part: a partition of its input.
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

bool Applies(const FaultScene& scene) { return OnLogs(scene) && HasStages(scene); }

void Draw(FaultDraw& draw, Fault& fault) { StrikePartition(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages()) return false;
  return surface.Redeliver(static_cast<uint16_t>(fault.target), static_cast<uint16_t>(fault.part < 0 ? 0 : fault.part));
}

constexpr Suspension kSuspends[] = {
    {.promise = "commit-regression",
     .expect = Expect::kAnything,
     .why = "the fault itself moves the committed offset back"},
    {.promise = "drain",
     .expect = Expect::kAnything,
     .why = "what comes again after a clean leave came because the offset was moved"},
};

}  // namespace

extern const FaultType kDuplicateDelivery = {
    .name = "duplicate-delivery",
    .summary = "a group's committed offset goes back by one record, which comes again to the next owner (logs)",
    .target = "stage",
    .applies = Applies,
    .draw = Draw,
    .fire = Fire,
    .suspends = kSuspends,
};

}  // namespace millrace::sim
