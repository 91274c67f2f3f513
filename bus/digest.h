// 64- and 128-bit digests of bytes (XXH3, xxHash 0.8 specification: stable across machines and versions), for derived
// ids and for telling contents apart. Not for adversaries.
#ifndef MILLRACE_BUS_DIGEST_H_
#define MILLRACE_BUS_DIGEST_H_

#include <compare>
#include <cstdint>
#include <string_view>

namespace millrace::bus {

struct Digest128 {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Digest128&) const = default;
};

uint64_t Digest64(std::string_view bytes, uint64_t seed = 0);
Digest128 DigestOf(std::string_view bytes);

// Writes 16 (or 32) lower-case hexadecimal digits, most significant first; returns the end.
char* WriteHex(uint64_t value, char* out);
char* WriteHex(Digest128 value, char* out);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_DIGEST_H_
