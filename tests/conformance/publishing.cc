// Every publish is answered exactly once, and OK means that it will be delivered. The front of the producer ends the
// test on a second answer.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

// Texts of what was confirmed.
std::set<std::string> Confirmed(const Feeder& feeder) {
  std::set<std::string> texts;
  for (const Feeder::Sent& sent : feeder.sent) {
    if (sent.answer.has_value() && sent.answer->ok()) texts.insert(*sent.message.body);
  }
  return texts;
}

TEST_P(Conformance, ClosingWithTenThousandInFlightAnswersEachOnce) {
  ASSERT_TRUE(world->Apply("t", 4, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int i = 0; i < 10'000; ++i) feeder.SendText(0, i % 4, "m" + std::to_string(i));
  // Hands over what is taken without ever polling for answers, but for the room that back-pressure asks for.
  ASSERT_TRUE(world->RunUntil([&] {
    feeder.Offer();
    return feeder.taken == feeder.sent.size();
  }));
  EXPECT_TRUE(world->Close(feeder).ok());
  EXPECT_EQ(feeder.answered, 10'000u);
  EXPECT_EQ(feeder.CountOf(absl::StatusCode::kOk), 10'000u);
  Member& member = world->Join("g", {"t"});
  member.finish_at_once = true;
  ExpectGot(member, 10'000);
}

TEST_P(Conformance, AProducerThatIsKilledLosesNothingConfirmed) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendSeries(0, 0, "m", 500);
  ASSERT_TRUE(world->RunUntil([&] { return feeder.answered >= 100; }));
  const std::set<std::string> confirmed = Confirmed(feeder);
  world->Kill(feeder);
  Member& member = world->Join("g", {"t"});
  member.finish_at_once = true;
  EXPECT_TRUE(world->RunUntil([&] { return member.got.size() >= confirmed.size(); }));
  world->RunQuiet();
  const std::vector<std::string> texts = member.Texts();
  const std::set<std::string> got(texts.begin(), texts.end());
  EXPECT_TRUE(std::includes(got.begin(), got.end(), confirmed.begin(), confirmed.end()));
  EXPECT_EQ(got.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], "m" + std::to_string(i)) << "a prefix, in order";
}

TEST_P(Conformance, TwoProducersKeepTheirOwnOrder) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& a = world->OpenFeeder({"t"});
  Feeder& b = world->OpenFeeder({"t"});
  a.batch = 3;
  b.batch = 5;
  Member& member = world->Join("g", {"t"});
  member.finish_at_once = true;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i) {
      a.SendText(0, 0, "a" + std::to_string(round * 10 + i));
      b.SendText(0, 0, "b" + std::to_string(round * 10 + i));
    }
    world->Pump();
  }
  ExpectConfirmed(a);
  ExpectConfirmed(b);
  ExpectGot(member, 400);
  int next[2] = {0, 0};
  for (const Got& got : member.got) {
    EXPECT_EQ(got.text().substr(1), std::to_string(next[got.text()[0] - 'a']++)) << got.text();
  }
}

// What can never be delivered is answered so, and the rest goes on.
TEST_P(Conformance, APlaceThatIsNotThereIsRefusedForGood) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendText(0, 0, "good");
  feeder.SendText(0, 2, "no such partition");
  feeder.SendText(0, -1, "no such partition");
  feeder.SendText(1, 0, "no such topic");
  feeder.SendText(-1, 0, "no such topic");
  feeder.SendText(0, 1, "good too");
  ASSERT_TRUE(world->RunUntil([&] { return feeder.AllAnswered(); }));
  for (const Feeder::Sent& sent : feeder.sent) {
    const absl::StatusCode code = sent.answer->code();
    if ((*sent.message.body)[0] == 'g') {
      EXPECT_EQ(code, absl::StatusCode::kOk);
    } else {
      EXPECT_TRUE(code == absl::StatusCode::kInvalidArgument || code == absl::StatusCode::kFailedPrecondition)
          << *sent.answer;
    }
  }
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 2);
}

// A bounded topic takes no more than its bound; what waits goes on when the consumer settles, without anyone asking
// again and again.
TEST_P(Conformance, AFullBacklogHoldsPublishersBack) {
  CONFORMANCE_NEEDS(Has(Ability::kBacklogBound));
  constexpr size_t kBound = 64 << 10;
  ASSERT_TRUE(world->Apply({.name = "t", .partitions = 2, .groups = {"g", "h"}, .backlog_bytes_max = kBound}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int i = 0; i < 1000; ++i) {
    std::string text = std::to_string(i);
    text.resize(1024, '.');
    feeder.SendText(0, i % 2, text);
  }
  world->RunQuiet();
  EXPECT_LT(feeder.taken, 300u) << "far more than the bound was taken";
  EXPECT_GE(feeder.CountOf(absl::StatusCode::kOk), 16u) << "well below the bound something is taken";
  EXPECT_EQ(feeder.answered, feeder.CountOf(absl::StatusCode::kOk)) << "back-pressure is not a failure";
  const size_t before = feeder.taken;
  // One group alone makes no room.
  Member& g = world->Join("g", {"t"});
  g.finish_at_once = true;
  world->RunQuiet();
  EXPECT_LT(feeder.taken, 300u);
  Member& h = world->Join("h", {"t"});
  h.finish_at_once = true;
  ASSERT_TRUE(world->RunUntil([&] { return feeder.AllAnswered(); }))
      << feeder.answered << " answered, " << feeder.taken << " taken";
  EXPECT_GT(feeder.taken, before);
  EXPECT_GE(feeder.writable_calls, 1u);
  EXPECT_EQ(feeder.CountOf(absl::StatusCode::kOk), 1000u);
  EXPECT_TRUE(world->RunUntil([&] { return g.got.size() == 1000 && h.got.size() == 1000; }))
      << g.got.size() << " " << h.got.size();
  for (Member* member : {&g, &h}) {
    int next[2] = {0, 1};
    for (const Got& got : member->got) {
      EXPECT_EQ(std::stoi(got.text()), next[got.holding.partition.number]);
      next[got.holding.partition.number] += 2;
    }
  }
}

// A dead group member makes room too, once its successor settles.
TEST_P(Conformance, RoomIsMadeByWhoeverSettles) {
  CONFORMANCE_NEEDS(Has(Ability::kBacklogBound));
  ASSERT_TRUE(world->Apply({.name = "t", .partitions = 1, .groups = {"g"}, .backlog_bytes_max = 32 << 10}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int i = 0; i < 200; ++i) feeder.SendText(0, 0, std::to_string(i) + std::string(1000, '.'));
  Member& victim = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return victim.got.size() >= 10; }));
  world->Kill(victim);
  world->Join("g", {"t"}).finish_at_once = true;
  EXPECT_TRUE(world->RunUntil([&] { return feeder.CountOf(absl::StatusCode::kOk) == 200; })) << feeder.answered;
}

TEST_P(Conformance, ARefusedPublishIsToldAndNotDelivered) {
  CONFORMANCE_NEEDS(Has(Ability::kRefusePublish));
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendText(0, 0, "before");
  ExpectConfirmed(feeder);
  world->harness().RefusePublishes("t", 0, 3);
  feeder.batch = 1;
  for (int i = 0; i < 10; ++i) feeder.SendText(0, i % 2, "m" + std::to_string(i));
  ASSERT_TRUE(world->RunUntil([&] { return feeder.AllAnswered(); }));
  const std::set<std::string> confirmed = Confirmed(feeder);
  // Where publishing is gapless, what follows on the partition fails too.
  if (capabilities().gapless_publish) {
    EXPECT_LE(confirmed.size(), 8u);
  } else {
    EXPECT_EQ(confirmed.size(), 8u);
  }
  for (const Feeder::Sent& sent : feeder.sent) {
    const absl::StatusCode code = sent.answer->code();
    EXPECT_TRUE(sent.answer->ok() || code == absl::StatusCode::kUnavailable ||
                code == absl::StatusCode::kResourceExhausted || code == absl::StatusCode::kAborted)
        << "a refusal may be tried again: " << *sent.answer;
  }
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, confirmed.size());
  world->RunQuiet();
  const std::vector<std::string> texts = member.Texts();
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()), confirmed);
}

// With gapless publishing, what follows a refused message on its partition is refused with it, so that a retry of all
// keeps the order.
TEST_P(Conformance, AFailureTakesItsSuccessorsWithIt) {
  CONFORMANCE_NEEDS(capabilities().gapless_publish && Has(Ability::kRefusePublish));
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  world->harness().RefusePublishes("t", 0, 1);
  feeder.SendSeries(0, 0, "m", 40);
  ASSERT_TRUE(world->RunUntil([&] { return feeder.AllAnswered(); }));
  const std::set<std::string> confirmed = Confirmed(feeder);
  bool failed = false;
  for (const Feeder::Sent& sent : feeder.sent) {
    failed = failed || !sent.answer->ok();
    EXPECT_EQ(sent.answer->ok(), !failed) << *sent.message.body << " follows a failure";
  }
  EXPECT_TRUE(failed);
  // Published again in order, everything is there in order.
  for (size_t i = 0, n = feeder.sent.size(); i < n; ++i) {
    if (!feeder.sent[i].answer->ok()) feeder.SendText(0, 0, *feeder.sent[i].message.body);
  }
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 40);
  for (size_t i = 0; i < member.got.size(); ++i) EXPECT_EQ(member.got[i].text(), "m" + std::to_string(i));
}

TEST_P(Conformance, ABlockedBrokerHonoursTheDeadlineOfClose) {
  CONFORMANCE_NEEDS(Has(Ability::kBlockPublishing));
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendText(0, 0, "before");
  ExpectConfirmed(feeder);
  world->harness().BlockPublishing(true);
  feeder.SendSeries(0, 0, "m", 50);
  world->RunQuiet();
  const size_t passed = feeder.CountOf(absl::StatusCode::kOk);
  EXPECT_EQ(feeder.answered, passed) << "a publish does not expire by itself";
  EXPECT_LT(passed, 10u) << "not blocked";
  const absl::Status closed = feeder.producer->Close(feeder, world->DeadlineIn(world->timing().heartbeat_interval));
  EXPECT_TRUE(absl::IsDeadlineExceeded(closed)) << closed;
  EXPECT_EQ(feeder.answered, feeder.taken);
  EXPECT_EQ(feeder.CountOf(absl::StatusCode::kDeadlineExceeded), feeder.taken - passed);
  world->harness().BlockPublishing(false);
  // The outcome is unknown: any prefix of them may have got through.
  Member& member = world->Join("g", {"t"});
  ASSERT_TRUE(world->RunUntil([&] { return !member.got.empty(); }));
  world->RunQuiet();
  EXPECT_EQ(member.got[0].text(), "before");
  for (size_t i = 1; i < member.got.size(); ++i) EXPECT_EQ(member.got[i].text(), "m" + std::to_string(i - 1));
}

TEST_P(Conformance, WhatWasBlockedGoesOn) {
  CONFORMANCE_NEEDS(Has(Ability::kBlockPublishing));
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& member = JoinAndWait("g", {"t"}, 1);
  feeder.SendSeries(0, 0, "before", 20);
  ExpectConfirmed(feeder);
  ExpectGot(member, 20);
  world->harness().BlockPublishing(true);
  feeder.SendSeries(0, 0, "m", 300);
  // Consuming and settling go on meanwhile, and the group stays together.
  EXPECT_TRUE(member.FinishAll().ok());
  world->RunFor(2 * world->timing().session_timeout);
  EXPECT_EQ(feeder.answered, feeder.CountOf(absl::StatusCode::kOk)) << "a publish does not expire by itself";
  EXPECT_LT(feeder.answered, 30u) << "not blocked";
  EXPECT_TRUE(member.lost.empty());
  world->harness().BlockPublishing(false);
  ExpectConfirmed(feeder);
  ExpectGot(member, 320);
}

}  // namespace
}  // namespace millrace::conformance
