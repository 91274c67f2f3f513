#include "bus/digest.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "bus/hex.h"

namespace millrace::bus {
namespace {

// The bytes over which xxHash's own sanity checks run: the top bytes of 2654435761 · 11400714785074694797ⁱ.
std::string SanityBytes(size_t size) {
  std::string bytes;
  for (uint64_t generator = 2654435761u; bytes.size() < size; generator *= 11400714785074694797u) {
    bytes.push_back(static_cast<char>(generator >> 56));
  }
  return bytes;
}

// Known answers of XXH3 (xxHash 0.8): the digests are stored and compared across machines and versions, so they must
// never change.
TEST(Digest64, HasKnownAnswers) {
  EXPECT_EQ(Digest64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(Digest64(SanityBytes(1)), 0xc44bdff4074eecdbu);
  EXPECT_EQ(Digest64(SanityBytes(6)), 0x27b56a84cd2d7325u);
  // One for each of the ways it takes by length.
  EXPECT_EQ(Digest64(SanityBytes(12)), 0xa713daf0dfbb77e7u);
  EXPECT_EQ(Digest64(SanityBytes(24)), 0xa3fe70bf9d3510ebu);
  EXPECT_EQ(Digest64(SanityBytes(80)), 0xbcdefbbb2c47c90au);
  EXPECT_EQ(Digest64(SanityBytes(195)), 0xcd94217ee362ec3au);
  EXPECT_EQ(Digest64(SanityBytes(403)), 0xcdeb804d65c6dea4u);
  EXPECT_EQ(Digest64(SanityBytes(2048)), 0xdd59e2c3a5f038e0u);
}

TEST(Digest64, HasKnownAnswersUnderASeed) {
  constexpr uint64_t kSeed = 11400714785074694797u;
  EXPECT_EQ(Digest64(SanityBytes(1), kSeed), 0x032be332dd766ef8u);
  EXPECT_EQ(Digest64(SanityBytes(6), kSeed), 0x84589c116ab59ab9u);
  EXPECT_EQ(Digest64(SanityBytes(2048), kSeed), 0x66f81670669ababcu);
  EXPECT_NE(Digest64("x", 1), Digest64("x", 2));
}

TEST(Digest128, HasKnownAnswers) {
  EXPECT_EQ(DigestOf(""), (Digest128{0x99aa06d3014798d8u, 0x6001c324468d497fu}));
  EXPECT_EQ(Hex(DigestOf("a")), "a96faf705af16834e6c632b61e964e1f");
}

TEST(Digest, DiffersWithEveryBitAndLength) {
  std::set<uint64_t> short_digests;
  std::set<Digest128> long_digests;
  size_t inputs = 0;
  for (size_t size = 0; size < 300; size += 7) {
    std::string bytes(size, 'x');
    for (size_t bit = 0; bit <= size * 8; bit += 5, ++inputs) {
      std::string changed = bytes;
      if (bit < size * 8) changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
      short_digests.insert(Digest64(changed));
      long_digests.insert(DigestOf(changed));
    }
  }
  EXPECT_EQ(short_digests.size(), inputs);
  EXPECT_EQ(long_digests.size(), inputs);
}

TEST(WriteHex, WritesDigitsMostSignificantFirst) {
  EXPECT_EQ(Hex(uint64_t{0}), "0000000000000000");
  EXPECT_EQ(Hex(0x0123456789abcdefu), "0123456789abcdef");
  EXPECT_EQ(Hex(UINT64_MAX), "ffffffffffffffff");
  EXPECT_EQ(Hex(Digest128{1, 2}), "00000000000000010000000000000002");
  char text[32];
  EXPECT_EQ(WriteHex(uint64_t{1}, text), text + 16);
  EXPECT_EQ(WriteHex(Digest128{1, 2}, text), text + 32);
}

}  // namespace
}  // namespace millrace::bus
