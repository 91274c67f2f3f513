// The stage property.address: adds the standard form of a record's address (stages/property/address_format.h). It
// refuses nothing: an address it doesn't understand goes on with its words.
#ifndef MILLRACE_STAGES_PROPERTY_ADDRESS_H_
#define MILLRACE_STAGES_PROPERTY_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "stages/property/address_format.h"
#include "stages/stage.h"

namespace millrace::property {

class AddressStage : public stages::Stage {
 public:
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override;

 private:
  AddressFormatter formatter_;
  Listing listing_;
  std::string body_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_ADDRESS_H_
