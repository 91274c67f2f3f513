#include "bus/digest.h"

#include <xxhash.h>

#include <array>
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

// The two digits of each byte.
constexpr std::array<char, 512> kHexPairs = [] {
  std::array<char, 512> pairs{};
  for (size_t byte = 0; byte < 256; ++byte) {
    pairs[2 * byte] = "0123456789abcdef"[byte >> 4];
    pairs[2 * byte + 1] = "0123456789abcdef"[byte & 15];
  }
  return pairs;
}();

}  // namespace

char* WriteHex(uint64_t value, char* out) {
  for (int shift = 56; shift >= 0; shift -= 8, out += 2) std::memcpy(out, &kHexPairs[2 * ((value >> shift) & 255)], 2);
  return out;
}

char* WriteHex(Digest128 value, char* out) { return WriteHex(value.low, WriteHex(value.high, out)); }

}  // namespace millrace::bus
