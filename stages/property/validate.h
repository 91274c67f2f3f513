// The stage property.validate: holds parsed records against the Data Dictionary and the postal rules
// (stages/property/checks.h). A record that is refused becomes a dead letter; one that is odd goes on with findings.
#ifndef MILLRACE_STAGES_PROPERTY_VALIDATE_H_
#define MILLRACE_STAGES_PROPERTY_VALIDATE_H_

#include <string>

#include "absl/status/status.h"
#include "stages/property/checks.h"
#include "stages/stage.h"

namespace millrace::property {

class ValidateStage : public stages::Stage {
 public:
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override;

 private:
  const RecordChecks checks_;
  Listing listing_;
  std::string body_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_VALIDATE_H_
