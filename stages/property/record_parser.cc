#include "stages/property/record_parser.h"

#include "stages/property/errors.h"
#include "stages/property/message_types.h"

namespace millrace::property {

RecordParser::RecordParser()
    : king_county_(MakeKingCountyMapping()), vancouver_(MakeVancouverPermitMapping()), reso_(MakeResoMapping()) {}

absl::StatusOr<std::string_view> RecordParser::Parse(std::string_view type, std::string_view raw, Listing& listing) {
  listing.Clear();
  if (type == kRawPage) return ExplainBadPage(raw);
  Mapping* const mapping = type == kRawReso              ? reso_.get()
                           : type == kRawKingCounty      ? king_county_.get()
                           : type == kRawVancouverPermit ? vancouver_.get()
                                                         : nullptr;
  if (mapping == nullptr) return Bad("record", "not of a type that this stage parses", type);
  if (!IsUtf8(raw)) return Bad("record", "not valid UTF-8");
  if (absl::Status mapped = mapping->Map(raw, listing); !mapped.ok()) return mapped;
  return mapping->KeyOf(listing);
}

}  // namespace millrace::property
