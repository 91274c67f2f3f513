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

// Sixteen bytes at once: a vector register where the machine has one.
using Bytes16 [[gnu::vector_size(16)]] = uint8_t;
using Words2 [[gnu::vector_size(16)]] = uint64_t;

}  // namespace

char* WriteHex(uint64_t value, char* out) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  // Each byte twice, for the digits of its upper and of its lower half; those above 9 get the distance from '9' to 'a' on top.
  Bytes16 digits = std::bit_cast<Bytes16>(Words2{value, 0});
  const Bytes16 upper = digits >> 4, lower = digits & 0xf;
  digits = __builtin_shufflevector(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  digits += '0' + ((digits > 9) & ('a' - '9' - 1));
  std::memcpy(out, &digits, sizeof(digits));
  return out + sizeof(digits);
}

char* WriteHex(Digest128 value, char* out) { return WriteHex(value.low, WriteHex(value.high, out)); }

}  // namespace millrace::bus
