// The broker goes, comes back, or destroys something.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

bool Told(const Member& member, absl::StatusCode code) {
  return std::any_of(member.troubles.begin(), member.troubles.end(),
                     [&](const absl::Status& s) { return s.code() == code; });
}

std::set<std::string> Distinct(World& world) {
  std::set<std::string> texts;
  for (const auto& member : world.members()) {
    for (const Got& got : member->got) texts.insert(got.text());
  }
  return texts;
}

// What was not confirmed is published again under the same text until it is, as the worker does under the same id.
void Republish(Feeder& feeder, size_t& looked_at) {
  for (size_t n = feeder.sent.size(); looked_at < n; ++looked_at) {
    if (!feeder.sent[looked_at].answer.has_value()) return;
    if (feeder.sent[looked_at].answer->ok()) continue;
    const bus::Outgoing& again = feeder.sent[looked_at].outgoing;
    feeder.SendText(again.topic, again.partition, *feeder.sent[looked_at].message.body);
  }
}

// A restart when a third and when a half of the messages are through: each publish is answered once, what was confirmed
// is delivered, and after republishing what was not, everything is there.
TEST_P(Conformance, ABrokerRestartLosesNothingConfirmed) {
  CONFORMANCE_NEEDS(Has(Ability::kRestartBroker));
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.batch = 10;
  Member& member = world->Join("g", {"t"});
  member.finish_at_once = true;
  for (int i = 0; i < 600; ++i) feeder.SendText(0, i % 2, std::to_string(i));
  for (size_t part : {3, 2}) {
    ASSERT_TRUE(world->RunUntil([&] { return Distinct(*world).size() >= 600 / part; }));
    for (int i = 0; i < 20; ++i)
      feeder.SendText(0, i % 2, "in flight " + std::to_string(part) + "/" + std::to_string(i));
    world->harness().StopBroker();
    feeder.Offer();
    world->RunFor(world->timing().heartbeat_interval);
    world->harness().StartBroker();
  }
  size_t looked_at = 0;
  ASSERT_TRUE(world->RunUntil([&] {
    Republish(feeder, looked_at);
    return feeder.AllAnswered() && looked_at == feeder.sent.size();
  })) << feeder.answered
      << " of " << feeder.sent.size();
  EXPECT_TRUE(world->RunUntil([&] { return Distinct(*world).size() == 640; })) << Distinct(*world).size();
  EXPECT_TRUE(member.FinishAll().ok());
}

TEST_P(Conformance, UnsettledSurvivesARestart) {
  CONFORMANCE_NEEDS(Has(Ability::kRestartBroker));
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendSeries(0, 0, "m", 10);
  ExpectConfirmed(feeder);
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 10);
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(member.Finish(member.got[i]).ok());
  world->RunQuiet();
  const Holding before = member.got[0].holding;
  world->harness().StopBroker();
  world->RunFor(world->timing().heartbeat_interval);
  world->harness().StartBroker();
  feeder.SendText(0, 0, "after");
  ASSERT_TRUE(world->RunUntil([&] { return !member.got.empty() && member.got.back().text() == "after"; }));
  // Either the holding went through the restart, or it was lost and the rest came again under a new one.
  std::vector<std::string> texts = member.Texts();
  if (member.consumer->Holds(before)) {
    EXPECT_EQ(texts.size(), 11u);
  } else {
    ASSERT_EQ(texts.size(), 17u);
    for (size_t i = 0; i < 6; ++i) EXPECT_EQ(texts[10 + i], "m" + std::to_string(4 + i));
  }
  EXPECT_TRUE(member.FinishAll().ok());
}

// An outage is told as Unavailable, its end as OK, and consumer and producer go on by themselves.
TEST_P(Conformance, AnOutageIsToldAndItsEndToo) {
  CONFORMANCE_NEEDS(Has(Ability::kRestartBroker));
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& member = JoinAndWait("g", {"t"}, 2);
  member.finish_at_once = true;
  EXPECT_FALSE(Told(member, absl::StatusCode::kUnavailable));
  world->harness().StopBroker();
  EXPECT_TRUE(world->RunUntil([&] { return Told(member, absl::StatusCode::kUnavailable); }));
  world->RunFor(3 * world->timing().session_timeout);
  world->harness().StartBroker();
  EXPECT_TRUE(world->RunUntil([&] { return !member.troubles.empty() && member.troubles.back().ok(); }));
  ASSERT_TRUE(world->RunUntil([&] { return member.consumer->held() == 2; }));
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 20);
  size_t looked_at = 0;
  ASSERT_TRUE(world->RunUntil([&] {
    Republish(feeder, looked_at);
    return Distinct(*world).size() == 40;
  })) << Distinct(*world).size();
}

// A consumer that is opened while the broker is away, or closed then, neither blocks nor fails for good.
TEST_P(Conformance, OpeningAndClosingDuringAnOutageComeToAnEnd) {
  CONFORMANCE_NEEDS(Has(Ability::kRestartBroker));
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendSeries(0, 0, "m", 10);
  ExpectConfirmed(feeder);
  Member& early = world->Join("g", {"t"});
  ExpectGot(early, 10);
  world->harness().StopBroker();
  Signal signal;
  WakeFlag waker(signal);
  auto opened = world->bus().OpenConsumer(world->Options("g", {"t"}), waker);
  EXPECT_TRUE(opened.ok() || absl::IsUnavailable(opened.status())) << opened.status();
  opened = absl::UnknownError("gone");
  const absl::Status closed = early.consumer->Close(world->DeadlineIn(world->timing().heartbeat_interval));
  EXPECT_TRUE(closed.ok() || absl::IsDeadlineExceeded(closed) || absl::IsUnavailable(closed)) << closed;
  world->harness().StartBroker();
  Member& late = world->Join("g", {"t"});
  ExpectGot(late, 10);
}

// Messages that the broker destroys are announced, and what comes after them is delivered.
TEST_P(Conformance, DestructionIsAnnounced) {
  CONFORMANCE_NEEDS(Has(Ability::kDestroy));
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  bus::ConsumerOptions options = world->Options("g", {"t"});
  options.batch_max = 4;
  options.prefetch = 4;
  Member& member = world->Join(options);
  ASSERT_TRUE(world->RunUntil([&] { return member.consumer->held() == 2; }));
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, std::to_string(p) + "-", 8);
  ExpectConfirmed(feeder);
  ASSERT_TRUE(world->RunUntil([&] { return member.CountOf({0, 0}) >= 4 && member.CountOf({0, 1}) >= 4; }));
  for (const Holding& holding : member.consumer->holdings()) EXPECT_TRUE(member.consumer->Flow(holding, false).ok());
  feeder.SendSeries(0, 0, "doomed-", 50);
  ExpectConfirmed(feeder);
  EXPECT_FALSE(Told(member, absl::StatusCode::kDataLoss));
  world->harness().Destroy("t", 0);
  feeder.SendSeries(0, 0, "after-", 5);
  feeder.SendSeries(0, 1, "other-", 5);
  size_t looked_at = 0;
  member.finish_at_once = true;
  ASSERT_TRUE(world->RunUntil([&] {
    Republish(feeder, looked_at);
    for (const Holding& holding : member.consumer->holdings()) EXPECT_TRUE(member.consumer->Flow(holding, true).ok());
    EXPECT_TRUE(member.FinishAll().ok());
    const auto texts = Distinct(*world);
    return texts.count("after-4") == 1 && texts.count("other-4") == 1;
  })) << "it does not go on behind the hole";
  EXPECT_TRUE(world->RunUntil([&] { return Told(member, absl::StatusCode::kDataLoss); })) << "destroyed in silence";
  for (const absl::Status& trouble : member.troubles) {
    if (!absl::IsDataLoss(trouble)) continue;
    EXPECT_NE(std::string(trouble.message()).find(world->harness().Name("t")), std::string::npos)
        << "names the topic: " << trouble;
  }
  EXPECT_EQ(Distinct(*world).count("1-7"), 1u) << "the other partition is whole";
}

// What is destroyed while nobody consumes is announced to who comes next.
TEST_P(Conformance, DestructionBehindTheGroupsBackIsAnnounced) {
  CONFORMANCE_NEEDS(Has(Ability::kDestroy) && world->Prefix());
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.SendSeries(0, 0, "m", 20);
  ExpectConfirmed(feeder);
  Member& first = world->Join("g", {"t"});
  ExpectGot(first, 20);
  for (size_t i = 0; i < 5; ++i) EXPECT_TRUE(first.Finish(first.got[i]).ok());
  EXPECT_TRUE(world->Close(first).ok());
  world->harness().Destroy("t", 0);
  feeder.SendText(0, 0, "after");
  Member& next = world->Join("g", {"t"});
  ExpectGot(next, 1);
  EXPECT_EQ(next.Texts(), std::vector<std::string>{"after"});
  EXPECT_TRUE(world->RunUntil([&] { return Told(next, absl::StatusCode::kDataLoss); }));
  EXPECT_TRUE(next.FinishAll().ok());
  if (capabilities().lag) {
    EXPECT_TRUE(world->RunUntil([&] { return world->Lag("g", "t") == 0; }));
  }
}

// Numbers without a message behind them (markers, compaction) are nobody's loss, and lag still returns to 0.
TEST_P(Conformance, GapsInOffsetsAreNormal) {
  CONFORMANCE_NEEDS(Has(Ability::kGap));
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  Member& member = world->Join("g", {"t"});
  for (int i = 0; i < 5; ++i) {
    feeder.SendText(0, 0, "m" + std::to_string(i));
    ExpectConfirmed(feeder);
    world->harness().MakeGap("t", 0);
  }
  ExpectGot(member, 5);
  EXPECT_GT(member.got[4].delivery.sequence, member.got[0].delivery.sequence + 4) << "the harness made no gap";
  EXPECT_TRUE(member.Finish(member.got[1]).ok());
  EXPECT_TRUE(member.Finish(member.got[0]).ok());
  world->RunQuiet();
  world->Kill(member);
  Member& next = world->Join("g", {"t"});
  ExpectGot(next, 3);
  EXPECT_EQ(next.Texts(), (std::vector<std::string>{"m2", "m3", "m4"}));
  EXPECT_FALSE(Told(next, absl::StatusCode::kDataLoss));
  EXPECT_TRUE(next.FinishAll().ok());
  if (capabilities().lag) {
    EXPECT_TRUE(world->RunUntil([&] { return world->Lag("g", "t") == 0; }))
        << "a trailing gap is not lag: " << world->Lag("g", "t");
    EXPECT_TRUE(world->RunUntil([&] { return world->OffsetsBehind("g", "t") == 0; }))
        << "a trailing gap is settled: " << world->OffsetsBehind("g", "t") << " offsets are left";
  }
}

}  // namespace
}  // namespace millrace::conformance
