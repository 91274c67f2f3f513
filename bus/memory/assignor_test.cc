#include "bus/memory/assignor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "bus/random.h"

namespace millrace::bus {
namespace {

std::vector<Partition> Of(int32_t topic, std::vector<int32_t> numbers) {
  std::vector<Partition> all;
  for (int32_t n : numbers) all.push_back({topic, n});
  return all;
}

TEST(AssignRangeTest, SplitsEachTopicIntoRangesByMemberId) {
  const PartitionLists lists = AssignRange(
      {{.id = "b", .topics = {0, 1}}, {.id = "a", .topics = {0}}, {.id = "c", .topics = {0}}}, {{0, 7}, {1, 2}});
  EXPECT_EQ(lists[1], Of(0, {0, 1, 2})) << "the first gets what is left over";
  EXPECT_EQ(lists[2], Of(0, {5, 6}));
  std::vector<Partition> b = Of(0, {3, 4});
  for (Partition p : Of(1, {0, 1})) b.push_back(p);
  EXPECT_EQ(lists[0], b);
}

TEST(AssignRangeTest, StaticMembersKeepTheirPlaceUnderAnotherId) {
  const std::vector<TopicPartitions> topics = {{0, 4}};
  const PartitionLists before = AssignRange(
      {{.id = "z", .instance = "one", .topics = {0}}, {.id = "a", .instance = "two", .topics = {0}}}, topics);
  const PartitionLists after = AssignRange(
      {{.id = "m", .instance = "one", .topics = {0}}, {.id = "a", .instance = "two", .topics = {0}}}, topics);
  EXPECT_EQ(before, after);
  EXPECT_EQ(before[0], Of(0, {0, 1}));
}

TEST(AssignRangeTest, MoreMembersThanPartitionsLeavesSomeIdle) {
  const PartitionLists lists =
      AssignRange({{.id = "a", .topics = {0}}, {.id = "b", .topics = {0}}, {.id = "c", .topics = {0}}}, {{0, 2}});
  EXPECT_EQ(lists, (PartitionLists{Of(0, {0}), Of(0, {1}), {}}));
  EXPECT_EQ(AssignRange({{.id = "a", .topics = {5}}}, {{0, 2}}), (PartitionLists{{}}));
}

TEST(AssignCooperativeTest, WhatMovesIsFirstLeftOut) {
  const std::vector<GroupMember> members = {{.id = "a", .topics = {0}, .owned = Of(0, {0, 1, 2, 3}), .generation = 1},
                                            {.id = "b", .topics = {0}}};
  const PartitionLists first = AssignCooperative(members, {{0, 4}});
  EXPECT_EQ(first[0].size(), 2u);
  EXPECT_TRUE(first[1].empty()) << "still held by a";
  const PartitionLists second = AssignCooperative(
      {{.id = "a", .topics = {0}, .owned = first[0], .generation = 2}, {.id = "b", .topics = {0}, .generation = 2}},
      {{0, 4}});
  EXPECT_EQ(second[0], first[0]);
  EXPECT_EQ(second[1].size(), 2u);
}

TEST(AssignCooperativeTest, TheNewerClaimWinsButTheOlderHolderIsWaitedFor) {
  const std::vector<GroupMember> members = {{.id = "a", .topics = {0}, .owned = Of(0, {0}), .generation = 3},
                                            {.id = "b", .topics = {0}, .owned = Of(0, {0, 1}), .generation = 7}};
  EXPECT_EQ(AssignSticky(members, {{0, 2}})[1].size(), 1u);
  const PartitionLists lists = AssignCooperative(members, {{0, 2}});
  for (const auto& list : lists)
    EXPECT_EQ(std::count(list.begin(), list.end(), Partition{0, 0}), 0) << "two say they hold it";
}

// Whatever the members hold: everything is assigned once, to somebody subscribed; loads differ by at most one where
// subscriptions are equal; a balanced assignment does not move; what is handed out cooperatively is held by nobody
// else, and repeating ends balanced.
TEST(AssignStickyTest, HoldsItsPromisesForGeneratedGroups) {
  const Random random(7);
  for (uint64_t c = 0; c < 300; ++c) {
    const size_t count = 1 + random.Below(1, {c}, 7);
    std::vector<TopicPartitions> topics;
    for (int32_t t = 0; t < 1 + static_cast<int32_t>(random.Below(2, {c}, 3)); ++t) {
      topics.push_back({t, static_cast<int32_t>(random.Below(3, {c, static_cast<uint64_t>(t)}, 20))});
    }
    std::vector<GroupMember> members;
    for (size_t m = 0; m < count; ++m) {
      GroupMember member{.id = std::to_string(m),
                         .instance = "",
                         .topics = {},
                         .owned = {},
                         .generation = static_cast<int32_t>(random.Below(4, {c, m}, 3))};
      for (const TopicPartitions& topic : topics) {
        member.topics.push_back(topic.topic);
        for (int32_t n = 0; n < topic.partitions + 1; ++n) {
          if (random.Below(5, {c, m, static_cast<uint64_t>(topic.topic), static_cast<uint64_t>(n)}, 4) == 0)
            member.owned.push_back({topic.topic, n});
        }
      }
      members.push_back(std::move(member));
    }
    for (int round = 0; round < 4; ++round) {
      const PartitionLists lists = AssignCooperative(members, topics);
      std::set<Partition> seen;
      for (size_t m = 0; m < count; ++m) {
        for (Partition p : lists[m]) {
          EXPECT_TRUE(seen.insert(p).second);
          for (size_t o = 0; o < count; ++o) {
            if (o == m) continue;
            EXPECT_EQ(std::count(members[o].owned.begin(), members[o].owned.end(), p), 0);
          }
        }
      }
      for (size_t m = 0; m < count; ++m) {
        // Each gives back what is not its own any more, and keeps or takes what is.
        members[m].owned = lists[m];
        members[m].generation = 10 + round;
      }
    }
    size_t total = 0, least = SIZE_MAX, most = 0;
    for (const GroupMember& member : members) {
      total += member.owned.size();
      least = std::min(least, member.owned.size());
      most = std::max(most, member.owned.size());
    }
    size_t expected = 0;
    for (const TopicPartitions& topic : topics) expected += static_cast<size_t>(topic.partitions);
    EXPECT_EQ(total, expected) << "case " << c;
    EXPECT_LE(most - least, 1u) << "case " << c;
    PartitionLists again = AssignSticky(members, topics);
    for (size_t m = 0; m < count; ++m) EXPECT_EQ(again[m], members[m].owned) << "balanced already";
  }
}

TEST(AssignStickyTest, SubscriptionsMayDiffer) {
  const PartitionLists lists =
      AssignSticky({{.id = "a", .topics = {0}}, {.id = "b", .topics = {0, 1}}}, {{0, 2}, {1, 2}, {2, 2}});
  EXPECT_EQ(lists[0], Of(0, {0, 1}));
  EXPECT_EQ(lists[1], Of(1, {0, 1}));
}

}  // namespace
}  // namespace millrace::bus
