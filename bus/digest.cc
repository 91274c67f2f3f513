#include "bus/digest.h"

// Compiled in: most of what is digested is a few bytes, for which the call costs as much as the sum.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>

namespace millrace::bus {

uint64_t Digest64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Digest128 DigestOf(std::string_view bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return {h.high64, h.low64};
}

namespace {

// The eight hexadecimal digits of 32 bits, the first digit in the lowest byte. All digits at once: each nibble gets a byte,
// and those above 9 the distance from '9' to 'a' on top.
uint64_t HexDigits(uint64_t value) {
  value = ((value & 0xffff) << 32) | (value >> 16);
  value = ((value & 0x000000ff000000ff) << 16) | ((value & 0x0000ff000000ff00) >> 8);
  value = ((value & 0x000f000f000f000f) << 8) | ((value & 0x00f000f000f000f0) >> 4);
  const uint64_t letters = ((value + 0x0606060606060606) >> 4) & 0x0101010101010101;
  return value + 0x3030303030303030 + letters * ('a' - '9' - 1);
}

void WriteLowFirst(uint64_t digits, char* out) {
  if constexpr (std::endian::native == std::endian::big) digits = __builtin_bswap64(digits);
  std::memcpy(out, &digits, sizeof(digits));
}

}  // namespace

char* WriteHex(uint64_t value, char* out) {
  WriteLowFirst(HexDigits(value >> 32), out);
  WriteLowFirst(HexDigits(value & 0xffffffff), out + 8);
  return out + 16;
}

char* WriteHex(Digest128 value, char* out) { return WriteHex(value.low, WriteHex(value.high, out)); }

}  // namespace millrace::bus
