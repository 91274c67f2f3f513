// Transactions: what a producer publishes and what a consumer settles become visible in one step, or never.
#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

using std::chrono::seconds;

// Runs until the transaction that was asked to end has ended, and gives its end.
absl::Status EndOf(World& world, Feeder& feeder) {
  const size_t before = feeder.ends.size();
  if (!world.RunUntil([&] { return feeder.ends.size() > before; })) return absl::UnknownError("no end was told");
  return feeder.ends.back();
}

TEST_P(Conformance, ATransactionIsSeenWholeAndSettlesItsInputs) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 2, {"h"}).ok());
  Feeder& feeder = world->OpenFeeder({"in"});
  feeder.SendSeries(0, 0, "m", 10);
  ExpectConfirmed(feeder);
  bus::ConsumerOptions options = world->Options("g", {"in"});
  options.transactional = true;
  Member& member = world->Join(options);
  ExpectGot(member, 10);
  const Holding holding = member.HoldingOf({0, 0});
  Member& reader = world->Join("h", {"out"});
  bus::TransactionOptions transaction = world->Transaction("tx", {"in"});
  transaction.timeout = seconds(600);
  Feeder& worker = world->OpenFeeder({"out"}, transaction);
  for (int i = 0; i < 10; ++i) worker.SendText(0, i % 2, "o" + std::to_string(i));
  ExpectConfirmed(worker);
  world->RunQuiet();
  EXPECT_EQ(reader.got.size(), 0u) << "seen before it was committed";
  EXPECT_EQ(world->Lag("g", "in"), 10);
  const auto offsets = member.Prepare(holding, "a note");
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  worker.producer->Commit(*offsets);
  ASSERT_TRUE(EndOf(*world, worker).ok()) << worker.ends.back();
  member.Committed(holding, "a note");
  ExpectGot(reader, 10);
  EXPECT_EQ(world->Lag("g", "in"), 0);
  // The next one begins behind it, and is given the note.
  EXPECT_TRUE(world->Close(member).ok());
  Member& next = world->Join("g", {"in"});
  ASSERT_TRUE(world->RunUntil([&] { return next.consumer->held() == 1; }));
  EXPECT_EQ(next.assigned.front().note, "a note");
  EXPECT_GE(static_cast<int64_t>(next.assigned.front().start), offsets->offsets.front().next);
  world->RunQuiet();
  EXPECT_EQ(next.got.size(), 0u);
  EXPECT_EQ(reader.got.size(), 10u);
}

TEST_P(Conformance, WhatIsAbortedIsNeverSeen) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 1, {"h"}).ok());
  Feeder& feeder = world->OpenFeeder({"in"});
  feeder.SendText(0, 0, "m");
  ExpectConfirmed(feeder);
  bus::ConsumerOptions options = world->Options("g", {"in"});
  options.transactional = true;
  Member& member = world->Join(options);
  ExpectGot(member, 1);
  const Holding holding = member.HoldingOf({0, 0});
  Member& reader = world->Join("h", {"out"});
  Feeder& worker = world->OpenFeeder({"out"}, world->Transaction("tx", {"in"}));
  for (int round = 0; round < 3; ++round) {
    worker.SendSeries(0, 0, "aborted", 5);
    ExpectConfirmed(worker);
    worker.producer->Abort();
    EXPECT_TRUE(EndOf(*world, worker).ok()) << worker.ends.back();
  }
  EXPECT_EQ(world->Lag("g", "in"), 1);
  worker.SendText(0, 0, "committed");
  ExpectConfirmed(worker);
  worker.producer->Commit(*member.Prepare(holding));
  ASSERT_TRUE(EndOf(*world, worker).ok()) << worker.ends.back();
  member.Committed(holding);
  ExpectGot(reader, 1);
  EXPECT_EQ(reader.got.front().text(), "committed");
  worker.producer->Abort();
  EXPECT_TRUE(EndOf(*world, worker).ok()) << "nothing was begun";
  world->RunQuiet();
  EXPECT_EQ(reader.got.size(), 1u);
  EXPECT_EQ(world->Lag("g", "in"), 0);
}

// Readers do not wait for its time-out.
TEST_P(Conformance, ClosingAbortsWhatIsOpen) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 1, {"h"}).ok());
  bus::TransactionOptions transaction = world->Transaction("tx", {"in"});
  transaction.timeout = seconds(600);
  Feeder& worker = world->OpenFeeder({"out"}, transaction);
  worker.SendText(0, 0, "left open");
  ExpectConfirmed(worker);
  EXPECT_TRUE(world->Close(worker).ok());
  Feeder& other = world->OpenFeeder({"out"});
  other.SendText(0, 0, "behind it");
  ExpectConfirmed(other);
  Member& reader = world->Join("h", {"out"});
  ExpectGot(reader, 1);
  EXPECT_EQ(reader.got.front().text(), "behind it");
}

TEST_P(Conformance, AnHeirEndsWhatADeadOneHasLeftOpen) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 1, {"h"}).ok());
  bus::TransactionOptions transaction = world->Transaction("tx", {"in"});
  transaction.timeout = seconds(600);
  Feeder& worker = world->OpenFeeder({"out"}, transaction);
  worker.SendText(0, 0, "left open");
  ExpectConfirmed(worker);
  world->Kill(worker);
  Feeder& other = world->OpenFeeder({"out"});
  other.SendText(0, 0, "behind it");
  ExpectConfirmed(other);
  Member& reader = world->Join("h", {"out"});
  world->RunQuiet();
  EXPECT_EQ(reader.got.size(), 0u) << "the first is not decided yet";
  Feeder& heir = world->OpenFeeder({"out"}, transaction);
  heir.SendText(0, 0, "the heir's");
  ExpectConfirmed(heir);
  ExpectGot(reader, 1);
  EXPECT_EQ(reader.got.front().text(), "behind it");
  heir.producer->Abort();
  EXPECT_TRUE(EndOf(*world, heir).ok()) << heir.ends.back();
}

TEST_P(Conformance, ATransactionThatTakesTooLongIsAborted) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 1, {"h"}).ok());
  Feeder& feeder = world->OpenFeeder({"in"});
  feeder.SendText(0, 0, "m");
  ExpectConfirmed(feeder);
  bus::ConsumerOptions options = world->Options("g", {"in"});
  options.transactional = true;
  Member& member = world->Join(options);
  ExpectGot(member, 1);
  const Holding holding = member.HoldingOf({0, 0});
  bus::TransactionOptions transaction = world->Transaction("tx", {"in"});
  transaction.timeout = seconds(2);
  Feeder& worker = world->OpenFeeder({"out"}, transaction);
  worker.SendText(0, 0, "too slow");
  ExpectConfirmed(worker);
  Feeder& other = world->OpenFeeder({"out"});
  other.SendText(0, 0, "behind it");
  ExpectConfirmed(other);
  Member& reader = world->Join("h", {"out"});
  ExpectGot(reader, 1);
  EXPECT_EQ(reader.got.front().text(), "behind it");
  worker.producer->Commit(*member.Prepare(holding));
  EXPECT_EQ(EndOf(*world, worker).code(), absl::StatusCode::kAborted) << worker.ends.back();
  EXPECT_EQ(world->Lag("g", "in"), 1);
  worker.SendText(0, 0, "again");
  ExpectConfirmed(worker);
  worker.producer->Commit(*member.Prepare(holding));
  ASSERT_TRUE(EndOf(*world, worker).ok()) << worker.ends.back();
  member.Committed(holding);
  ExpectGot(reader, 2);
  EXPECT_EQ(reader.got.back().text(), "again");
  EXPECT_EQ(world->Lag("g", "in"), 0);
}

// Publishes messages one after the other, a transaction each, and repeats what was not committed.
class Side {
 public:
  Side(std::string name, Feeder& feeder, Member& member, Holding holding)
      : name_(std::move(name)), feeder_(feeder), member_(member), holding_(holding) {}

  void Step() {
    if (ending_ && feeder_.ends.size() > ends_) {
      ends_ = feeder_.ends.size();
      (feeder_.ends.back().ok() && committing_ ? committed : aborted) += 1;
      sent_ = ending_ = false;
    }
    if (!sent_) {
      if (enough) return;
      feeder_.SendText(0, 0, name_ + std::to_string(committed));
      sent_ = true;
    }
    if (ending_ || !feeder_.AllAnswered()) return;
    ending_ = true;
    committing_ = feeder_.sent.back().answer->ok();
    if (!committing_) return feeder_.producer->Abort();
    // News for the broker, so that it can be seen what became of it.
    feeder_.producer->Commit(*member_.Prepare(holding_, name_ + std::to_string(ends_)));
  }
  bool enough = false;  // begins no further one
  bool idle() const { return enough && !sent_; }
  int committed = 0;
  int aborted = 0;

 private:
  const std::string name_;
  Feeder& feeder_;
  Member& member_;
  const Holding holding_;
  bool sent_ = false, ending_ = false, committing_ = false;
  size_t ends_ = 0;
};

TEST_P(Conformance, TwoProducersOfOneIdFenceEachOtherAndLoseNothing) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 2, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 1, {"h"}).ok());
  Feeder& feeder = world->OpenFeeder({"in"});
  for (int p = 0; p < 2; ++p) feeder.SendText(0, p, "m");
  ExpectConfirmed(feeder);
  bus::ConsumerOptions options = world->Options("g", {"in"});
  options.transactional = true;
  Member& member = world->Join(options);
  ExpectGot(member, 2);
  const bus::TransactionOptions transaction = world->Transaction("tx", {"in"});
  std::deque<Side> sides;
  sides.emplace_back("a", world->OpenFeeder({"out"}, transaction), member, member.HoldingOf({0, 0}));
  sides.emplace_back("b", world->OpenFeeder({"out"}, transaction), member, member.HoldingOf({0, 1}));
  // Who is fenced notices when it has something to do: on a slow machine that takes more messages than on a fast one.
  constexpr int kEach = 8;
  const auto done = [&] {
    for (Side& side : sides) side.Step();
    const bool noticed = sides[0].aborted + sides[1].aborted > 0;
    for (Side& side : sides) side.enough = side.enough || (noticed && side.committed >= kEach);
    return std::all_of(sides.begin(), sides.end(), [](const Side& side) { return side.idle(); });
  };
  EXPECT_TRUE(world->RunUntil(done, 3 * world->timing().limit))
      << sides[0].committed << " and " << sides[1].committed << " were committed, " << sides[0].aborted << " and "
      << sides[1].aborted << " aborted";
  Member& reader = world->Join("h", {"out"});
  const auto committed = static_cast<size_t>(sides[0].committed + sides[1].committed);
  EXPECT_TRUE(world->RunUntil([&] { return reader.got.size() >= committed; }));
  world->RunQuiet();
  std::map<std::string, int> seen;
  for (const std::string& text : reader.Texts()) ++seen[text];
  for (const auto& [text, times] : seen) EXPECT_EQ(times, 1) << text;
  for (const auto& [name, count] : {std::pair("a", sides[0].committed), std::pair("b", sides[1].committed)}) {
    for (int n = 0; n < count; ++n) EXPECT_EQ(seen.count(name + std::to_string(n)), 1u) << name << n;
  }
}

// Its consumer settles offsets without a record by its next message only, so that lag in offsets would never be 0.
TEST_P(Conformance, MarkersAndAbortedRecordsAreNoLag) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 1, {"f"}).ok());
  ASSERT_TRUE(world->Apply("mid", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 1, {"h"}).ok());
  Feeder& feeder = world->OpenFeeder({"in"});
  feeder.SendText(0, 0, "m");
  ExpectConfirmed(feeder);
  bus::ConsumerOptions options = world->Options("f", {"in"});
  options.transactional = true;
  Member& first = world->Join(options);
  ExpectGot(first, 1);
  Feeder& upstream = world->OpenFeeder({"mid"}, world->Transaction("up", {"in"}));
  upstream.SendSeries(0, 0, "m", 5);
  ExpectConfirmed(upstream);
  upstream.producer->Commit(*first.Prepare(first.HoldingOf({0, 0})));
  ASSERT_TRUE(EndOf(*world, upstream).ok()) << upstream.ends.back();
  first.Committed(first.HoldingOf({0, 0}));
  options = world->Options("g", {"mid"});
  options.transactional = true;
  Member& second = world->Join(options);
  ExpectGot(second, 5);
  const Holding holding = second.HoldingOf({0, 0});
  Feeder& downstream = world->OpenFeeder({"out"}, world->Transaction("down", {"mid"}));
  downstream.SendText(0, 0, "o");
  ExpectConfirmed(downstream);
  downstream.producer->Commit(*second.Prepare(holding));
  ASSERT_TRUE(EndOf(*world, downstream).ok()) << downstream.ends.back();
  second.Committed(holding);
  upstream.SendSeries(0, 0, "aborted", 3);
  ExpectConfirmed(upstream);
  upstream.producer->Abort();
  ASSERT_TRUE(EndOf(*world, upstream).ok()) << upstream.ends.back();
  world->RunQuiet();
  EXPECT_GT(world->OffsetsBehind("g", "mid"), 0) << "there is nothing to be taken for lag";
  EXPECT_TRUE(world->RunUntil([&] { return world->Lag("g", "mid") == 0; })) << world->Lag("g", "mid");
  // A record is lag, however often it is asked for.
  Feeder& plain = world->OpenFeeder({"mid"});
  plain.SendText(0, 0, "real");
  ExpectConfirmed(plain);
  EXPECT_TRUE(world->RunUntil([&] { return world->Lag("g", "mid") > 0; }));
  for (int i = 0; i < 5; ++i) {
    world->RunFor(world->timing().quiet / 10);
    EXPECT_GT(world->Lag("g", "mid"), 0);
  }
}

// What it had prepared is worth nothing any more: the broker refuses it.
TEST_P(Conformance, AMemberThatHasLeftSettlesNothing) {
  CONFORMANCE_NEEDS(capabilities().transactions);
  ASSERT_TRUE(world->Apply("in", 1, {"g"}).ok());
  ASSERT_TRUE(world->Apply("out", 1, {"h"}).ok());
  Feeder& feeder = world->OpenFeeder({"in"});
  feeder.SendSeries(0, 0, "m", 3);
  ExpectConfirmed(feeder);
  bus::ConsumerOptions options = world->Options("g", {"in"});
  options.transactional = true;
  Member& member = world->Join(options);
  ExpectGot(member, 3);
  const auto offsets = member.Prepare(member.HoldingOf({0, 0}));
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_TRUE(world->Close(member).ok());
  Feeder& worker = world->OpenFeeder({"out"}, world->Transaction("tx", {"in"}));
  worker.SendText(0, 0, "late");
  ExpectConfirmed(worker);
  worker.producer->Commit(*offsets);
  EXPECT_EQ(EndOf(*world, worker).code(), absl::StatusCode::kAborted) << worker.ends.back();
  Member& next = world->Join("g", {"in"});
  ExpectGot(next, 3);
  Member& reader = world->Join("h", {"out"});
  world->RunQuiet();
  EXPECT_EQ(reader.got.size(), 0u);
}

}  // namespace
}  // namespace millrace::conformance
