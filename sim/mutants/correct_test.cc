// What finds planted bugs finds none where none is planted.
#include <gtest/gtest.h>

#include <string_view>

#include "sim/mutants/planted.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kSeeds = 300;

void FindsNothing(std::string_view pipeline) {
  auto hunt = Hunt::Make(pipeline, std::nullopt);
  ASSERT_TRUE(hunt.ok()) << hunt.status();
  uint64_t effective = 0, accepted = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SeedResult result = (*hunt)->campaign().RunSeed(seed);
    EXPECT_FALSE(result.failed) << "seed " << seed << ": " << result.failure.promise << " (" << result.failure.signature
                                << "): " << result.failure.text;
    effective += result.effective ? 1 : 0;
    accepted += result.accepted;
  }
  // Else it says little.
  EXPECT_GT(effective, kSeeds / 2);
  EXPECT_GT(accepted, kSeeds * 10);
}

TEST(CorrectTest, OneStage) { FindsNothing("one"); }
TEST(CorrectTest, FanOut) { FindsNothing("fan"); }
TEST(CorrectTest, ExactlyOnce) { FindsNothing("once"); }
TEST(CorrectTest, Store) { FindsNothing("store"); }

TEST(ExpectedTest, OnlyUnderAPromiseThatTheBugNames) {
  const PlantedBug bug = {
      .name = "x", .bug = "x", .expects = {"no-loss", "drain"}, .pipeline = "one", .semantics = std::nullopt};
  EXPECT_TRUE(Expected(bug, {.promise = "drain", .signature = "", .text = "", .job = ""}));
  EXPECT_FALSE(Expected(bug, {.promise = "liveness", .signature = "", .text = "", .job = ""}));
}

}  // namespace
}  // namespace millrace::sim
