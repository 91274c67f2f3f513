#include "stages/property/parse.h"

#include <optional>

#include "absl/status/statusor.h"
#include "bus/envelope.h"
#include "stages/property/errors.h"
#include "stages/property/message_types.h"

namespace millrace::property {

absl::Status ParseStage::Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) {
  if (std::optional<std::string_view> cut = message.headers.Find(kHeaderCut)) {
    return Bad("record",
               "longer than the feed's limit, and so only its beginning is here (bytes of the whole, file:line)", *cut);
  }
  if (!message.body) return Bad("record", "no body");
  const std::string_view type = message.headers.Find(bus::kHeaderType).value_or("");
  absl::StatusOr<std::string_view> key = parser_.Parse(type, *message.body, listing_);
  if (!key.ok()) return key.status();
  listing_.SerializeToString(&body_);
  stages::Emission out{.body = body_, .type = kListingType, .content_type = kListingContentType};
  if (message.key != *key) out.key = *key;
  return outputs.Emit(out);
}

}  // namespace millrace::property
