#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeJob(draw, fault);
  // Mostly fewer times than make a dead letter, sometimes more.
  fault.amount = draw.Between(1, draw.OneIn(4) ? 12 : 3);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages() || fault.part < 0) return false;
  return surface.Misbehave(static_cast<uint16_t>(fault.target), static_cast<uint32_t>(fault.part), Misbehaviour::kFail,
                           fault.duration_ns, static_cast<uint32_t>(fault.amount));
}

}  // namespace

extern const FaultType kStageFailing = {
    .name = "stage-failing",
    .summary = "a stage fails on a job a few times, then works",
    .target = "stage",
    .part = "the job's id",
    .amount = "how many attempts",
    .traits = {.at_job = JobEffect::kFails},
    .applies = HasWork,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
