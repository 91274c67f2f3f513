// What tells two contents under one id apart.
#ifndef MILLRACE_SIM_MESSAGE_CONTENT_H_
#define MILLRACE_SIM_MESSAGE_CONTENT_H_

#include <cstdint>
#include <string_view>

#include "bus/digest.h"
#include "bus/message.h"

namespace millrace::sim {

// Digest of type, key and body. A missing key and a missing body differ from empty ones.
inline uint64_t ContentOf(std::string_view type, const bus::Message& message) {
  constexpr std::string_view kNone("\1", 1);
  return bus::Digest64(message.body.value_or(kNone), bus::Digest64(type, bus::Digest64(message.key.value_or(kNone))));
}

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_MESSAGE_CONTENT_H_
