// part: a partition of its input.
#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

bool Applies(const FaultScene& scene) { return OnQueues(scene) && HasStages(scene); }

void Draw(FaultDraw& draw, Fault& fault) { StrikePartition(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages()) return false;
  return surface.DeleteQueue(static_cast<uint16_t>(fault.target),
                             static_cast<uint16_t>(fault.part < 0 ? 0 : fault.part));
}

constexpr Suspension kSuspends[] = {
    {.promise = "key-order",
     .why = "who gives a partition back without having heard of it subscribes once more, to flush its settlements, and "
            "may "
            "be the first in the queue that was declared anew"},
    {.promise = "final-state", .why = "what was destroyed leaves nothing behind"},
};

}  // namespace

extern const FaultType kQueueDeleted = {
    .name = "queue-deleted",
    .summary = "somebody deletes a stage's queue, with what is in it (queues)",
    .target = "stage",
    .part = "a partition of the stage's input; -1: 0",
    .traits = {.destroys = Destroys::kOfQueues},
    .applies = Applies,
    .draw = Draw,
    .fire = Fire,
    .suspends = kSuspends,
};

}  // namespace millrace::sim
