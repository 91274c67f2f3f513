#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeJob(draw, fault);
  fault.duration_ns = Duration(draw, 10 * kMillisecond, 2 * draw.scene.timing->max_poll_interval_ns);
  fault.amount = draw.Between(1, 3);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages() || fault.part < 0) return false;
  return surface.Misbehave(static_cast<uint16_t>(fault.target), static_cast<uint32_t>(fault.part), Misbehaviour::kSlow,
                           fault.duration_ns, static_cast<uint32_t>(fault.amount));
}

}  // namespace

extern const FaultType kStageSlow = {
    .name = "stage-slow",
    .summary = "a stage takes long over a job",
    .target = "stage",
    .part = "the job's id",
    .duration = "by how much longer an attempt takes",
    .amount = "how many attempts",
    .traits = {.at_job = JobEffect::kSlows},
    .applies = HasWork,
    .draw = Draw,
    .fire = Fire,
};

}  // namespace millrace::sim
