#include "bus/murmur2.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "bus/partition.h"

namespace millrace::bus {
namespace {

struct Case {
  std::string_view bytes;
  int32_t expected;  // signed, as Java has it
};

// The vectors of Apache Kafka's UtilsTest.testMurmur2, and those by which other clients pin each length of the tail.
TEST(Murmur2, HasJavasVectors) {
  const Case cases[] = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
      {"", 275646681},
      {"1", -1993445489},
      {"12", 126087238},
      {"123", -267702483},
      {"1234", -1614185708},
      {"12345", -1188365604},
      {"kafka", -798503068},
      {"giberish123456789", -1890243828},
      {"string-f-24-chars-length", 124730809},
      {"string-fo-25-chars-length", 1269511650},
      {"string-foo-26-chars-length", 119165628},
      {"string-last-27-chars-length", 1089971754},
  };
  for (const Case& c : cases) EXPECT_EQ(static_cast<int32_t>(Murmur2(c.bytes)), c.expected) << c.bytes;
}

TEST(Murmur2, TakesBytesAsUnsignedAndWithZeros) {
  // Every byte above 0x7f would be sign-extended by a careless port; zeros would end a C string.
  EXPECT_NE(Murmur2(std::string_view("\xff\xff\xff\xff\xff", 5)), Murmur2(std::string_view("\xff\xff\xff\xff\x7f", 5)));
  EXPECT_NE(Murmur2(std::string_view("\0\0\0\0", 4)), Murmur2(std::string_view("\0\0\0", 3)));
  // The same bytes at any alignment.
  std::string shifted = "x";
  for (int shift = 0; shift < 8; ++shift, shifted.insert(shifted.begin(), 'x')) {
    const std::string whole = shifted + "a-little-bit-longer-string";
    EXPECT_EQ(static_cast<int32_t>(Murmur2(std::string_view(whole).substr(shifted.size()))), -1486304829);
  }
}

TEST(PartitionOfKey, ClearsTheSignThenTakesTheRest) {
  // toPositive(-790332482) = 1357151166.
  EXPECT_EQ(PartitionOfKey("foobar", 50), 16);
  EXPECT_EQ(PartitionOfKey("foobar", INT32_MAX), 1357151166);
  EXPECT_EQ(PartitionOfKey("", 1000), 681);
  EXPECT_EQ(PartitionOfKey("anything", 1), 0);
}

TEST(PartitionOfKey, SpreadsKeysOverAllPartitions) {
  std::map<int32_t, int> counts;
  for (int key = 0; key < 8000; ++key) ++counts[PartitionOfKey(std::to_string(key), 8)];
  ASSERT_EQ(counts.size(), 8u);
  for (const auto& [partition, count] : counts) {
    EXPECT_GE(partition, 0);
    EXPECT_LT(partition, 8);
    EXPECT_NEAR(count, 1000, 150) << partition;
  }
}

TEST(PartitionOfKeyDeathTest, NeedsAPartition) {
  EXPECT_DEATH(PartitionOfKey("key", 0), "at least one partition, not 0");
  EXPECT_DEATH(PartitionOfKey("key", -1), "at least one partition, not -1");
}

}  // namespace
}  // namespace millrace::bus
