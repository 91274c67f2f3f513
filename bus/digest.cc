#include "bus/digest.h"

#include <xxhash.h>

namespace millrace::bus {

uint64_t Digest64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Digest128 DigestOf(std::string_view bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return {h.high64, h.low64};
}

char* WriteHex(uint64_t value, char* out) {
  for (int shift = 60; shift >= 0; shift -= 4) *out++ = "0123456789abcdef"[(value >> shift) & 15];
  return out;
}

char* WriteHex(Digest128 value, char* out) { return WriteHex(value.low, WriteHex(value.high, out)); }

}  // namespace millrace::bus
