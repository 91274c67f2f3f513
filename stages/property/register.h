// Everything this package adds to a binary.
#ifndef MILLRACE_STAGES_PROPERTY_REGISTER_H_
#define MILLRACE_STAGES_PROPERTY_REGISTER_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::property {

// Registers the source property.feed, the stages property.parse, property.validate, property.address and
// property.store, and the port of the store. Errors: AlreadyExists when a kind is taken.
absl::Status RegisterPropertyStages(stages::Registry& registry);

// The three stages of this half alone: parse, validate, address.
absl::Status AddRecordStages(stages::Registry& registry);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_REGISTER_H_
