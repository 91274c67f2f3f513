// CloudEvents types and headers of the messages between the property stages.
#ifndef MILLRACE_STAGES_PROPERTY_MESSAGE_TYPES_H_
#define MILLRACE_STAGES_PROPERTY_MESSAGE_TYPES_H_

#include <string_view>

namespace millrace::property {

// Raw records: what the feed gives them, and how their bodies are read.
inline constexpr std::string_view kRawKingCounty = "millrace.property.raw.king_county";            // one CSV record
inline constexpr std::string_view kRawVancouverPermit = "millrace.property.raw.vancouver_permit";  // one CSV record
inline constexpr std::string_view kRawReso = "millrace.property.raw.reso";  // one element of a page's "value"
inline constexpr std::string_view kRawPage = "millrace.property.raw.page";  // a page that could not be taken apart
// Of a record that was too long for the feed and so was cut: "<bytes of the whole> <file>:<line>".
inline constexpr std::string_view kHeaderCut = "mr_feed_cut";

// Parsed records, from parse to store.
inline constexpr std::string_view kListingType = "millrace.property.Listing";
inline constexpr std::string_view kListingContentType = "application/protobuf";

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_MESSAGE_TYPES_H_
