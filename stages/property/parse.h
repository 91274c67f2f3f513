// The stage property.parse: raw records in (stages/property/record_parser.h), bodies of type millrace.property.Listing
// out. What cannot be parsed is refused with InvalidArgument "<field>: <reason>…", and so becomes a dead letter.
#ifndef MILLRACE_STAGES_PROPERTY_PARSE_H_
#define MILLRACE_STAGES_PROPERTY_PARSE_H_

#include <string>

#include "absl/status/status.h"
#include "stages/property/record_parser.h"
#include "stages/stage.h"

namespace millrace::property {

class ParseStage : public stages::Stage {
 public:
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override;

 private:
  RecordParser parser_;
  Listing listing_;
  std::string body_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_PARSE_H_
