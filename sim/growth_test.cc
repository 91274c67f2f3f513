#include "sim/growth.h"

#include <gtest/gtest.h>

namespace millrace::sim {
namespace {

constexpr uint16_t kIn = 0, kOut = 1;

// Jobs of those inputs, and of each so many messages on kOut, of so many bytes.
struct Became {
  uint32_t input = 0;
  uint32_t messages = 0;
  uint64_t bytes = 0;
};
History RunOf(const std::vector<Became>& jobs) {
  History history;
  history.topology.topics = {{.name = "in"}, {.name = "out"}};
  for (const Became& job : jobs) {
    const auto index = static_cast<uint32_t>(history.jobs.size());
    history.jobs.push_back({.id = index + 1, .input = job.input});
    history.messages.push_back({.role = MessageRole::kInput, .topic = kIn, .job = index, .bytes = 10});
    for (uint32_t i = 0; i < job.messages; ++i)
      history.messages.push_back({.role = MessageRole::kDerived, .topic = kOut, .job = index, .bytes = job.bytes});
  }
  history.messages.push_back({.topic = kOut, .bytes = 1'000'000});  // of no job
  return history;
}

void ExpectMost(const Growth& growth, uint64_t jobs, uint64_t inputs, uint64_t messages, uint64_t bytes) {
  const Amount most = growth.Most(kOut, jobs, inputs);
  EXPECT_EQ(most.messages, messages) << jobs << " of " << inputs;
  EXPECT_EQ(most.bytes, bytes) << jobs << " of " << inputs;
}

TEST(Growth, TakesTheInputsThatBecomeMost) {
  Growth growth;
  EXPECT_TRUE(growth.empty());
  growth.See(
      RunOf({{.input = 3, .messages = 5, .bytes = 100}, {.input = 7, .messages = 1, .bytes = 900}, {.input = 8}}));
  EXPECT_FALSE(growth.empty());
  ExpectMost(growth, 1, 3, 5, 900);
  ExpectMost(growth, 2, 3, 6, 1400);
  ExpectMost(growth, 200, 3, 6, 1400);
  EXPECT_EQ(growth.Most(kIn, 200, 3).messages, 3u);
  EXPECT_EQ(growth.LargestOn(kOut).bytes, 900u);
  EXPECT_EQ(growth.LargestOn(kOut).input, 7u);
  // Of seven more inputs nothing is known but the mean: 2 messages, 467 bytes.
  ExpectMost(growth, 3, 10, 5 + 2 + 2, 900 + 500 + 467);
}

TEST(Growth, KeepsTheMostThatAnyRunSawOfAnInput) {
  // The second run was cut short by a fault.
  Growth growth;
  growth.See(RunOf({{.input = 0, .messages = 4, .bytes = 10}}));
  growth.See(RunOf({{.input = 0, .messages = 1, .bytes = 10}}));
  ExpectMost(growth, 9, 1, 4, 40);
}

TEST(Growth, MergesWhatOthersSaw) {
  Growth one, other, none;
  one.See(RunOf({{.input = 0, .messages = 4, .bytes = 10}}));
  other.See(RunOf({{.input = 0, .messages = 2, .bytes = 30}, {.input = 1, .messages = 1, .bytes = 1}}));
  one.Merge(other);
  one.Merge(none);
  ExpectMost(one, 9, 2, 5, 61);
  EXPECT_EQ(one.LargestOn(kOut).bytes, 30u);
  none.Merge(one);
  ExpectMost(none, 9, 2, 5, 61);
}

TEST(Growth, InputsBeyondItsMemoryCountAsTheMean) {
  Growth growth;
  growth.See(RunOf({{.input = 0, .messages = 3, .bytes = 10}, {.input = 4'000'000'000, .messages = 9, .bytes = 10}}));
  ExpectMost(growth, 2, 4'000'000'001, 6, 60);
}

}  // namespace
}  // namespace millrace::sim
