// The checks of the validate stage, over one parsed record. docs/reference/property-checks.md lists them all.
//
//   RecordChecks checks;
//   if (absl::Status status = checks.Check(listing); !status.ok()) …   // refuse it: "PostalCode: not a postal code of
//   the province; found …"
//
// What makes a record unusable or self-contradictory refuses it. What is merely odd (33 bedrooms) or absent is kept,
// with a finding.
//
// Threading: one object on any thread at a time; immutable after construction.
#ifndef MILLRACE_STAGES_PROPERTY_CHECKS_H_
#define MILLRACE_STAGES_PROPERTY_CHECKS_H_

#include "absl/status/status.h"
#include "stages/property/listing.pb.h"
#include "stages/property/postal.h"

namespace millrace::property {

class RecordChecks {
 public:
  RecordChecks() {}  // written out, so that a const object of it can be made

  // Adds findings to `listing`, and the country where only its state tells it. True in `changed` when the record was
  // touched. Errors: InvalidArgument "<field>: <reason>…", of the first fault in the order of the checks.
  absl::Status Check(Listing& listing, bool* changed) const;

 private:
  absl::Status CheckPlace(Listing& listing) const;
  absl::Status CheckPostalCode(Listing& listing) const;

  const PostalRules postal_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_CHECKS_H_
