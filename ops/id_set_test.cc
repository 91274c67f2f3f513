#include "ops/id_set.h"

#include <gtest/gtest.h>

namespace millrace::ops {
namespace {

TEST(IdSetTest, ContainsWhatWasAdded) {
  IdSet::Builder builder(testing::TempDir());
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(builder.Add("job:" + std::to_string(2 * i)).ok());
  ASSERT_TRUE(builder.Add("job:0").ok());
  const absl::StatusOr<IdSet> set = builder.Build();
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->size(), 5000u);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(set->Contains("job:" + std::to_string(i)), i % 2 == 0) << i;
}

TEST(IdSetTest, EmptySetsContainNothing) {
  EXPECT_FALSE(IdSet().Contains("a"));
  IdSet::Builder builder(testing::TempDir());
  const absl::StatusOr<IdSet> set = builder.Build();
  ASSERT_TRUE(set.ok());
  EXPECT_FALSE(set->Contains(""));
}

TEST(IdSetTest, SaysWhereItCouldNotWrite) {
  IdSet::Builder builder("/none");
  ASSERT_TRUE(builder.Add("a").ok());
  EXPECT_TRUE(absl::IsNotFound(builder.Build().status()));
}

}  // namespace
}  // namespace millrace::ops
