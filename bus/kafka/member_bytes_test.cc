#include "bus/kafka/member_bytes.h"

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

std::string Bytes(int32_t generation, const char* member, const char* instance = nullptr) {
  return MemberBytes(
      RdGroupMetadata(rd_kafka_consumer_group_metadata_new_with_genid("g", generation, member, instance)).get());
}

TEST(MemberBytesTest, OnlyAGenerationMakesAMember) {
  for (const char* instance : {static_cast<const char*>(nullptr), "static"}) {
    for (const char* member : {"rdkafka-1", "a", "ab"}) {
      EXPECT_TRUE(IsMember(Bytes(0, member, instance), "g"));
      EXPECT_TRUE(IsMember(Bytes(17, member, instance), "g"));
      EXPECT_FALSE(IsMember(Bytes(-1, member, instance), "g")) << "its name is no membership";
    }
    EXPECT_FALSE(IsMember(Bytes(-1, "", instance), "g"));
  }
  EXPECT_FALSE(IsMember("", "g"));
}

}  // namespace
}  // namespace millrace::bus
