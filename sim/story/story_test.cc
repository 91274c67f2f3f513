#include "sim/story/story.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <tuple>

namespace millrace::sim {
namespace {

class StoryTest : public ::testing::Test {
 protected:
  StoryTest() {
    auto story = TellStory({});
    EXPECT_TRUE(story.ok()) << story.status();
    story_ = *std::move(story);
    EXPECT_EQ(story_.architectures.size(), 4u);
  }
  const Architecture& chain() const { return story_.architectures[0]; }
  const Architecture& queuer() const { return story_.architectures[1]; }
  const Architecture& timer() const { return story_.architectures[2]; }
  const Architecture& dataflow() const { return story_.architectures[3]; }

  Story story_;
};

TEST_F(StoryTest, EverybodyIsGivenTheSameJobs) {
  for (const Architecture& a : story_.architectures) {
    EXPECT_EQ(a.jobs, story_.workload.jobs) << a.name;
    EXPECT_EQ(a.accepted, a.jobs) << a.name;
    EXPECT_EQ(a.accepted, a.settled + a.lost) << a.name;
  }
}

TEST_F(StoryTest, TheQueuerLosesWhatItHadInMemory) {
  EXPECT_GT(queuer().lost, 0u);
  EXPECT_EQ(queuer().all_done_ns, -1);
}

TEST_F(StoryTest, ATimerThatCommitsLosesWhatWasDelivered) {
  EXPECT_GT(timer().lost, 0u);
  EXPECT_EQ(timer().all_done_ns, -1);
}

TEST_F(StoryTest, TheChainLosesNothingAndStallsBehindOneService) {
  EXPECT_EQ(chain().lost, 0u);
  EXPECT_GT(chain().all_done_ns, 0);
  EXPECT_GT(chain().longest_wait_ns, story_.workload.slow_for_ns / 2);
  EXPECT_LT(chain().done_while_slow, dataflow().done_while_slow / 2);
}

TEST_F(StoryTest, TheDataflowLosesNothingAndDoesNotStall) {
  EXPECT_EQ(dataflow().lost, 0u);
  EXPECT_GT(dataflow().all_done_ns, 0);
  EXPECT_LT(2 * dataflow().longest_wait_ns, chain().longest_wait_ns);
  EXPECT_LT(dataflow().all_done_ns, chain().all_done_ns);
}

// Not by the luck of one seed.
TEST(StorySeedsTest, TheSameWithOtherSeeds) {
  for (uint64_t salt = 2; salt <= 20; ++salt) {
    StoryOptions options;
    options.workload.salt = salt;
    const auto story = TellStory(options);
    ASSERT_TRUE(story.ok()) << story.status();
    const auto& [chain, queuer, timer, dataflow] =
        std::tie(story->architectures[0], story->architectures[1], story->architectures[2], story->architectures[3]);
    EXPECT_EQ(chain.lost, 0u) << salt;
    EXPECT_GT(queuer.lost, 0u) << salt;
    EXPECT_GT(timer.lost, 0u) << salt;
    EXPECT_EQ(dataflow.lost, 0u) << salt;
    EXPECT_LT(dataflow.longest_wait_ns, chain.longest_wait_ns) << salt;
  }
}

TEST_F(StoryTest, OneSeedOneStory) {
  const auto again = TellStory({});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(StoryText(*again), StoryText(story_));
}

TEST_F(StoryTest, TellsWhy) {
  const std::string text = StoryText(story_);
  for (const Architecture& a : story_.architectures) {
    EXPECT_NE(text.find(a.name + ": "), std::string::npos);
    EXPECT_FALSE(a.why.empty());
  }
}

}  // namespace
}  // namespace millrace::sim
