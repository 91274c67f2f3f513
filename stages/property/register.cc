#include "stages/property/register.h"

#include <memory>

#include "absl/status/statusor.h"
#include "stages/property/address.h"
#include "stages/property/feed.h"
#include "stages/property/parse.h"
#include "stages/property/store.h"
#include "stages/property/validate.h"

namespace millrace::property {
namespace {

template <class S>
stages::StageKind KindOf(const char* kind, const char* summary) {
  // One output, named so that lint asks for it; pipelines need not repeat the name.
  return {.kind = kind, .summary = summary, .outputs = {"listings"}, .make = [](const stages::StageConfig&) {
            return absl::StatusOr<std::unique_ptr<stages::Stage>>(std::make_unique<S>());
          }};
}

}  // namespace

absl::Status AddRecordStages(stages::Registry& registry) {
  absl::Status status = registry.AddStage(KindOf<ParseStage>(
      "property.parse", "reads raw records (CSV, RESO JSON) into listings with Data Dictionary names"));
  if (status.ok()) {
    status = registry.AddStage(KindOf<ValidateStage>(
        "property.validate",
        "checks types, enumerations, lengths and postal codes; refuses what cannot be, flags what is odd"));
  }
  if (status.ok()) {
    status = registry.AddStage(
        KindOf<AddressStage>("property.address", "adds the standard address after USPS Publication 28 or Canada Post"));
  }
  return status;
}

absl::Status RegisterPropertyStages(stages::Registry& registry) {
  absl::Status status = AddFeed(registry);
  if (status.ok()) status = AddRecordStages(registry);
  if (status.ok()) status = AddStore(registry);
  return status;
}

}  // namespace millrace::property
