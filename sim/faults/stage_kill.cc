#include "sim/faults/drawing.h"

namespace millrace::sim {
namespace {

void Draw(FaultDraw& draw, Fault& fault) {
  StrikeJob(draw, fault);
  fault.amount = draw.Between(0, 3);
}

bool Fire(Surface& surface, const Fault& fault) {
  if (fault.target < 0 || fault.target >= surface.stages() || fault.part < 0) return false;
  return surface.Misbehave(static_cast<uint16_t>(fault.target), static_cast<uint32_t>(fault.part), Misbehaviour::kKill,
                           fault.duration_ns, static_cast<uint32_t>(fault.amount));
}

constexpr std::string_view kByCounts =
    "queues keep no notes: a killer is found by the broker's delivery counts, which grow for all that was handed out "
    "with "
    "it, so that its company may become dead letters too (decision 0003)";
constexpr Suspension kSuspends[] = {
    {.promise = "unjustified-dead-letter", .queues_only = true, .why = kByCounts},
    {.promise = "final-state", .queues_only = true, .why = kByCounts},
};

}  // namespace

extern const FaultType kStageKill = {
    .name = "stage-kill",
    .summary = "a job kills the process that a stage runs in",
    .target = "stage",
    .part = "the job's id",
    .amount = "how many attempts; 0: all",
    .amount_kind = AmountKind::kCountZeroAll,
    .traits = {.at_job = JobEffect::kFails},
    .applies = HasWork,
    .draw = Draw,
    .fire = Fire,
    .suspends = kSuspends,
};

}  // namespace millrace::sim
