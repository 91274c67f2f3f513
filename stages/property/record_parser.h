// Parses raw records of every known type (stages/property/message_types.h).
//
// Threading: one object, one thread.
#ifndef MILLRACE_STAGES_PROPERTY_RECORD_PARSER_H_
#define MILLRACE_STAGES_PROPERTY_RECORD_PARSER_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stages/property/listing.pb.h"
#include "stages/property/mapping.h"

namespace millrace::property {

class RecordParser {
 public:
  RecordParser();
  // Fills `listing`, whose former content goes. Returns the key that keeps records about one thing in order; it views
  // into `listing`. Errors: InvalidArgument "<field>: <reason>…".
  absl::StatusOr<std::string_view> Parse(std::string_view type, std::string_view raw, Listing& listing);

 private:
  std::unique_ptr<Mapping> king_county_;
  std::unique_ptr<Mapping> vancouver_;
  std::unique_ptr<Mapping> reso_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_RECORD_PARSER_H_
