// The standard address of a whole record: which words are its street line, and city, state and postal code in their
// standard form.
//
// Threading: one object, one thread; it keeps buffers.
#ifndef MILLRACE_STAGES_PROPERTY_ADDRESS_FORMAT_H_
#define MILLRACE_STAGES_PROPERTY_ADDRESS_FORMAT_H_

#include <string>

#include "stages/property/listing.pb.h"
#include "stages/property/street_parser.h"

namespace millrace::property {

class AddressFormatter {
 public:
  AddressFormatter() : us_(AddressCountry::kUnitedStates), canada_(AddressCountry::kCanada) {}

  // Writes listing.address, whose former content goes. The fields of the source stay as they are. A record of neither
  // country is treated as one of the United States.
  void Standardise(Listing& listing);

 private:
  std::string line_;
  StreetParser us_;
  StreetParser canada_;
};

// The street part of a record: its street fields in postal order when it has a StreetName; else UnparsedAddress without
// the city, state, postal code and country at its end.
void AppendStreetLine(const Listing& listing, std::string* line);

// "98178-1234", "V6R 2C7"; anything else in upper case as it is. `plus4` is added to a US code that has none.
std::string StandardPostalCode(std::string_view country, std::string_view code, std::string_view plus4);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_ADDRESS_FORMAT_H_
