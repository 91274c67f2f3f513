// Writes one generated listing as a JSON object of the RESO Web API. What the property is follows from the listing,
// what it costs from the version.
//
// Threading: a pure function.
#ifndef MILLRACE_STAGES_PROPERTY_GENERATOR_RECORD_H_
#define MILLRACE_STAGES_PROPERTY_GENERATOR_RECORD_H_

#include <cstdint>
#include <string>

#include "bus/random.h"

namespace millrace::property {

enum class GeneratedFault : uint8_t { kNone, kWrongType, kUnknownProvince, kBadPostalCode, kBadUtf8, kOverflow };

struct GeneratedVersion {
  uint64_t seed = 0;
  uint64_t listing = 0;   // number of the record that brought the listing
  uint64_t version = 0;   // number of the record that brought this version
  int64_t listed_ms = 0;  // since 1970-01-01T00:00:00Z
  int64_t modified_ms = 0;
  bool unknown_fields = false;
  GeneratedFault fault = GeneratedFault::kNone;
};

void WriteGeneratedRecord(const Random& random, const GeneratedVersion& version, std::string* out);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_GENERATOR_RECORD_H_
