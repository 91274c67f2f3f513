// Topics, groups and topologies keep to themselves.

#include <algorithm>
#include <string>
#include <vector>

#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

TEST_P(Conformance, TopicsAreIsolated) {
  ASSERT_TRUE(world->Apply("a", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("b", 1, {"h"}).ok());
  Feeder& feeder = world->OpenFeeder({"a", "b"});
  Member& of_a = world->Join("g", {"a"});
  Member& of_b = world->Join("h", {"b"});
  for (int i = 0; i < 50; ++i) {
    feeder.SendText(0, 0, "a" + std::to_string(i));
    feeder.SendText(1, 0, "b" + std::to_string(i));
  }
  ExpectConfirmed(feeder);
  ExpectGot(of_a, 50);
  ExpectGot(of_b, 50);
  world->RunQuiet();
  for (const std::string& text : of_a.Texts()) EXPECT_EQ(text[0], 'a');
  for (const std::string& text : of_b.Texts()) EXPECT_EQ(text[0], 'b');
  EXPECT_EQ(of_a.got.size() + of_b.got.size(), 100u);
}

TEST_P(Conformance, EachGroupGetsEverything) {
  const std::vector<std::string> groups = {"g", "h", "i"};
  ASSERT_TRUE(world->Apply("t", 2, groups).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  std::vector<Member*> members;
  for (const std::string& group : groups) members.push_back(&world->Join(group, {"t"}));
  members[1]->finish_at_once = true;  // what one group settles is nothing to the others
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 40);
  ExpectConfirmed(feeder);
  for (Member* member : members) ExpectGot(*member, 80);
  world->RunQuiet();
  for (Member* member : members) {
    std::vector<std::string> texts = member->Texts();
    std::sort(texts.begin(), texts.end());
    EXPECT_EQ(std::unique(texts.begin(), texts.end()), texts.end()) << "a message came twice";
    EXPECT_EQ(texts.size(), 80u);
  }
}

// Topics are named by their place in the list that each consumer and producer gives.
TEST_P(Conformance, TopicNumbersAreThoseOfTheSubscription) {
  for (const char* topic : {"a", "b", "c"}) ASSERT_TRUE(world->Apply(topic, 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"c", "a", "b"});
  Member& member = world->Join("g", {"b", "c", "a"});
  feeder.SendText(0, 0, "c");
  feeder.SendText(1, 0, "a");
  feeder.SendText(2, 0, "b");
  ExpectConfirmed(feeder);
  ExpectGot(member, 3);
  for (const Got& got : member.got) {
    EXPECT_EQ(got.text(), std::string(1, "bca"[got.holding.partition.topic]))
        << "topic #" << got.holding.partition.topic;
  }
}

TEST_P(Conformance, PartitionsAreIsolated) {
  ASSERT_TRUE(world->Apply("t", 5, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& member = world->Join("g", {"t"});
  for (int i = 0; i < 200; ++i) feeder.SendText(0, i % 5, std::to_string(i % 5));
  ExpectConfirmed(feeder);
  ExpectGot(member, 200);
  for (const Got& got : member.got) EXPECT_EQ(got.text(), std::to_string(got.holding.partition.number));
}

// A group that was known before the first publish sees everything from the beginning, however late its first member
// comes.
TEST_P(Conformance, AGroupStartsAtTheBeginning) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendSeries(0, 0, "m", 100);
  ExpectConfirmed(feeder);
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 100);
  EXPECT_EQ(member.got.front().text(), "m0");
  EXPECT_EQ(member.assigned.at(0).start, world->Prefix() ? member.got.front().delivery.sequence : 0u);
}

// On a log, a group that nobody knew before sees what is kept, settled by others or not.
TEST_P(Conformance, ANewGroupReplaysWhatIsKept) {
  CONFORMANCE_NEEDS(capabilities().replay);
  ASSERT_TRUE(world->Apply({.name = "t", .partitions = 1, .groups = {"g"}, .keep = true}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& first = world->Join("g", {"t"});
  first.finish_at_once = true;
  feeder.SendSeries(0, 0, "m", 100);
  ExpectConfirmed(feeder);
  ExpectGot(first, 100);
  ASSERT_TRUE(world->Apply({.name = "t", .partitions = 1, .groups = {"g", "later"}, .keep = true}).ok());
  Member& later = world->Join("later", {"t"});
  ExpectGot(later, 100);
  EXPECT_EQ(later.Texts(), first.Texts());
}

TEST_P(Conformance, WhatIsMissingOrImpossibleIsSaidAtOnce) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Signal signal;
  WakeFlag waker(signal);
  auto open = [&](const bus::ConsumerOptions& options) { return world->bus().OpenConsumer(options, waker).status(); };
  EXPECT_TRUE(absl::IsNotFound(open(world->Options("g", {"missing"})))) << open(world->Options("g", {"missing"}));
  EXPECT_TRUE(absl::IsNotFound(open(world->Options("g", {"t", "missing"}))));
  EXPECT_TRUE(absl::IsNotFound(open(world->Options("stranger", {"t"}))));
  EXPECT_TRUE(absl::IsInvalidArgument(open(world->Options("g", {}))));
  EXPECT_TRUE(absl::IsInvalidArgument(open(world->Options("g", {"t", "t"}))));
  bus::ConsumerOptions no_group = world->Options("g", {"t"});
  no_group.group.clear();
  EXPECT_FALSE(open(no_group).ok());
  bus::ConsumerOptions no_batch = world->Options("g", {"t"});
  no_batch.batch_max = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(open(no_batch)));
  const absl::Status producer =
      world->bus().OpenProducer({.name = "p", .topics = {world->harness().Name("missing")}}, waker).status();
  EXPECT_TRUE(absl::IsNotFound(producer)) << producer;
  // People look for the name.
  EXPECT_NE(std::string(producer.message()).find(world->harness().Name("missing")), std::string::npos) << producer;
  EXPECT_FALSE(world->bus().Lag(world->harness().Name("g"), world->harness().Name("missing")).ok());
  EXPECT_FALSE(world->bus().Lag(world->harness().Name("stranger"), world->harness().Name("t")).ok());
}

TEST_P(Conformance, ApplyMakesWhatIsMissingAndRefusesWhatDiffers) {
  ASSERT_TRUE(world->Apply("t", 3, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendText(0, 2, "kept");
  ExpectConfirmed(feeder);
  EXPECT_TRUE(world->Apply("t", 3, {"g"}).ok()) << "applying twice changes nothing";
  EXPECT_TRUE(world->Apply("t", 3, {"g", "h"}).ok()) << "a new group is added";
  for (int32_t other : {1, 2, 4, 6}) {
    const absl::Status status = world->Apply("t", other, {"g"});
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << other << " partitions: " << status;
    EXPECT_NE(std::string(status.message()).find(world->harness().Name("t")), std::string::npos) << status;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(world->Apply("u", 0, {"g"})));
  EXPECT_TRUE(absl::IsInvalidArgument(world->Apply("u", -1, {"g"})));
  EXPECT_TRUE(absl::IsInvalidArgument(world->bus().Apply({.topics = {{.name = ""}}})));
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 1);
}

}  // namespace
}  // namespace millrace::conformance
