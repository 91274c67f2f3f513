// Who holds what: sharing out, handing over, leaving, dying.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

// How many living members hold each partition of topic #0.
std::map<int32_t, int> Holders(World& world) {
  std::map<int32_t, int> holders;
  for (const auto& member : world.members()) {
    if (!member->alive()) continue;
    for (const Holding& holding : member->consumer->holdings()) ++holders[holding.partition.number];
  }
  return holders;
}

bool EachHeldOnce(World& world, int32_t partitions) {
  const auto holders = Holders(world);
  return holders.size() == static_cast<size_t>(partitions) &&
         std::all_of(holders.begin(), holders.end(), [](const auto& h) { return h.second == 1; });
}

std::multiset<std::string> AllTexts(World& world) {
  std::multiset<std::string> texts;
  for (const auto& member : world.members()) {
    for (const Got& got : member->got) texts.insert(got.text());
  }
  return texts;
}

TEST_P(Conformance, MembersSharePartitionsExclusively) {
  ASSERT_TRUE(world->Apply("t", 6, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int i = 0; i < 3; ++i) world->Join("g", {"t"}).finish_at_once = true;
  ASSERT_TRUE(world->RunUntil([&] {
    return EachHeldOnce(*world, 6) && std::all_of(world->members().begin(), world->members().end(),
                                                  [](auto& m) { return m->consumer->held() == 2; });
  })) << "six partitions over three members are two each";
  world->RunQuiet();
  EXPECT_TRUE(EachHeldOnce(*world, 6)) << "and stay so";
  for (int p = 0; p < 6; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 50);
  ExpectConfirmed(feeder);
  ASSERT_TRUE(world->RunUntil([&] { return AllTexts(*world).size() >= 300; }));
  world->RunQuiet();
  const auto texts = AllTexts(*world);
  EXPECT_EQ(texts.size(), 300u) << "without a failure nothing comes twice";
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), 300u);
  for (const auto& member : world->members()) EXPECT_EQ(member->got.size(), 100u);
}

TEST_P(Conformance, MoreMembersThanPartitionsAreIdle) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int i = 0; i < 4; ++i) world->Join("g", {"t"}).finish_at_once = true;
  ASSERT_TRUE(world->RunUntil([&] { return EachHeldOnce(*world, 2); }));
  world->RunQuiet();
  int idle = 0;
  for (const auto& member : world->members()) idle += member->consumer->held() == 0;
  EXPECT_EQ(idle, 2);
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, "m", 20);
  ExpectConfirmed(feeder);
  EXPECT_TRUE(world->RunUntil([&] { return AllTexts(*world).size() == 40; }));
}

TEST_P(Conformance, CapacityBoundsWhatAMemberHolds) {
  CONFORMANCE_NEEDS(Has(Ability::kCapacity));
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  bus::ConsumerOptions small = world->Options("g", {"t"});
  small.capacity = 1;
  Member& one = world->Join(small);
  EXPECT_TRUE(world->RunUntil([&] { return one.consumer->held() == 1; }));
  world->RunQuiet();
  EXPECT_EQ(one.consumer->held(), 1u);
  Member& rest = world->Join("g", {"t"});
  EXPECT_TRUE(world->RunUntil([&] { return EachHeldOnce(*world, 4); }));
  EXPECT_EQ(one.consumer->held(), 1u);
  EXPECT_EQ(rest.consumer->held(), 3u);
}

// The planned way: told, finish, release. Nothing that was settled comes again.
TEST_P(Conformance, ARevocationWaitsForItsRelease) {
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& old = JoinAndWait("g", {"t"}, 4);
  old.release_at_once = false;
  for (int p = 0; p < 4; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 10);
  ExpectConfirmed(feeder);
  ExpectGot(old, 40);
  Member& fresh = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return !old.revoked.empty(); }));
  for (const Member::Revocation& revocation : old.revoked) {
    EXPECT_GT(revocation.deadline, world->Now());
    if (Has(Ability::kRevokeDeadline)) {
      EXPECT_LE(revocation.deadline, world->DeadlineIn(world->timing().revoke_timeout));
    }
    EXPECT_EQ(fresh.HoldingOf(revocation.holding.partition).epoch, 0u) << "not before it was released";
  }
  // Messages that come meanwhile are the next owner's; the front sees to it that none reaches this one.
  for (int p = 0; p < 4; ++p) feeder.SendText(0, p, std::to_string(p) + "-late");
  ExpectConfirmed(feeder);
  EXPECT_TRUE(old.FinishAll().ok()) << "settling works until the release";
  old.release_at_once = true;
  old.ReleaseRevoked();
  ASSERT_TRUE(world->RunUntil([&] { return EachHeldOnce(*world, 4) && AllTexts(*world).size() >= 44; }));
  world->RunQuiet();
  EXPECT_EQ(AllTexts(*world).size(), 44u) << "completed work came again after a clean hand-over";
  EXPECT_EQ(fresh.consumer->held(), 2u);
  EXPECT_EQ(old.lost.size(), 0u);
}

// Who does not answer in time loses the partition, with all it has not settled.
TEST_P(Conformance, ARevocationEndsAtItsDeadline) {
  CONFORMANCE_NEEDS(Has(Ability::kRevokeDeadline));
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& old = JoinAndWait("g", {"t"}, 2);
  old.release_at_once = false;
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 5);
  ExpectConfirmed(feeder);
  ExpectGot(old, 10);
  Member& fresh = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return !old.revoked.empty(); }));
  const Member::Revocation revocation = old.revoked.front();
  ASSERT_TRUE(world->RunUntil([&] { return !old.lost.empty(); }));
  EXPECT_GE(world->Now(), revocation.deadline);
  EXPECT_FALSE(old.consumer->Holds(revocation.holding));
  EXPECT_TRUE(absl::IsAborted(old.Finish(old.got.front())) || old.consumer->Holds(old.got.front().holding));
  ASSERT_TRUE(
      world->RunUntil([&] { return EachHeldOnce(*world, 2) && fresh.consumer->held() == 1 && fresh.got.size() == 5; }));
  const int32_t moved = fresh.consumer->holdings().front().partition.number;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(fresh.got[static_cast<size_t>(i)].text(), std::to_string(moved) + "-" + std::to_string(i));
  }
}

TEST_P(Conformance, LeavingHandsOverAtOnce) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& leaver = JoinAndWait("g", {"t"}, 2);
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 10);
  ExpectConfirmed(feeder);
  ExpectGot(leaver, 20);
  for (const Got& got : leaver.got) {
    if (got.text().back() < '5') {
      EXPECT_TRUE(leaver.Finish(got).ok());
    }
  }
  Member& stayer = world->Join("g", {"t"});
  EXPECT_TRUE(world->Close(leaver).ok());
  EXPECT_TRUE(absl::IsAborted(leaver.Finish(leaver.got.back())));
  EXPECT_TRUE(world->RunUntil([&] { return stayer.consumer->held() == 2 && stayer.got.size() >= 10; },
                              world->timing().session_timeout))
      << "a goodbye does not wait for the session's time-out; held " << stayer.consumer->held() << ", got "
      << stayer.got.size();
  world->RunQuiet();
  EXPECT_EQ(stayer.got.size(), 10u);
  for (const Got& got : stayer.got) EXPECT_GE(got.text().back(), '5') << got.text() << " was settled before";
}

TEST_P(Conformance, ADeadMembersPartitionsAreTakenOver) {
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& victim = JoinAndWait("g", {"t"}, 4);
  Member& heir = JoinAndWait("g", {"t"}, 4);
  ASSERT_TRUE(world->RunUntil([&] { return heir.consumer->held() == 2 && victim.consumer->held() == 2; }));
  for (int p = 0; p < 4; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 10);
  ExpectConfirmed(feeder);
  ASSERT_TRUE(world->RunUntil([&] { return victim.got.size() == 20 && heir.got.size() == 20; }));
  world->Kill(victim);
  ASSERT_TRUE(world->RunUntil([&] { return heir.consumer->held() == 4; }));
  ASSERT_TRUE(world->RunUntil([&] {
    std::set<std::string> texts;
    for (const std::string& text : heir.Texts()) texts.insert(text);
    return texts.size() == 40;
  }));
  // And the heir can settle all of it.
  EXPECT_TRUE(heir.FinishAll().ok());
}

// Whoever was given up behind its back learns that it has lost its partitions, not that they are being revoked.
TEST_P(Conformance, AnExpiredSessionIsLossNotRevocation) {
  CONFORMANCE_NEEDS(Has(Ability::kExpireSession));
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& zombie = JoinAndWait("g", {"t"}, 2);
  feeder.SendSeries(0, 0, "a", 5);
  feeder.SendSeries(0, 1, "b", 5);
  ExpectConfirmed(feeder);
  ExpectGot(zombie, 10);
  const std::vector<Holding> before = zombie.consumer->holdings();
  zombie.frozen = true;
  world->harness().ExpireSession(zombie.instance());
  Member& heir = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return heir.consumer->held() == 2 && heir.got.size() == 10; }));
  zombie.frozen = false;
  ASSERT_TRUE(world->RunUntil([&] { return zombie.lost.size() == 2; }));
  EXPECT_TRUE(zombie.revoked.empty());
  for (const Holding& holding : before) EXPECT_FALSE(zombie.consumer->Holds(holding));
  for (const Got& got : zombie.got) EXPECT_TRUE(absl::IsAborted(zombie.Finish(got)));
  // It comes back as a member like any other.
  ASSERT_TRUE(world->RunUntil([&] { return zombie.consumer->held() == 1 && heir.consumer->held() == 1; }));
}

TEST_P(Conformance, APartitionCanBeGivenUpUnasked) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& member = JoinAndWait("g", {"t"}, 2);
  feeder.SendSeries(0, 0, "a", 6);
  feeder.SendSeries(0, 1, "b", 6);
  ExpectConfirmed(feeder);
  ExpectGot(member, 12);
  const Holding given = member.HoldingOf({0, 0});
  for (size_t i = 0; i < 12; ++i) {
    if (member.got[i].text() < "a3") {
      EXPECT_TRUE(member.Finish(member.got[i]).ok());
    }
  }
  Member& other = JoinAndWait("g", {"t"}, 2);
  ASSERT_TRUE(world->RunUntil([&] { return other.consumer->held() == 1 && EachHeldOnce(*world, 2); }));
  Member& holder = member.HoldingOf({0, 0}).epoch != 0 ? member : other;
  const Holding current = holder.HoldingOf({0, 0});
  EXPECT_TRUE(holder.Release(current).ok());
  EXPECT_FALSE(holder.consumer->Holds(current));
  // Somebody has it again, under another epoch, and gets what was not settled and nothing else.
  ASSERT_TRUE(world->RunUntil([&] { return EachHeldOnce(*world, 2); }));
  Member& next = member.HoldingOf({0, 0}).epoch != 0 ? member : other;
  const Holding now = next.HoldingOf({0, 0});
  EXPECT_FALSE(&next == &holder && now == current);
  EXPECT_FALSE(&next == &member && now == given);
  EXPECT_TRUE(world->RunUntil([&] {
    return std::count_if(next.got.begin(), next.got.end(), [&](const Got& g) { return g.holding == now; }) == 3;
  }));
  world->RunQuiet();
  std::vector<std::string> texts;
  for (const Got& got : next.got) {
    if (got.holding == now) texts.push_back(got.text());
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"a3", "a4", "a5"}));
}

// What a member keeps through an incremental rebalance stays as it is: same epoch, nothing delivered again, settling
// goes on.
TEST_P(Conformance, BufferedMessagesSurviveACooperativeRebalance) {
  CONFORMANCE_NEEDS(Has(Ability::kCooperative));
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  bus::ConsumerOptions options = world->Options("g", {"t"});
  options.cooperative = true;
  Member& old = world->Join(options);
  ASSERT_TRUE(world->RunUntil([&] { return old.consumer->held() == 4; }));
  for (int p = 0; p < 4; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 10);
  ExpectConfirmed(feeder);
  ExpectGot(old, 40);
  const std::vector<Holding> before = old.consumer->holdings();
  options = world->Options("g", {"t"});
  options.cooperative = true;
  Member& fresh = world->Join(options);
  ASSERT_TRUE(world->RunUntil(
      [&] { return EachHeldOnce(*world, 4) && fresh.consumer->held() == 2 && fresh.got.size() == 20; }));
  world->RunQuiet();
  EXPECT_EQ(old.revoked.size(), 2u) << "only what moves is revoked";
  EXPECT_TRUE(old.lost.empty());
  EXPECT_EQ(old.got.size(), 40u) << "what stays is not delivered again";
  EXPECT_EQ(fresh.got.size(), 20u);
  for (const Holding& holding : old.consumer->holdings()) {
    EXPECT_NE(std::find(before.begin(), before.end(), holding), before.end()) << "what stays keeps its epoch";
  }
  EXPECT_TRUE(old.FinishAll().ok());
  EXPECT_TRUE(fresh.FinishAll().ok());
  if (capabilities().lag) {
    EXPECT_TRUE(world->RunUntil([&] { return world->Lag("g", "t") == 0; }));
  }
}

// A member that is restarted under its static id within the session's time-out gets its partitions back, and nobody
// else notices.
TEST_P(Conformance, AStaticMemberComesBackToItsPartitions) {
  CONFORMANCE_NEEDS(Has(Ability::kStaticMembers));
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  bus::ConsumerOptions options = world->Options("g", {"t"});
  options.static_id = "one";
  Member& one = world->Join(options);
  bus::ConsumerOptions of_two = world->Options("g", {"t"});
  of_two.static_id = "two";
  Member& two = world->Join(of_two);
  ASSERT_TRUE(world->RunUntil([&] { return one.consumer->held() == 2 && two.consumer->held() == 2; }));
  for (int p = 0; p < 4; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 10);
  ExpectConfirmed(feeder);
  ExpectGot(one, 20);
  ExpectGot(two, 20);
  std::set<Partition> before;
  for (const Holding& holding : one.consumer->holdings()) before.insert(holding.partition);
  const std::vector<Holding> of_other = two.consumer->holdings();
  const size_t revoked = two.revoked.size();
  world->Kill(one);
  world->RunFor(world->timing().heartbeat_interval);
  options.instance += "-again";
  Member& again = world->Join(options);
  ASSERT_TRUE(world->RunUntil([&] { return again.consumer->held() == 2 && again.got.size() == 20; }));
  std::set<Partition> after;
  for (const Holding& holding : again.consumer->holdings()) after.insert(holding.partition);
  EXPECT_EQ(before, after);
  world->RunQuiet();
  EXPECT_EQ(two.consumer->holdings(), of_other) << "the others are left alone";
  EXPECT_EQ(two.revoked.size(), revoked);
  EXPECT_TRUE(two.lost.empty());
  EXPECT_TRUE(again.FinishAll().ok());
  EXPECT_TRUE(two.FinishAll().ok());
}

// An unordered topic: on queues one queue with competing consumers, on a log partitions as ever. Either way each
// message is done once, and what a dead member had comes to another.
TEST_P(Conformance, AnUnorderedTopicIsSharedByAll) {
  ASSERT_TRUE(world->Apply({.name = "t", .partitions = 3, .ordered = false, .groups = {"g"}}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  std::vector<Member*> members;
  for (int i = 0; i < 3; ++i) {
    bus::ConsumerOptions options = world->Options("g", {"t"});
    options.prefetch = 20;
    members.push_back(&world->Join(options));
  }
  ASSERT_TRUE(world->RunUntil([&] {
    return std::all_of(members.begin(), members.end(), [](Member* m) { return m->consumer->held() == 1; });
  })) << "three members have a part each";
  for (int i = 0; i < 300; ++i) feeder.SendText(0, i % 3, "m" + std::to_string(i));
  ExpectConfirmed(feeder);
  for (Member* member : members) {
    ASSERT_TRUE(world->RunUntil([&] { return member->got.size() >= 20; })) << member->instance() << " stays idle";
  }
  world->Kill(*members[0]);
  for (size_t i : {1, 2}) members[i]->finish_at_once = true;
  std::set<std::string> distinct;
  EXPECT_TRUE(world->RunUntil([&] {
    for (size_t i : {1, 2}) {
      EXPECT_TRUE(members[i]->FinishAll().ok());
      for (const std::string& text : members[i]->Texts()) distinct.insert(text);
    }
    return distinct.size() == 300;
  })) << distinct.size();
  for (size_t i : {1, 2}) EXPECT_TRUE(world->Close(*members[i]).ok());
  Member& last = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return last.consumer->held() >= 1; }));
  world->RunQuiet();
  EXPECT_EQ(last.got.size(), 0u);
}

// Members come and go while messages flow: each message is done by somebody, in order per partition.
TEST_P(Conformance, ComingsAndGoingsLoseNothing) {
  ASSERT_TRUE(world->Apply("t", 3, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  world->Join("g", {"t"}).finish_at_once = true;
  for (int round = 0; round < 6; ++round) {
    for (int p = 0; p < 3; ++p) feeder.SendSeries(0, p, std::to_string(p) + "/" + std::to_string(round) + "/", 40);
    world->Join("g", {"t"}).finish_at_once = true;
    const size_t want = AllTexts(*world).size() + 40;
    ASSERT_TRUE(world->RunUntil([&] { return AllTexts(*world).size() >= want; }));
    Member& gone = *world->members()[static_cast<size_t>(round)];
    if (round % 2 == 0) {
      EXPECT_TRUE(world->Close(gone).ok());
    } else {
      world->Kill(gone);
    }
  }
  ExpectConfirmed(feeder);
  auto distinct = [&] {
    const auto all = AllTexts(*world);
    return std::set<std::string>(all.begin(), all.end()).size();
  };
  EXPECT_TRUE(world->RunUntil([&] { return distinct() == 720; })) << distinct();
}

}  // namespace
}  // namespace millrace::conformance
