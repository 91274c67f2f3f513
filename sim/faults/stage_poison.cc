#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) { StrikeJob(draw, fault); }

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages() || fault.part < 0) return false;
  return surface.Misbehave(static_cast<uint16_t>(fault.target), static_cast<uint32_t>(fault.part),
                           Misbehaviour::kPoison, fault.duration_ns, static_cast<uint32_t>(fault.amount));
}

}  // namespace

extern const FaultType kStagePoison = {
    .name = "stage-poison",
    .summary = "a stage can never do a job",
    .target = "stage",
    .part = "the job's id",
    .traits = {.at_job = JobEffect::kFails},
    .applies = HasWork,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
