#include "stages/property/register.h"

#include <gtest/gtest.h>

namespace millrace::property {
namespace {

TEST(RegisterTest, RegistersEverythingOnce) {
  stages::Registry registry;
  ASSERT_TRUE(RegisterPropertyStages(registry).ok());
  EXPECT_EQ(registry.StageKinds(),
            (std::vector<std::string>{"property.address", "property.parse", "property.store", "property.validate"}));
  EXPECT_EQ(registry.SourceKinds(), std::vector<std::string>{"property.feed"});
  EXPECT_EQ(registry.PortKinds(), std::vector<std::string>{"sqlite"});
  EXPECT_EQ(RegisterPropertyStages(registry).code(), absl::StatusCode::kAlreadyExists);
}

TEST(RegisterTest, StagesCanBeMade) {
  stages::Registry registry;
  ASSERT_TRUE(RegisterPropertyStages(registry).ok());
  for (const char* kind : {"property.parse", "property.validate", "property.address"}) {
    const stages::StageKind* found = registry.FindStage(kind);
    ASSERT_NE(found, nullptr) << kind;
    EXPECT_NE(found->summary, "");
    EXPECT_TRUE(found->make({}).ok()) << kind;
  }
}

}  // namespace
}  // namespace millrace::property
