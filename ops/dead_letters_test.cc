#include "ops/dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/partition.h"

namespace millrace::ops {
namespace {

using testing::ElementsAre;

std::string Block(const std::vector<std::pair<std::string, std::string>>& headers) {
  std::string block;
  bus::HeaderBuilder builder(&block);
  for (const auto& [name, value] : headers) builder.Add(name, value);
  return block;
}

std::string Dead(const std::string& id, const std::string& reason, const std::string& redriven = "") {
  std::vector<std::pair<std::string, std::string>> headers = {
      {"ce_id", id}, {"note", "kept"}, {"mr_dead_reason", reason}, {"mr_dead_stage", "price"}, {"mr_dead_id", id}};
  if (!redriven.empty()) headers.insert(headers.begin() + 1, {"mr_redriven", redriven});
  return Block(headers);
}

std::vector<std::string> NamesOf(const bus::Message& message) {
  std::vector<std::string> names;
  for (const bus::Header& header : message.headers) {
    names.push_back(std::string(header.name) + "=" + std::string(header.value.value_or("null")));
  }
  return names;
}

TEST(DeadLettersTest, ReasonsOfAKindAreOneGroupWhateverTheyQuote) {
  DeadLetterGroups groups;
  for (const auto& [id, reason] :
       std::vector<std::pair<std::string, std::string>>{{"1", "INVALID_ARGUMENT: PostalCode: found \"A\""},
                                                        {"2", "INTERNAL: no"},
                                                        {"3", "INVALID_ARGUMENT: PostalCode: found \"B\""},
                                                        {"4", "INVALID_ARGUMENT: City: found \"B\""}}) {
    const std::string block = Dead(id, reason, id == "3" ? "1" : "");
    groups.Add("dead", ReadDeadLetter({.headers = bus::Headers(block)}, ""));
  }
  EXPECT_EQ(groups.count(), 4u);
  const std::vector<DeadLetterGroup> sorted = groups.Sorted();
  ASSERT_EQ(sorted.size(), 3u);
  EXPECT_EQ(sorted[0].count, 2u);
  EXPECT_EQ(sorted[0].redriven, 1u);
  EXPECT_EQ(sorted[0].stage, "price");
  EXPECT_EQ(sorted[0].reason, "INVALID_ARGUMENT: PostalCode: found \"…\"");
  EXPECT_THAT(sorted[0].ids, ElementsAre("1", "3"));
  EXPECT_EQ(sorted[0].group.size(), 8u);
}

TEST(DeadLettersTest, AFilterTakesWhatMatchesAllOfIt) {
  const std::string block = Dead("7", "INTERNAL: no such luck");
  const DeadLetter letter = ReadDeadLetter({.headers = bus::Headers(block)}, "");
  EXPECT_TRUE(DeadLetterFilter{}.Takes(letter));
  EXPECT_TRUE((DeadLetterFilter{.ids = {"6", "7"}, .stages = {"price"}, .groups = {letter.group}, .reason = "luck"})
                  .Takes(letter));
  EXPECT_FALSE((DeadLetterFilter{.ids = {"6"}}).Takes(letter));
  EXPECT_FALSE((DeadLetterFilter{.stages = {"other"}}).Takes(letter));
  EXPECT_FALSE((DeadLetterFilter{.groups = {"00000000"}}).Takes(letter));
  EXPECT_FALSE((DeadLetterFilter{.reason = "lucky"}).Takes(letter));
}

TEST(DeadLettersTest, ARedrivenMessageIsWhatItWasAndCounts) {
  const std::string block = Dead("7", "INTERNAL: no", "2");
  const bus::Message message{.key = "k", .body = "b", .headers = bus::Headers(block), .timestamp_ms = 5};
  std::string headers;
  const bus::Message out = RedrivenMessage(message, ReadDeadLetter(message, ""), "", &headers);
  EXPECT_THAT(NamesOf(out), ElementsAre("ce_id=7", "note=kept", "mr_redriven=3"));
  EXPECT_EQ(out.key, "k");
  EXPECT_EQ(out.body, "b");
  EXPECT_EQ(out.timestamp_ms, 5);
}

TEST(DeadLettersTest, AForeignMessageKeepsTheIdThatItDiedUnder) {
  const std::string block = Block({{"x", "y"}, {"mr_dead_id", "raw/3/17"}, {"mr_dead_stage", "price"}});
  const bus::Message message{.headers = bus::Headers(block)};
  std::string headers;
  const bus::Message out = RedrivenMessage(message, ReadDeadLetter(message, ""), "", &headers);
  EXPECT_THAT(NamesOf(out), ElementsAre("ce_id=raw/3/17", "x=y", "mr_redriven=1"));
  EXPECT_FALSE(out.body.has_value()) << "a tombstone stays one";
}

TEST(DeadLettersTest, ACutBodyIsReplacedByTheWhole) {
  const std::string block = Block({{"ce_id", "1"}, {"mr_dead_cut", "5 0123456789abcdef"}});
  const bus::Message message{.body = "wh", .headers = bus::Headers(block)};
  std::string headers;
  EXPECT_EQ(RedrivenMessage(message, ReadDeadLetter(message, ""), "whole", &headers).body, "whole");
}

TEST(DeadLettersTest, KeysGoWhereTheyWent) {
  stages::StageSettings stage;
  stage.input_partitions = 8;
  for (const std::string key : {"a", "b", "c", "98178"}) {
    EXPECT_EQ(RedrivenPartition({.key = key}, {}, stage), bus::PartitionOfKey(key, 8));
  }
  const int32_t without = RedrivenPartition({}, {.id = "x"}, stage);
  EXPECT_GE(without, 0);
  EXPECT_LT(without, 8);
}

}  // namespace
}  // namespace millrace::ops
