#include "bus/kafka/core/topic_plan.h"

#include <gtest/gtest.h>

namespace millrace::bus {
namespace {

using State = TopologyItem::State;

KafkaUrl Url() {
  KafkaUrl url;
  url.prefix = "dev.";
  return url;
}

KafkaTopicFound AsPlanned(const TopicSpec& spec) {
  const KafkaTopicPlan plan = PlanOf(spec, Url());
  KafkaTopicFound found{.partitions = plan.partitions, .replication = 3, .settings = {}};
  for (const auto& [name, value] : plan.settings) found.settings[name] = value;
  found.settings["cleanup.policy"] = "delete";
  return found;
}

std::string FieldOf(const TopologyItem& item, const std::string& name) {
  for (const TopologyItem::Field& field : item.fields) {
    if (field.name == name) return field.have + "→" + field.want;
  }
  return "";
}

TEST(TopicPlanTest, WhatIsMissingSaysWhatItWillBeMadeWith) {
  const TopicSpec raw{.name = "raw", .partitions = 8, .replication = 3, .retention_ms = 1000};
  const TopologyItem item = CompareTopic(raw, Url(), nullptr);
  EXPECT_EQ(item.state, State::kMissing);
  EXPECT_EQ(item.what, "topic \"dev.raw\"");
  EXPECT_EQ(FieldOf(item, "partitions"), "→8");
  EXPECT_EQ(FieldOf(item, "replication"), "→3");
  EXPECT_EQ(FieldOf(item, "retention.ms"), "→1000");
  EXPECT_EQ(FieldOf(item, "max.message.bytes"), "→1065536");
}

TEST(TopicPlanTest, DeadLettersNeverExpireAndMayBeLarger) {
  const TopologyItem item = CompareTopic({.name = "dead", .keep = true}, Url(), nullptr);
  EXPECT_EQ(FieldOf(item, "retention.ms"), "→-1");
  EXPECT_EQ(FieldOf(item, "retention.bytes"), "→-1");
  EXPECT_EQ(FieldOf(item, "max.message.bytes"), "→2131072");
}

TEST(TopicPlanTest, ATopicOfOthersIsLeftAsItIs) {
  const TopicSpec read{.name = "raw", .partitions = 2, .groups = {"g"}, .existing = "Their.Raw"};
  EXPECT_EQ(PlanOf(read, Url()).name, "Their.Raw") << "no prefix";
  KafkaTopicFound found{
      .partitions = 2,
      .replication = 1,
      .settings = {{"cleanup.policy", "compact"}, {"max.message.bytes", "1000"}, {"retention.ms", "5"}}};
  EXPECT_EQ(CompareTopic(read, Url(), &found).state, State::kSame);
  found.partitions = 3;
  const TopologyItem other = CompareTopic(read, Url(), &found);
  EXPECT_EQ(other.state, State::kRefused);
  EXPECT_EQ(other.advice.find(".v2"), std::string::npos) << other.advice;
  EXPECT_NE(other.advice.find("partitions: 3"), std::string::npos) << other.advice;
  const TopologyItem missing = CompareTopic(read, Url(), nullptr);
  EXPECT_EQ(missing.state, State::kRefused);
  EXPECT_EQ(missing.what, "topic \"Their.Raw\"");
  // What is written has to fit.
  const TopicSpec written{.name = "raw", .partitions = 3, .existing = "Their.Raw"};
  EXPECT_EQ(CompareTopic(written, Url(), &found).state, State::kRefused);
  EXPECT_EQ(FieldOf(CompareTopic(written, Url(), &found), "max.message.bytes"), "1000→1065536");
}

TEST(TopicPlanTest, WhatIsAsPlannedIsTheSame) {
  for (const bool keep : {false, true}) {
    const TopicSpec spec{.name = "t", .partitions = 3, .keep = keep};
    const KafkaTopicFound found = AsPlanned(spec);
    const TopologyItem item = CompareTopic(spec, Url(), &found);
    EXPECT_EQ(item.state, State::kSame);
    EXPECT_TRUE(item.fields.empty());
    EXPECT_EQ(item.advice, "");
  }
}

TEST(TopicPlanTest, AnotherNumberOfPartitionsIsRefusedWithTheWayOut) {
  const TopicSpec spec{.name = "raw", .partitions = 5};
  KafkaTopicFound found = AsPlanned(spec);
  found.partitions = 8;
  const TopologyItem item = CompareTopic(spec, Url(), &found);
  EXPECT_EQ(item.state, State::kRefused);
  EXPECT_EQ(FieldOf(item, "partitions"), "8→5");
  EXPECT_NE(item.advice.find("say partitions: 8"), std::string::npos);
  EXPECT_NE(item.advice.find("\"raw.v2\""), std::string::npos);
}

TEST(TopicPlanTest, ATopicThatTakesSmallerRecordsThanTheBusIsRefused) {
  const TopicSpec spec{.name = "raw"};
  KafkaTopicFound found = AsPlanned(spec);
  found.settings["max.message.bytes"] = "999999";
  EXPECT_EQ(CompareTopic(spec, Url(), &found).state, State::kRefused);
  found.settings["max.message.bytes"] = "1000000";
  EXPECT_EQ(CompareTopic(spec, Url(), &found).state, State::kSame);
}

TEST(TopicPlanTest, DeadLettersThatExpireAreShownAndNotRefused) {
  const TopicSpec spec{.name = "dead", .keep = true};
  KafkaTopicFound found = AsPlanned(spec);
  found.settings["retention.ms"] = "604800000";
  found.settings["max.message.bytes"] = "1048588";
  found.settings["cleanup.policy"] = "compact,delete";
  const TopologyItem item = CompareTopic(spec, Url(), &found);
  EXPECT_EQ(item.state, State::kDiffers);
  EXPECT_EQ(FieldOf(item, "retention.ms"), "604800000→-1");
  EXPECT_EQ(FieldOf(item, "max.message.bytes"), "1048588→2131072");
  EXPECT_EQ(FieldOf(item, "cleanup.policy"), "compact,delete→delete");
}

TEST(TopicPlanTest, ReplicationAndRetentionCountOnlyWhereTheyAreSaid) {
  TopicSpec spec{.name = "raw"};
  KafkaTopicFound found = AsPlanned(spec);
  found.settings["retention.ms"] = "604800000";
  EXPECT_EQ(CompareTopic(spec, Url(), &found).state, State::kSame);
  spec.replication = 2;
  spec.retention_ms = 1000;
  const TopologyItem item = CompareTopic(spec, Url(), &found);
  EXPECT_EQ(item.state, State::kDiffers);
  EXPECT_EQ(FieldOf(item, "replication"), "3→2");
  EXPECT_EQ(FieldOf(item, "retention.ms"), "604800000→1000");
}

}  // namespace
}  // namespace millrace::bus
