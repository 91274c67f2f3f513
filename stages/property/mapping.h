// A mapping: from one raw record of one source to Listing. Lexical only (is it a number, a date, JSON?); what values
// mean is the validate stage's.
//
//   std::unique_ptr<Mapping> mapping = MakeKingCountyMapping();
//   Listing listing;
//   absl::Status status = mapping->Map(R"("7129300520","20141013T000000",221900,…)", listing);
//
// To add a source: a function here, a file map_<source>.cc, and its message type in parse.cc.
// Threading: one object, one thread; it keeps buffers from call to call.
#ifndef MILLRACE_STAGES_PROPERTY_MAPPING_H_
#define MILLRACE_STAGES_PROPERTY_MAPPING_H_

#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "stages/property/listing.pb.h"

namespace millrace::property {

class Mapping {
 public:
  virtual ~Mapping() = default;
  // Fills `listing`, which is cleared. `raw` is valid UTF-8. Errors: InvalidArgument "<field>: <reason>…".
  virtual absl::Status Map(std::string_view raw, Listing& listing) = 0;
  // The key that keeps records in order: those about the same thing have the same.
  virtual std::string_view KeyOf(const Listing& listing) const = 0;
};

// The columns of the two CSV sources, as their headers have them.
std::span<const std::string_view> KingCountyColumns();
std::span<const std::string_view> VancouverPermitColumns();

// A sale. One parcel may be sold more than once: ListingKey is "<parcel>-<date>", the key is the parcel.
std::unique_ptr<Mapping> MakeKingCountyMapping();
// A building permit: ListingKey and key are the permit number.
std::unique_ptr<Mapping> MakeVancouverPermitMapping();
// A record of a RESO Web API page: one JSON object with Data Dictionary names. The key is ListingKey.
std::unique_ptr<Mapping> MakeResoMapping();

// Why `page` is not the page of a RESO Web API that the feed expected: it could not be taken apart into records. Always
// an error.
absl::Status ExplainBadPage(std::string_view page);

// Whether `text` is valid UTF-8.
bool IsUtf8(std::string_view text);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_MAPPING_H_
