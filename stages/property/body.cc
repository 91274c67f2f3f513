#include "stages/property/body.h"

#include <limits>
#include <optional>

#include "bus/envelope.h"
#include "stages/property/errors.h"
#include "stages/property/message_types.h"

namespace millrace::property {

absl::Status ReadListing(const bus::Message& message, Listing& listing) {
  const std::string_view type = message.headers.Find(bus::kHeaderType).value_or("");
  if (type != kListingType) return Bad("record", "not of the type millrace.property.Listing", type);
  if (!message.body) return Bad("record", "no body");
  const size_t size = message.body->size();
  if (size > std::numeric_limits<int>::max() || !listing.ParseFromArray(message.body->data(), static_cast<int>(size))) {
    return Bad("record", "its body is not a millrace.property.Listing");
  }
  return absl::OkStatus();
}

absl::Status EmitListing(std::string_view body, stages::Outputs& outputs) {
  return outputs.Emit({.body = body, .type = kListingType, .content_type = kListingContentType});
}

}  // namespace millrace::property
