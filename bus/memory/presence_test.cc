#include "bus/memory/presence.h"

#include <gtest/gtest.h>

#include "bus/memory/queue_share.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

MonotonicTime At(int64_t ms) { return MonotonicTime{} + milliseconds(ms); }

Beat BeatOf(const std::string& name, uint64_t incarnation = 1, uint64_t number = 1) {
  Beat beat;
  beat.name = name;
  beat.incarnation = incarnation;
  beat.number = number;
  beat.topics = {{.name = "raw", .partitions = 4, .declined = {}}};
  return beat;
}

std::vector<std::string> Names(const Presence& presence) {
  std::vector<std::string> names;
  for (const Beat* beat : presence.Live()) names.push_back(beat->name);
  return names;
}

PresenceOptions Options() {
  return {.beat_interval = seconds(1), .beat_timeout = milliseconds(3500), .join_delay = milliseconds(20)};
}

// Sends and hears its own beats every second from `from` to `to`.
void BeatOn(Presence& presence, int64_t from, int64_t to) {
  for (int64_t ms = from; ms <= to; ms += 1000) {
    const Beat beat = presence.NextBeat(At(ms));
    presence.Heard(beat, At(ms));
  }
}

TEST(Beat, SurvivesTheTrip) {
  Beat beat = BeatOf("parse-0", 1'700'000'000'000'000'000, 42);
  beat.capacity = 3;
  beat.ready = false;
  beat.leaving = true;
  beat.topics = {{"raw 1\n", 8, {1, 7}}, {"", 0, {}}};
  beat.hands = {{"raw 1\n", 3, 17}, {"", 0, UINT64_MAX}};
  EXPECT_EQ(DecodeBeat(EncodeBeat(beat)), beat);
}

TEST(Beat, ForeignBytesAreNoBeat) {
  const std::string good = EncodeBeat(BeatOf("a"));
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(DecodeBeat(good.substr(0, n)).has_value()) << n;
  EXPECT_FALSE(DecodeBeat(good + "x").has_value());
  EXPECT_FALSE(DecodeBeat("mr-beat 2\n99999999999999999999999 a ").has_value());
  EXPECT_FALSE(DecodeBeat("mr-beat 2\n4000000000 a ").has_value());
  // Any byte changed: refused or read as another beat, never a crash.
  const Random random(1);
  for (uint64_t i = 0; i < 20'000; ++i) {
    std::string bad = good;
    bad[random.Below(1, {i}, bad.size())] = static_cast<char>(random.Bits(2, {i}));
    DecodeBeat(bad);
  }
}

TEST(Presence, BeginsAlone) {
  Presence presence(Options(), BeatOf("b"), At(0));
  EXPECT_EQ(Names(presence), std::vector<std::string>{"b"});
  EXPECT_TRUE(presence.BeatDue(At(0)));
  EXPECT_FALSE(presence.Settled(At(0)));
  BeatOn(presence, 0, 0);
  EXPECT_FALSE(presence.BeatDue(At(999)));
  EXPECT_TRUE(presence.BeatDue(At(1000)));
  EXPECT_FALSE(presence.Settled(At(19)));
  EXPECT_EQ(presence.SettledAt(At(19)), At(20));
  EXPECT_TRUE(presence.Settled(At(20)));
}

TEST(Presence, WithoutHearingItselfItActsAfterTheTimeoutAnyway) {
  Presence presence(Options(), BeatOf("b"), At(0));
  EXPECT_FALSE(presence.Settled(At(3499)));
  EXPECT_EQ(presence.SettledAt(At(100)), At(3500));
  EXPECT_TRUE(presence.Settled(At(3500)));
  EXPECT_EQ(presence.SettledAt(At(3500)), MonotonicTime::Infinite());
}

TEST(Presence, NewcomersAreAnsweredAtOnceButNotOneByOne) {
  Presence presence(Options(), BeatOf("b"), At(0));
  BeatOn(presence, 0, 0);
  presence.Heard(BeatOf("a"), At(200));
  EXPECT_TRUE(presence.BeatDue(At(200)));
  presence.NextBeat(At(200));
  presence.Heard(BeatOf("c"), At(210));
  presence.Heard(BeatOf("d"), At(220));
  EXPECT_FALSE(presence.BeatDue(At(299)));
  EXPECT_TRUE(presence.BeatDue(At(300)));
  EXPECT_EQ(Names(presence), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(Presence, WhoFallsSilentIsTimedOut) {
  Presence presence(Options(), BeatOf("b"), At(0));
  BeatOn(presence, 0, 0);
  presence.Heard(BeatOf("a"), At(100));
  BeatOn(presence, 1000, 3000);
  EXPECT_EQ(Names(presence), (std::vector<std::string>{"a", "b"}));
  const uint64_t version = presence.version();
  BeatOn(presence, 4000, 4000);
  EXPECT_EQ(Names(presence), std::vector<std::string>{"b"});
  EXPECT_GT(presence.version(), version);
}

TEST(Presence, WhileDeafItForgetsNobody) {
  Presence presence(Options(), BeatOf("b"), At(0));
  BeatOn(presence, 0, 0);
  presence.Heard(BeatOf("a"), At(100));
  for (int64_t ms = 1000; ms < 60'000; ms += 1000) presence.NextBeat(At(ms));  // nothing comes back
  EXPECT_TRUE(presence.Deaf(At(60'000)));
  EXPECT_EQ(Names(presence), (std::vector<std::string>{"a", "b"}));
  // Hearing again, everyone gets a full time-out to speak up.
  BeatOn(presence, 60'000, 63'000);
  EXPECT_FALSE(presence.Deaf(At(63'000)));
  EXPECT_EQ(Names(presence), (std::vector<std::string>{"a", "b"}));
  BeatOn(presence, 64'000, 64'000);
  EXPECT_EQ(Names(presence), std::vector<std::string>{"b"});
}

TEST(Presence, IncarnationsAndNumbersOnlyGrow) {
  Presence presence(Options(), BeatOf("b"), At(0));
  BeatOn(presence, 0, 0);
  Beat a = BeatOf("a", 5, 10);
  a.capacity = 1;
  presence.Heard(a, At(1));
  Beat late = BeatOf("a", 5, 9);
  late.capacity = 9;
  presence.Heard(late, At(2));
  Beat zombie = BeatOf("a", 4, 99);
  zombie.capacity = 9;
  presence.Heard(zombie, At(3));
  EXPECT_EQ(presence.Live()[0]->capacity, 1);
  Beat restarted = BeatOf("a", 6, 1);
  restarted.capacity = 2;
  presence.Heard(restarted, At(4));
  EXPECT_EQ(presence.Live()[0]->capacity, 2);
}

TEST(Presence, AGoodbyeCountsAtOnceAndForTheWholeIncarnation) {
  Presence presence(Options(), BeatOf("b"), At(0));
  BeatOn(presence, 0, 0);
  presence.Heard(BeatOf("a", 5, 10), At(1));
  Beat bye = BeatOf("a", 5, 11);
  bye.leaving = true;
  presence.Heard(bye, At(2));
  EXPECT_EQ(Names(presence), std::vector<std::string>{"b"});
  presence.Heard(BeatOf("a", 5, 12), At(3));
  EXPECT_EQ(Names(presence), std::vector<std::string>{"b"});
  presence.Heard(BeatOf("a", 6, 1), At(4));
  EXPECT_EQ(Names(presence), (std::vector<std::string>{"a", "b"}));
}

TEST(Presence, ANewerInstanceUnderOurNameIsNoticed) {
  Presence presence(Options(), BeatOf("b", 5), At(0));
  presence.Heard(BeatOf("b", 4, 3), At(1));
  EXPECT_FALSE(presence.NameTaken());
  presence.Heard(BeatOf("b", 6, 1), At(2));
  EXPECT_TRUE(presence.NameTaken());
}

TEST(Presence, EqualBeatsDoNotChangeTheView) {
  Presence presence(Options(), BeatOf("b"), At(0));
  BeatOn(presence, 0, 0);
  presence.Heard(BeatOf("a", 1, 1), At(1));
  const uint64_t version = presence.version();
  presence.Heard(BeatOf("a", 1, 2), At(900));
  BeatOn(presence, 1000, 1000);
  EXPECT_EQ(presence.version(), version);
}

TEST(ShareOut, OnlyReadersThatAreReadyAndWillingOwn) {
  Beat a = BeatOf("a"), b = BeatOf("b"), c = BeatOf("c");
  a.topics = {{"raw", 4, {}}, {"other", 2, {}}};
  b.topics = {{"raw", 4, {0, 1, 2}}};
  c.ready = false;
  const std::vector<const Beat*> live = {&a, &b, &c};
  const auto shares = ShareOutPartitions(live);
  ASSERT_EQ(shares.size(), 6u);
  for (const PartitionShare& share : shares) {
    ASSERT_NE(share.owner, nullptr) << share.topic << share.partition;
    EXPECT_NE(share.owner, &c);
    if (share.owner == &b) {
      EXPECT_EQ(share.topic, "raw");
      EXPECT_EQ(share.partition, 3);
    }
  }
}

TEST(ShareOut, WhatEveryoneDeclinesHasNoOwner) {
  Beat a = BeatOf("a");
  a.topics[0].declined = {2};
  const std::vector<const Beat*> live = {&a};
  const auto shares = ShareOutPartitions(live);
  EXPECT_EQ(shares[2].owner, nullptr);
  EXPECT_EQ(shares[3].owner, &a);
}

}  // namespace
}  // namespace millrace::bus
