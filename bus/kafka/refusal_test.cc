#include "bus/kafka/refusal.h"

#include <string>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

TEST(RefusalTest, SaysWhatAndWhyAndWhatToDo) {
  const absl::Status status =
      Refusal("topic \"t\" did not take a message", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(),
            "topic \"t\" did not take a message: TOPIC_AUTHORIZATION_FAILED (Broker: Topic authorization failed); give "
            "the user of this program the rights to read its input topics and to write its output topics");
  EXPECT_EQ(Refusal("offsets", RD_KAFKA_RESP_ERR_UNKNOWN, "in its own words").message(),
            "offsets: UNKNOWN (in its own words); nothing is given up, and it is tried again");
}

TEST(RefusalTest, ARightIsTheUsersToGive) {
  EXPECT_TRUE(IsNotAllowed(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED));
  EXPECT_FALSE(IsNotAllowed(RD_KAFKA_RESP_ERR_NOT_COORDINATOR));
}

}  // namespace
}  // namespace millrace::bus
