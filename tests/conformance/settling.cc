// What was settled never comes back, what was not always does.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

using Texts = std::vector<std::string>;

// One topic, one partition, five messages A … E with one member.
class Five {
 public:
  explicit Five(World& world) {
    ok = world.Apply("t", 1, {"g"}).ok();
    feeder = &world.OpenFeeder({"t"});
    for (const char* text : {"A", "B", "C", "D", "E"}) feeder->SendText(0, 0, text);
    member = &world.Join("g", {"t"});
    ok = ok && world.RunUntil([&] { return member->got.size() == 5 && feeder->AllAnswered(); });
  }
  bool ok = false;
  Feeder* feeder = nullptr;
  Member* member = nullptr;
};

TEST_P(Conformance, UnsettledComesBackAfterACrash) {
  Five five(*world);
  ASSERT_TRUE(five.ok);
  world->Kill(*five.member);
  Member& next = world->Join("g", {"t"});
  ExpectGot(next, 5);
  EXPECT_EQ(next.Texts(), (Texts{"A", "B", "C", "D", "E"}));
}

// A, B and D are done. Settled one by one, C and E come back; settled as a prefix, D does too.
TEST_P(Conformance, WhatIsDoneOutOfOrderIsSettledAsFarAsItCanBe) {
  Five five(*world);
  ASSERT_TRUE(five.ok);
  for (size_t i : {3, 0, 1}) EXPECT_TRUE(five.member->Finish(five.member->got[i]).ok());
  EXPECT_TRUE(world->Close(*five.member).ok());
  Member& next = world->Join("g", {"t"});
  const Texts want = world->Prefix() ? Texts{"C", "D", "E"} : Texts{"C", "E"};
  ExpectGot(next, want.size());
  world->RunQuiet();
  EXPECT_EQ(next.Texts(), want);
  EXPECT_TRUE(next.FinishAll().ok());
  EXPECT_TRUE(world->Close(next).ok());
  Member& last = world->Join("g", {"t"});
  world->RunQuiet();
  EXPECT_EQ(last.Texts(), Texts{});
  EXPECT_EQ(last.consumer->held(), 1u);
}

TEST_P(Conformance, SettledDoesNotComeBackAfterACrash) {
  Five five(*world);
  ASSERT_TRUE(five.ok);
  EXPECT_TRUE(five.member->FinishAll().ok());
  // "Settled" means sent: give it time to arrive before the crash.
  world->RunQuiet();
  world->Kill(*five.member);
  Member& next = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return next.consumer->held() == 1; }));
  world->RunQuiet();
  EXPECT_EQ(next.Texts(), Texts{});
  five.feeder->SendText(0, 0, "F");
  ExpectGot(next, 1);
  EXPECT_EQ(next.Texts(), Texts{"F"});
}

TEST_P(Conformance, SettlingTwiceOrUndeliveredIsRefused) {
  Five five(*world);
  ASSERT_TRUE(five.ok);
  Member& member = *five.member;
  const Holding holding = member.got[0].holding;
  const uint64_t first = member.got[0].delivery.sequence, last = member.got[4].delivery.sequence;
  auto settle = [&](uint64_t from, uint64_t to) {
    const bus::SettleRange range{from, to};
    return member.consumer->Settle({.holding = holding, .ranges = {&range, 1}, .next = to + 1, .note = {}});
  };
  EXPECT_TRUE(settle(first, first).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(settle(first, first)));
  EXPECT_TRUE(absl::IsInvalidArgument(settle(first, last)));
  EXPECT_TRUE(absl::IsInvalidArgument(settle(last, last + 1)));
  EXPECT_TRUE(settle(member.got[1].delivery.sequence, last).ok()) << "a refused settlement changes nothing";
  five.feeder->SendText(0, 0, "F");
  ExpectGot(member, 6);
  EXPECT_EQ(member.got.back().text(), "F");
}

TEST_P(Conformance, SettlingAfterCloseIsAborted) {
  Five five(*world);
  ASSERT_TRUE(five.ok);
  EXPECT_TRUE(world->Close(*five.member).ok());
  for (const Got& got : five.member->got) EXPECT_TRUE(absl::IsAborted(five.member->Finish(got)));
  Member& next = world->Join("g", {"t"});
  ExpectGot(next, 5);
}

// Close sends nothing away that was settled before it.
TEST_P(Conformance, CloseAwaitsSettlements) {
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& member = world->Join("g", {"t"});
  for (int p = 0; p < 4; ++p) feeder.SendSeries(0, p, "m", 250);
  ExpectConfirmed(feeder);
  ExpectGot(member, 1000);
  EXPECT_TRUE(member.FinishAll().ok());
  EXPECT_TRUE(world->Close(member).ok());
  Member& next = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return next.consumer->held() == 4; }));
  world->RunQuiet();
  EXPECT_EQ(next.got.size(), 0u);
}

// The late worker: it lost the partition, somebody else got the messages, then it is done and settles. Nothing of that
// may count.
TEST_P(Conformance, ALateSettlementNeverCounts) {
  Five five(*world);
  ASSERT_TRUE(five.ok);
  Member& late = *five.member;
  late.release_at_once = true;
  EXPECT_TRUE(late.Release(late.got[0].holding).ok());
  for (const Got& got : late.got) EXPECT_TRUE(absl::IsAborted(late.Finish(got)));
  world->Kill(late);
  Member& next = world->Join("g", {"t"});
  ExpectGot(next, 5);
  world->Kill(next);
  Member& last = world->Join("g", {"t"});
  ExpectGot(last, 5);
  EXPECT_EQ(last.Texts(), (Texts{"A", "B", "C", "D", "E"}));
}

// The same consumer gets the partition back: its own earlier holding is as stale as anybody's.
TEST_P(Conformance, AnEarlierHoldingOfTheSameConsumerIsStale) {
  Five five(*world);
  ASSERT_TRUE(five.ok);
  Member& member = *five.member;
  EXPECT_TRUE(member.Finish(member.got[0]).ok());
  const Holding before = member.got[0].holding;
  EXPECT_TRUE(member.Release(before).ok());
  ASSERT_TRUE(world->RunUntil([&] { return member.got.size() == 9; })) << member.got.size();
  EXPECT_GT(member.got[5].holding.epoch, before.epoch);
  for (size_t i = 1; i < 5; ++i) EXPECT_TRUE(absl::IsAborted(member.Finish(member.got[i])));
  EXPECT_TRUE(member.Finish(member.got[5]).ok());
  world->RunQuiet();
  EXPECT_TRUE(world->Close(member).ok());
  Member& next = world->Join("g", {"t"});
  ExpectGot(next, 3);
  EXPECT_EQ(next.Texts(), (Texts{"C", "D", "E"}));
}

// Out-of-order completion × revoke × re-assign.
TEST_P(Conformance, WorkDoneOutOfOrderSurvivesMovingToAndFro) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& first = JoinAndWait("g", {"t"}, 2);
  first.release_at_once = false;
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, std::to_string(p), 6);
  ExpectConfirmed(feeder);
  ExpectGot(first, 12);
  for (const Got& got : first.got) {
    if (got.text()[1] == '1' || got.text()[1] == '3' || got.text()[1] == '4') {
      EXPECT_TRUE(first.Finish(got).ok());
    }
  }
  Member& second = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return !first.revoked.empty(); }));
  // One more is done while being revoked.
  for (const Got& got : first.got) {
    if (got.text()[1] == '0' && first.consumer->Holds(got.holding)) {
      EXPECT_TRUE(first.Finish(got).ok());
    }
  }
  first.release_at_once = true;
  first.ReleaseRevoked();
  // Left are 2 and 5; where a prefix is settled, 2 … 5.
  const Texts left = world->Prefix() ? Texts{"2", "3", "4", "5"} : Texts{"2", "5"};
  ASSERT_TRUE(world->RunUntil([&] { return second.consumer->held() == 1 && second.got.size() >= left.size(); }));
  world->RunQuiet();
  const std::string moved = std::to_string(second.consumer->holdings().front().partition.number);
  Texts want;
  for (const std::string& text : left) want.push_back(moved + text);
  EXPECT_EQ(second.Texts(), want);
  EXPECT_TRUE(second.FinishAll().ok());
  EXPECT_TRUE(world->Close(second).ok());
  ASSERT_TRUE(world->RunUntil([&] { return first.consumer->held() == 2; }));
  EXPECT_TRUE(first.FinishAll().ok());
  world->RunQuiet();
  EXPECT_TRUE(first.FinishAll().ok());
  EXPECT_TRUE(world->Close(first).ok());
  Member& last = JoinAndWait("g", {"t"}, 2);
  world->RunQuiet();
  EXPECT_EQ(last.Texts(), Texts{});
}

TEST_P(Conformance, RedeliveriesAreCounted) {
  CONFORMANCE_NEEDS(Has(Ability::kRedeliveryCount));
  Five five(*world);
  ASSERT_TRUE(five.ok);
  for (const Got& got : five.member->got) EXPECT_EQ(got.delivery.redeliveries, 0u);
  Member* holder = five.member;
  for (uint32_t crash = 1; crash <= 3; ++crash) {
    world->Kill(*holder);
    holder = &world->Join("g", {"t"});
    ExpectGot(*holder, 5);
    for (const Got& got : holder->got) EXPECT_EQ(got.delivery.redeliveries, crash) << got.text();
  }
  five.feeder->SendText(0, 0, "F");
  ExpectGot(*holder, 6);
  EXPECT_EQ(holder->got.back().delivery.redeliveries, 0u);
}

TEST_P(Conformance, AnAssignmentStartsWhereTheGroupStopped) {
  CONFORMANCE_NEEDS(world->Prefix());
  Five five(*world);
  ASSERT_TRUE(five.ok);
  for (size_t i : {0, 1}) EXPECT_TRUE(five.member->Finish(five.member->got[i]).ok());
  EXPECT_TRUE(world->Close(*five.member).ok());
  Member& next = world->Join("g", {"t"});
  ExpectGot(next, 3);
  EXPECT_EQ(next.assigned.at(0).start, five.member->got[2].delivery.sequence);
  EXPECT_EQ(next.got[0].delivery.sequence, five.member->got[2].delivery.sequence)
      << "a log's sequences are the same for all";
  EXPECT_EQ(next.got[0].delivery.offset, static_cast<int64_t>(next.got[0].delivery.sequence));
}

TEST_P(Conformance, LagGoesUpAndReturnsToZero) {
  CONFORMANCE_NEEDS(capabilities().lag);
  ASSERT_TRUE(world->Apply("t", 3, {"g", "h"}).ok());
  EXPECT_EQ(world->Lag("g", "t"), 0);
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int p = 0; p < 3; ++p) feeder.SendSeries(0, p, "m", 10 * (p + 1));
  ExpectConfirmed(feeder);
  EXPECT_EQ(world->Lag("g", "t"), 60);
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 60);
  EXPECT_EQ(world->Lag("g", "t"), 60) << "delivered is not settled";
  auto lags = world->bus().Lag(world->harness().Name("g"), world->harness().Name("t"));
  ASSERT_TRUE(lags.ok());
  ASSERT_EQ(lags->size(), 3u);
  for (const bus::PartitionLag& lag : *lags) {
    EXPECT_EQ(lag.topic, world->harness().Name("t"));
    EXPECT_EQ(lag.lag, 10 * (lag.partition + 1));
    EXPECT_EQ(lag.end - lag.settled, lag.lag);
  }
  for (const Got& got : member.got) {
    if (got.holding.partition.number == 1) {
      EXPECT_TRUE(member.Finish(got).ok());
    }
  }
  EXPECT_TRUE(world->RunUntil([&] { return world->Lag("g", "t") == 40; }));
  EXPECT_TRUE(member.FinishAll().ok());
  EXPECT_TRUE(world->RunUntil([&] { return world->Lag("g", "t") == 0; })) << world->Lag("g", "t");
  EXPECT_EQ(world->Lag("h", "t"), 60);
}

TEST_P(Conformance, NotesAreKeptForTheNextOwner) {
  CONFORMANCE_NEEDS(capabilities().notes);
  Five five(*world);
  ASSERT_TRUE(five.ok);
  Member& first = *five.member;
  const Holding holding = first.got[0].holding;
  EXPECT_EQ(first.AssignmentOf(holding).note, "");
  EXPECT_TRUE(first.Note(holding, "one").ok());
  EXPECT_TRUE(first.Note(holding, "poison=1;starts=2").ok());
  // A settlement without a note leaves the note alone.
  EXPECT_TRUE(first.Finish(first.got[0]).ok());
  ASSERT_TRUE(world->RunUntil([&] { return first.noted.size() == 2; }));
  world->RunQuiet();
  EXPECT_EQ(first.noted.size(), 2u) << "each note is answered once";
  for (const Member::Noted& noted : first.noted) {
    EXPECT_TRUE(noted.status.ok()) << noted.status;
    EXPECT_EQ(noted.holding, holding);
  }
  world->Kill(first);
  Member& second = world->Join("g", {"t"});
  ExpectGot(second, 4);
  EXPECT_EQ(second.assigned.at(0).note, "poison=1;starts=2");
  // An empty note takes the note away.
  EXPECT_TRUE(second.Note(second.got[0].holding, "").ok());
  EXPECT_TRUE(second.FinishAll().ok());
  EXPECT_TRUE(world->Close(second).ok());
  Member& third = JoinAndWait("g", {"t"}, 1);
  EXPECT_EQ(third.assigned.at(0).note, "");
}

// Notes of one holding are answered in order, also when it ends first.
TEST_P(Conformance, EveryNoteIsAnswered) {
  CONFORMANCE_NEEDS(capabilities().notes);
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Member& member = JoinAndWait("g", {"t"}, 2);
  const std::vector<Holding> holdings = member.consumer->holdings();
  for (int i = 0; i < 10; ++i) {
    for (const Holding& holding : holdings) EXPECT_TRUE(member.Note(holding, "note " + std::to_string(i)).ok());
  }
  EXPECT_TRUE(member.Release(holdings[0]).ok());
  ASSERT_TRUE(world->RunUntil([&] { return member.noted.size() == 20; })) << member.noted.size();
  world->RunQuiet();
  EXPECT_EQ(member.noted.size(), 20u);
  for (const Holding& holding : holdings) {
    EXPECT_EQ(
        std::count_if(member.noted.begin(), member.noted.end(), [&](const auto& n) { return n.holding == holding; }),
        10);
  }
  Member& next = world->Join("g", {"t"});
  EXPECT_TRUE(world->Close(member).ok());
  ASSERT_TRUE(world->RunUntil([&] { return next.consumer->held() == 2; }));
  for (const Holding& holding : next.consumer->holdings()) EXPECT_EQ(next.AssignmentOf(holding).note, "note 9");
}

// Settling, flow and release may be called from inside what Poll tells.
TEST_P(Conformance, AHandlerMayAnswerInsideItsCall) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& first = JoinAndWait("g", {"t"}, 2);
  first.finish_at_once = true;
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, "m", 500);
  ExpectConfirmed(feeder);
  ExpectGot(first, 1000);
  Member& second = JoinAndWait("g", {"t"}, 2);
  ASSERT_TRUE(world->RunUntil([&] { return second.consumer->held() == 1; }));
  world->RunQuiet();
  EXPECT_EQ(second.got.size(), 0u);
}

}  // namespace
}  // namespace millrace::conformance
