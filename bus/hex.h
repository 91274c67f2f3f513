// Digests in words: 16 (or 32) lower-case hexadecimal digits, for what people read. What writes many takes WriteHex
// (bus/digest.h), into memory of its own.
//
// Threading: pure functions.
#ifndef MILLRACE_BUS_HEX_H_
#define MILLRACE_BUS_HEX_H_

#include <cstdint>
#include <string>

#include "bus/digest.h"

namespace millrace::bus {

inline std::string Hex(uint64_t value) {
  std::string hex(16, '0');
  WriteHex(value, hex.data());
  return hex;
}

inline std::string Hex(Digest128 value) {
  std::string hex(32, '0');
  WriteHex(value, hex.data());
  return hex;
}

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_HEX_H_
