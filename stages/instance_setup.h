// From a resolved pipeline to what an instance is made of: the one place that production and the simulator share for it.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_INSTANCE_SETUP_H_
#define MILLRACE_STAGES_INSTANCE_SETUP_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "stages/attempt_runner.h"
#include "stages/registry.h"
#include "stages/settings.h"
#include "stages/worker_options.h"

namespace millrace::stages {

// Limits of the backend are in `message_bytes_max`.
WorkerOptions WorkerOptionsOf(const ResolvedPipeline& pipeline, const StageSettings& stage, bool batch_stage,
                              size_t message_bytes_max);

AttemptRunner::Config AttemptConfigOf(const StageSettings& stage, const StageKind& kind, size_t message_bytes_max);

bus::ConsumerOptions ConsumerOptionsOf(const StageSettings& stage, const std::string& instance);
bus::ProducerOptions ProducerOptionsOf(const StageSettings& stage, const std::string& instance);

// The stage object that a kind makes: exactly one of the two is set.
struct MadeStage {
  std::unique_ptr<Stage> single;
  std::unique_ptr<BatchStage> batch;
};
// Errors: what the factory says.
absl::StatusOr<MadeStage> MakeStage(const StageKind& kind, const StageConfig& config);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_INSTANCE_SETUP_H_
