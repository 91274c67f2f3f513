// Order, flow, and how much may be on its way.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bus/partition.h"
#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

TEST_P(Conformance, APartitionKeepsItsOrder) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.batch = 13;
  Member& member = world->Join("g", {"t"});
  member.finish_at_once = true;
  feeder.SendSeries(0, 0, "m", 5000);
  ExpectConfirmed(feeder);
  ExpectGot(member, 5000);
  for (size_t i = 0; i < member.got.size(); ++i) ASSERT_EQ(member.got[i].text(), "m" + std::to_string(i));
}

// Keys go where Java's hash says, and each key's messages stay in order, over several producers' interleaving of
// different keys.
TEST_P(Conformance, KeysKeepTheirOrder) {
  constexpr int kPartitions = 4, kKeys = 40, kEach = 25;
  ASSERT_TRUE(world->Apply("t", kPartitions, {"g"}).ok());
  Feeder* feeders[] = {&world->OpenFeeder({"t"}), &world->OpenFeeder({"t"})};
  for (int i = 0; i < kEach; ++i) {
    for (int k = 0; k < kKeys; ++k) {
      const std::string key = "key-" + std::to_string(k);
      feeders[k % 2]->Send(0, bus::PartitionOfKey(key, kPartitions),
                           {.key = key, .body = std::to_string(i), .headers = {}});
    }
  }
  world->Join("g", {"t"}).finish_at_once = true;
  world->Join("g", {"t"}).finish_at_once = true;
  size_t total = 0;
  ASSERT_TRUE(world->RunUntil([&] {
    total = 0;
    for (const auto& member : world->members()) total += member->got.size();
    return total >= kKeys * kEach;
  }));
  std::map<std::string, int> next;
  for (const auto& member : world->members()) {
    std::map<std::string, int> mine;
    for (const Got& got : member->got) {
      const std::string key(*got.delivery.message.key);
      const int value = std::stoi(got.text());
      if (mine.count(key) == 1) {
        EXPECT_GT(value, mine[key]) << key << " out of order";
      }
      mine[key] = value;
      next[key] = std::max(next[key], value);
      EXPECT_EQ(got.holding.partition.number, bus::PartitionOfKey(key, kPartitions));
    }
  }
  EXPECT_EQ(next.size(), static_cast<size_t>(kKeys));
  for (const auto& [key, last] : next) EXPECT_EQ(last, kEach - 1) << key;
}

// A new feed of a partition begins only when the one before has ended: nothing reaches a member while another holds it
// unsettled.
TEST_P(Conformance, NoMessageIsInTwoHandsAtOnce) {
  ASSERT_TRUE(world->Apply("t", 3, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int round = 0; round < 4; ++round) {
    for (int p = 0; p < 3; ++p) feeder.SendSeries(0, p, std::to_string(round), 20);
    world->Join("g", {"t"});
    std::vector<size_t> seen(world->members().size(), 0);
    for (size_t m = 0; m < seen.size(); ++m) seen[m] = world->members()[m]->got.size();
    const MonotonicTime end = world->DeadlineIn(world->timing().quiet);
    world->RunUntil([&] {
      // Looked at after each step: what is new must not be open in another living holding.
      for (size_t m = 0; m < world->members().size(); ++m) {
        const Member& member = *world->members()[m];
        for (; m < seen.size() && seen[m] < member.got.size(); ++seen[m]) {
          const Got& got = member.got[seen[m]];
          for (const auto& other : world->members()) {
            if (other.get() == &member) continue;
            for (const Got& theirs : other->got) {
              const bool same = theirs.holding.partition == got.holding.partition && theirs.text() == got.text();
              if (same && other->consumer->Holds(theirs.holding) && !other->Settled(theirs)) {
                ADD_FAILURE() << got.text() << " is with " << member.instance() << " and " << other->instance();
                return true;
              }
            }
          }
        }
      }
      return world->Now() >= end;
    });
    ExpectConfirmed(feeder);
  }
}

// After Flow(off) at most one batch comes, or what the prefetch bound of a queue has room for; after Flow(on) nothing
// is missing.
TEST_P(Conformance, FlowStopsAndResumes) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  bus::ConsumerOptions options = world->Options("g", {"t"});
  options.batch_max = 16;
  options.prefetch = 64;
  Member& member = world->Join(options);
  ASSERT_TRUE(world->RunUntil([&] { return member.consumer->held() == 2; }));
  const Holding paused = member.HoldingOf({0, 0});
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, "m", 10);
  ExpectConfirmed(feeder);
  ExpectGot(member, 20);
  EXPECT_TRUE(member.FinishAll().ok());
  EXPECT_TRUE(member.consumer->Flow(paused, false).ok());
  member.finish_at_once = false;
  for (int p = 0; p < 2; ++p) {
    for (int i = 10; i < 310; ++i) feeder.SendText(0, p, "m" + std::to_string(i));
  }
  // The other partition goes on: settled as it comes.
  ASSERT_TRUE(world->RunUntil([&] {
    for (const Got& got : member.got) {
      if (got.holding.partition.number == 1 && !member.Settled(got)) {
        EXPECT_TRUE(member.Finish(got).ok());
      }
    }
    return member.CountOf({0, 1}) == 310;
  })) << "a paused partition stops the others: "
      << member.CountOf({0, 1});
  world->RunQuiet();
  const size_t most = world->Prefix() ? options.batch_max : options.prefetch;
  EXPECT_LE(member.CountOf({0, 0}), 10 + most);
  EXPECT_TRUE(member.consumer->Flow(paused, true).ok());
  ASSERT_TRUE(world->RunUntil([&] {
    for (const Got& got : member.got) {
      if (!member.Settled(got)) {
        EXPECT_TRUE(member.Finish(got).ok());
      }
    }
    return member.got.size() == 620;
  })) << member.got.size();
  std::vector<std::string> texts;
  for (const Got& got : member.got) {
    if (got.holding.partition.number == 0) texts.push_back(got.text());
  }
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], "m" + std::to_string(i));
}

// A pause belongs to a holding: who gets the partition next, the same consumer too, begins with flow on.
TEST_P(Conformance, APauseEndsWithItsHolding) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& first = JoinAndWait("g", {"t"}, 2);
  for (const Holding& holding : first.consumer->holdings()) EXPECT_TRUE(first.consumer->Flow(holding, false).ok());
  Member& second = JoinAndWait("g", {"t"}, 2);
  ASSERT_TRUE(world->RunUntil([&] { return second.consumer->held() == 1; }));
  EXPECT_TRUE(world->Close(second).ok());
  ASSERT_TRUE(world->RunUntil([&] { return first.consumer->held() == 2; }));
  // At least the partition that went and came again flows.
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, "m", 10);
  ExpectConfirmed(feeder);
  ASSERT_TRUE(world->RunUntil([&] { return first.got.size() >= 10; })) << "still paused after coming back";
  for (const Holding& holding : first.consumer->holdings()) EXPECT_TRUE(first.consumer->Flow(holding, true).ok());
  EXPECT_TRUE(world->RunUntil([&] { return first.got.size() == 20; }));
}

// A pause survives an incremental rebalance that leaves the partition where it is.
TEST_P(Conformance, APauseSurvivesACooperativeRebalance) {
  CONFORMANCE_NEEDS(Has(Ability::kCooperative));
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  bus::ConsumerOptions options = world->Options("g", {"t"});
  options.cooperative = true;
  options.batch_max = 8;
  Member& first = world->Join(options);
  ASSERT_TRUE(world->RunUntil([&] { return first.consumer->held() == 4; }));
  for (const Holding& holding : first.consumer->holdings()) EXPECT_TRUE(first.consumer->Flow(holding, false).ok());
  bus::ConsumerOptions other = world->Options("g", {"t"});
  other.cooperative = true;
  Member& second = world->Join(other);
  ASSERT_TRUE(world->RunUntil([&] { return second.consumer->held() == 2 && first.consumer->held() == 2; }));
  for (int p = 0; p < 4; ++p) feeder.SendSeries(0, p, "m", 100);
  ExpectConfirmed(feeder);
  ASSERT_TRUE(world->RunUntil([&] { return second.got.size() == 200; })) << "what moved flows";
  world->RunQuiet();
  for (const Holding& holding : first.consumer->holdings()) {
    EXPECT_LE(first.CountOf(holding.partition), 8u) << "a pause was forgotten in a rebalance";
    EXPECT_TRUE(first.consumer->Flow(holding, true).ok());
  }
  EXPECT_TRUE(world->RunUntil([&] { return first.got.size() == 200; }));
}

// A queue hands out no more than the prefetch bound while nothing is settled; settling makes room.
TEST_P(Conformance, PrefetchBoundsWhatIsUnsettled) {
  CONFORMANCE_NEEDS(!world->Prefix());
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  bus::ConsumerOptions options = world->Options("g", {"t"});
  options.prefetch = 10;
  Member& member = world->Join(options);
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, "m", 100);
  ExpectConfirmed(feeder);
  ASSERT_TRUE(world->RunUntil([&] { return member.got.size() >= 20; }));
  world->RunQuiet();
  EXPECT_EQ(member.got.size(), 20u);
  for (size_t i = 0; i < 5; ++i) EXPECT_TRUE(member.Finish(member.got[i]).ok());
  ASSERT_TRUE(world->RunUntil([&] { return member.got.size() >= 25; }));
  world->RunQuiet();
  EXPECT_EQ(member.got.size(), 25u);
  // One message that is never settled holds up nothing but its own place.
  ASSERT_TRUE(world->RunUntil([&] {
    for (size_t i = 0; i < member.got.size(); ++i) {
      const Got& got = member.got[i];
      if (got.text() != "m7" && !member.Settled(got)) {
        EXPECT_TRUE(member.Finish(got).ok());
      }
    }
    return member.got.size() == 200;
  })) << member.got.size();
}

// A member that settles nothing for long keeps what it has; nothing times out under it, nothing is delivered twice.
TEST_P(Conformance, ASlowMemberKeepsItsPartitions) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& member = JoinAndWait("g", {"t"}, 1);
  feeder.SendSeries(0, 0, "m", 20);
  ExpectConfirmed(feeder);
  ExpectGot(member, 20);
  world->RunFor(2 * world->timing().session_timeout);
  EXPECT_EQ(member.got.size(), 20u);
  EXPECT_TRUE(member.lost.empty());
  EXPECT_TRUE(member.revoked.empty());
  EXPECT_TRUE(member.FinishAll().ok());
}

}  // namespace
}  // namespace millrace::conformance
