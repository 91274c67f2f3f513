#include "sim/mutants/fan_stages.h"

#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace millrace::sim {
namespace {

class Split final : public stages::Stage {
 public:
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    if (absl::Status left = outputs.Emit({.to = "left", .body = message.body}); !left.ok()) return left;
    return outputs.Emit({.to = "right", .body = message.body});
  }
};

class Pack final : public stages::BatchStage {
 public:
  void Process(std::span<stages::BatchItem> batch) override {
    for (stages::BatchItem& item : batch) item.status = item.outputs.Emit({.body = item.message.body});
  }
};

}  // namespace

absl::Status AddFanStages(stages::Registry& registry) {
  absl::Status added =
      registry.AddStage({.kind = "split",
                         .summary = "the body to the left and to the right",
                         .outputs = {"left", "right"},
                         .make = [](const stages::StageConfig&) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
                           return std::make_unique<Split>();
                         }});
  if (!added.ok()) return added;
  return registry.AddStage(
      {.kind = "pack",
       .summary = "passes bodies on, many at a time",
       .make_batch = [](const stages::StageConfig&) -> absl::StatusOr<std::unique_ptr<stages::BatchStage>> {
         return std::make_unique<Pack>();
       }});
}

}  // namespace millrace::sim
