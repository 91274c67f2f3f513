// Reading and emitting bodies of type millrace.property.Listing.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_BODY_H_
#define MILLRACE_STAGES_PROPERTY_BODY_H_

#include <string_view>

#include "absl/status/status.h"
#include "bus/message.h"
#include "stages/outputs.h"
#include "stages/property/listing.pb.h"

namespace millrace::property {

// Replaces the content of `listing`. Errors: InvalidArgument when the message is none, or its body is broken.
absl::Status ReadListing(const bus::Message& message, Listing& listing);

// Emits `body` under the input's key.
absl::Status EmitListing(std::string_view body, stages::Outputs& outputs);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_BODY_H_
