#include "bus/kafka/core/producer_defaults.h"

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

std::string BatchSize(std::string_view url) {
  const absl::StatusOr<KafkaUrl> parsed = ParseKafkaUrl(url);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  for (const auto& [name, value] : ProducerDefaults(*parsed)) {
    if (name == "batch.size") return value;
  }
  return "";
}

TEST(ProducerDefaultsTest, NoBatchIsLargerThanAMessageMayBe) {
  EXPECT_EQ(BatchSize("kafka://a:1"), "1000000");
  EXPECT_EQ(BatchSize("kafka://a:1?message_bytes_max=5000"), "5000");
  EXPECT_EQ(BatchSize("kafka://a:1?message_bytes_max=50000000"), "1000000") << "a large one travels by itself";
}

}  // namespace
}  // namespace millrace::bus
