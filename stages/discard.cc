#include "stages/discard.h"

#include <utility>

namespace millrace::stages {
namespace {

class Discard : public Stage {
 public:
  explicit Discard(std::string reason) : reason_(std::move(reason)) {}
  absl::Status Process(Context&, const bus::Message&, Outputs& outputs) override {
    outputs.Drop(reason_);
    return absl::OkStatus();
  }

 private:
  const std::string reason_;
};

}  // namespace

absl::Status RegisterDiscard(Registry& registry) {
  StageKind kind;
  kind.kind = "discard";
  kind.summary = "ends each job with a receipt";
  kind.options = {{.key = "reason", .summary = "what the receipts say; default: discarded", .required = false}};
  kind.make = [](const StageConfig& config) -> absl::StatusOr<std::unique_ptr<Stage>> {
    return std::make_unique<Discard>(config.options.Get("reason", "discarded"));
  };
  return registry.AddStage(std::move(kind));
}

}  // namespace millrace::stages
