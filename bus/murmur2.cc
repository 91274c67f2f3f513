#include "bus/murmur2.h"

#include "bus/check.h"
#include "bus/partition.h"

namespace millrace::bus {

uint32_t Murmur2(std::string_view bytes) {
  constexpr uint32_t kSeed = 0x9747b28c, kM = 0x5bd1e995;
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  uint32_t h = kSeed ^ static_cast<uint32_t>(left);
  for (; left >= 4; left -= 4, p += 4) {
    uint32_t k = p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24;
    k *= kM;
    k ^= k >> 24;
    k *= kM;
    h = (h * kM) ^ k;
  }
  if (left == 3) h ^= static_cast<uint32_t>(p[2]) << 16;
  if (left >= 2) h ^= static_cast<uint32_t>(p[1]) << 8;
  if (left >= 1) h = (h ^ p[0]) * kM;
  h ^= h >> 13;
  h *= kM;
  h ^= h >> 15;
  return h;
}

int32_t PartitionOfKey(std::string_view key, int32_t count) {
  MR_CHECK(count > 0) << "a topic has at least one partition, not " << count;
  return static_cast<int32_t>(Murmur2(key) & 0x7fffffff) % count;
}

}  // namespace millrace::bus
