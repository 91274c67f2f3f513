#include "bus/consumer.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/capabilities.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

// Says what the test tells it to, and writes down what reaches it.
struct Script {
  std::vector<std::function<void(ConsumerHandler&)>> events;  // told at the next Poll
  std::vector<std::string> calls;
  absl::Status close;

  void Assign(std::vector<Assignment> a) {
    events.push_back([a](ConsumerHandler& h) { h.OnAssigned(a); });
  }
  void Revoke(std::vector<Holding> a) {
    events.push_back([a](ConsumerHandler& h) { h.OnRevoking(a, MonotonicTime{100}); });
  }
  void Lose(std::vector<Holding> a) {
    events.push_back([a](ConsumerHandler& h) { h.OnLost(a); });
  }
  void Deliver(Holding holding, std::vector<uint64_t> sequences) {
    events.push_back([=](ConsumerHandler& h) {
      std::vector<Delivery> deliveries;
      for (uint64_t s : sequences) deliveries.push_back({.sequence = s, .message = {}});
      h.OnDelivered({.holding = holding, .deliveries = deliveries, .segment = {}});
    });
  }
  void Note(Holding holding) {
    events.push_back([=](ConsumerHandler& h) { h.OnNoted(holding, absl::OkStatus()); });
  }
};

std::string Show(Holding h) {
  return std::to_string(h.partition.topic) + "/" + std::to_string(h.partition.number) + "@" + std::to_string(h.epoch);
}

class FakeDriver final : public ConsumerDriver {
 public:
  explicit FakeDriver(Script& script) : script_(script) {}
  void Poll(ConsumerHandler& handler) override {
    auto events = std::exchange(script_.events, {});
    for (auto& event : events) event(handler);
  }
  MonotonicTime NextTimer() const override { return {7}; }
  void Settle(const struct Settle& settle) override {
    std::string call = "settle " + Show(settle.holding);
    for (SettleRange r : settle.ranges) call += " " + std::to_string(r.first) + "-" + std::to_string(r.last);
    call += " next " + std::to_string(settle.next);
    if (settle.has_note) call += " note " + std::string(settle.note);
    if (settle.committed) call += " committed";
    script_.calls.push_back(call);
  }
  void Flow(Holding h, bool on) override { script_.calls.push_back((on ? "on " : "off ") + Show(h)); }
  void Release(Holding h) override { script_.calls.push_back("release " + Show(h)); }
  TransactionOffsets Prepare(std::span<const struct Settle> settles) override {
    script_.calls.push_back("prepare " + std::to_string(settles.size()));
    return {.group = "g", .member = "", .static_id = "", .offsets = {}};
  }
  absl::Status Close(MonotonicTime deadline) override {
    script_.calls.push_back("close " + std::to_string(deadline.ns));
    return script_.close;
  }

 private:
  Script& script_;
};

struct Ignore final : ConsumerHandler {
  void OnAssigned(std::span<const Assignment> a) override { assigned += a.size(); }
  void OnRevoking(std::span<const Holding> h, MonotonicTime) override { revoking += h.size(); }
  void OnLost(std::span<const Holding> h) override { lost += h.size(); }
  void OnDelivered(const DeliveryBatch& b) override { delivered += b.deliveries.size(); }
  void OnNoted(Holding, const absl::Status&) override { ++noted; }
  void OnTrouble(const absl::Status&) override { ++trouble; }
  size_t assigned = 0, revoking = 0, lost = 0, delivered = 0, noted = 0, trouble = 0;
};

Capabilities Kind(Settlement settlement) {
  return {.backend = "fake", .settlement = settlement, .notes = settlement == Settlement::kPrefix, .crash_model = ""};
}

constexpr Holding kA{{0, 0}, 1}, kB{{0, 1}, 1};

class ConsumerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Consumer> Make(Settlement settlement) {
    return std::make_unique<Consumer>(std::make_unique<FakeDriver>(script), Kind(settlement));
  }
  absl::Status Settle(Consumer& consumer, Holding holding, std::vector<SettleRange> ranges, uint64_t next) {
    return consumer.Settle({.holding = holding, .ranges = ranges, .next = next, .note = {}});
  }
  Script script;
  Ignore handler;
};

TEST_F(ConsumerTest, ForwardsEventsAndTracksHoldings) {
  auto consumer = Make(Settlement::kPrefix);
  script.Assign({{kA, 10, ""}, {kB, 0, ""}});
  script.Deliver(kA, {10, 11, 15});
  consumer->Poll(handler);
  EXPECT_EQ(handler.assigned, 2u);
  EXPECT_EQ(handler.delivered, 3u);
  EXPECT_EQ(consumer->holdings(), (std::vector<Holding>{kA, kB}));
  EXPECT_TRUE(consumer->Holds(kB));
  EXPECT_FALSE(consumer->Holds({{0, 1}, 2}));
  EXPECT_EQ(consumer->NextTimer().ns, 7);
  script.Revoke({kA});
  script.Lose({kB});
  script.events.push_back([](ConsumerHandler& h) { h.OnTrouble(absl::UnavailableError("down")); });
  consumer->Poll(handler);
  EXPECT_EQ(handler.revoking, 1u);
  EXPECT_EQ(handler.lost, 1u);
  EXPECT_EQ(handler.trouble, 1u);
  EXPECT_EQ(consumer->holdings(), std::vector<Holding>{kA});
}

TEST_F(ConsumerTest, WhatATransactionSettlesIsCheckedAsAnySettlement) {
  auto consumer = Make(Settlement::kPrefix);
  script.Assign({{kA, 0, ""}, {kB, 0, ""}});
  script.Deliver(kA, {0, 1});
  consumer->Poll(handler);
  const SettleRange range{0, 1};
  struct Settle settles[] = {{.holding = kA, .ranges = {&range, 1}, .next = 2, .has_note = true, .note = "n"},
                             {.holding = kB, .ranges = {}, .next = 0, .note = {}}};
  EXPECT_TRUE(consumer->Prepare(settles).ok());
  settles[0].committed = true;
  EXPECT_TRUE(consumer->Settle(settles[0]).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(consumer->Prepare({settles, 1}).status())) << "settled already";
  script.Lose({kB});
  consumer->Poll(handler);
  EXPECT_TRUE(absl::IsAborted(consumer->Prepare({settles + 1, 1}).status()));
  EXPECT_EQ(script.calls, (std::vector<std::string>{"prepare 2", "settle 0/0@1 0-1 next 2 note n committed"}));
}

TEST_F(ConsumerTest, StaleEpochsNeverReachTheDriver) {
  auto consumer = Make(Settlement::kPrefix);
  EXPECT_TRUE(absl::IsAborted(Settle(*consumer, kA, {}, 0)));
  script.Assign({{kA, 0, ""}});
  script.Deliver(kA, {0, 1});
  consumer->Poll(handler);
  script.Lose({kA});
  script.Assign({{{kA.partition, 2}, 0, ""}});
  script.Deliver({kA.partition, 2}, {0, 1});
  consumer->Poll(handler);
  absl::Status late = Settle(*consumer, kA, {{0, 1}}, 2);
  EXPECT_TRUE(absl::IsAborted(late)) << late;
  EXPECT_TRUE(absl::IsAborted(consumer->Flow(kA, false)));
  EXPECT_TRUE(absl::IsAborted(consumer->Release(kA)));
  EXPECT_EQ(script.calls, std::vector<std::string>{});
  EXPECT_TRUE(Settle(*consumer, {kA.partition, 2}, {{0, 1}}, 2).ok());
  EXPECT_EQ(script.calls, std::vector<std::string>{"settle 0/0@2 0-1 next 2"});
}

TEST_F(ConsumerTest, PrefixRangesAreChecked) {
  auto consumer = Make(Settlement::kPrefix);
  script.Assign({{kA, 10, ""}});
  script.Deliver(kA, {10, 12, 15});
  consumer->Poll(handler);
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{10, 10}, {12, 12}}, 13)));  // several
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{10, 16}}, 17)));            // never delivered
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{12, 10}}, 13)));            // backwards
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{10, 12}}, 12)));            // next inside
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {}, 9)));                     // behind the start
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {}, 17)));                    // beyond the end
  EXPECT_TRUE(script.calls.empty());
  EXPECT_TRUE(Settle(*consumer, kA, {{10, 10}}, 12).ok());                      // 12 is in flight
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{10, 10}}, 12)));  // twice
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {}, 11)));          // a commit never goes back
  EXPECT_TRUE(Settle(*consumer, kA, {{12, 15}}, 16).ok());
  EXPECT_EQ(script.calls, (std::vector<std::string>{"settle 0/0@1 10-10 next 12", "settle 0/0@1 12-15 next 16"}));
}

TEST_F(ConsumerTest, IndividualRangesAreChecked) {
  auto consumer = Make(Settlement::kIndividual);
  script.Assign({{kA, 0, ""}});
  script.Deliver(kA, {1, 2, 3, 4, 5});
  consumer->Poll(handler);
  EXPECT_TRUE(Settle(*consumer, kA, {{1, 2}, {4, 4}}, 0).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{4, 4}}, 0)));          // twice
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{3, 5}}, 0)));          // over a settled one
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{5, 5}, {3, 3}}, 0)));  // not ascending
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{3, 3}, {6, 6}}, 0)));  // all or nothing
  EXPECT_TRUE(absl::IsInvalidArgument(Settle(*consumer, kA, {{3, 3}, {3, 3}}, 0)));  // overlapping
  EXPECT_TRUE(Settle(*consumer, kA, {{3, 3}, {5, 5}}, 0).ok());
  EXPECT_EQ(script.calls, (std::vector<std::string>{"settle 0/0@1 1-2 4-4 next 0", "settle 0/0@1 3-3 5-5 next 0"}));
  EXPECT_TRUE(absl::IsInvalidArgument(
      consumer->Settle({.holding = kA, .ranges = {}, .next = 0, .has_note = true, .note = "n"})));
}

TEST_F(ConsumerTest, ARevokedHoldingSettlesUntilItIsReleased) {
  auto consumer = Make(Settlement::kPrefix);
  script.Assign({{kA, 0, ""}});
  script.Deliver(kA, {0, 1});
  script.Revoke({kA});
  consumer->Poll(handler);
  EXPECT_TRUE(Settle(*consumer, kA, {{0, 0}}, 1).ok());
  EXPECT_TRUE(consumer->Release(kA).ok());
  EXPECT_TRUE(absl::IsAborted(Settle(*consumer, kA, {{1, 1}}, 2)));
  EXPECT_TRUE(absl::IsAborted(consumer->Release(kA)));
  EXPECT_EQ(script.calls, (std::vector<std::string>{"settle 0/0@1 0-0 next 1", "release 0/0@1"}));
}

TEST_F(ConsumerTest, SettlingInsideAHandlersCallWorks) {
  auto consumer = Make(Settlement::kPrefix);
  script.Assign({{kA, 0, ""}, {kB, 0, ""}});
  script.Deliver(kA, {0, 1});
  script.Revoke({kB});
  script.Deliver(kA, {2});
  script.events.push_back([](ConsumerHandler& h) { h.OnTrouble(absl::UnavailableError("down")); });
  size_t seen = 0;
  absl::Status trouble = consumer->PollEach([&](const DeliveryBatch& batch) {
    seen += batch.deliveries.size();
    EXPECT_TRUE(consumer->SettleAll(batch).ok());
  });
  EXPECT_TRUE(absl::IsUnavailable(trouble));
  EXPECT_EQ(seen, 3u);
  EXPECT_EQ(script.calls,
            (std::vector<std::string>{"settle 0/0@1 0-1 next 2", "settle 0/0@1 2-2 next 3", "release 0/1@1"}));
  EXPECT_EQ(consumer->holdings(), std::vector<Holding>{kA});
}

TEST_F(ConsumerTest, NotesAreAnsweredOnceEachAlsoAfterTheHoldingIsOver) {
  auto consumer = Make(Settlement::kPrefix);
  script.Assign({{kA, 3, "before"}});
  consumer->Poll(handler);
  const struct Settle note { .holding = kA, .ranges = {}, .next = 3, .has_note = true, .note = "poison" };
  EXPECT_TRUE(consumer->Settle(note).ok());
  EXPECT_TRUE(consumer->Settle(note).ok());
  EXPECT_TRUE(consumer->Release(kA).ok());
  EXPECT_EQ(script.calls[0], "settle 0/0@1 next 3 note poison");
  script.Note(kA);
  script.Note(kA);
  consumer->Poll(handler);
  EXPECT_EQ(handler.noted, 2u);
  script.Note(kA);
  EXPECT_DEATH(consumer->Poll(handler), "not asked, or twice");
}

TEST_F(ConsumerTest, CloseEndsEveryHolding) {
  auto consumer = Make(Settlement::kPrefix);
  script.Assign({{kA, 0, ""}});
  script.Deliver(kA, {0});
  consumer->Poll(handler);
  script.close = absl::DeadlineExceededError("a commit is open");
  EXPECT_TRUE(absl::IsDeadlineExceeded(consumer->Close({50})));
  EXPECT_TRUE(absl::IsDeadlineExceeded(consumer->Close({60})));
  EXPECT_TRUE(absl::IsAborted(Settle(*consumer, kA, {{0, 0}}, 1)));
  script.Assign({{kB, 0, ""}});
  consumer->Poll(handler);
  EXPECT_EQ(consumer->held(), 0u);
  EXPECT_EQ(consumer->NextTimer(), MonotonicTime::Infinite());
  EXPECT_EQ(script.calls, std::vector<std::string>{"close 50"});
}

using ConsumerDeathTest = ConsumerTest;

TEST_F(ConsumerDeathTest, ADriverThatBreaksTheContractIsStopped) {
  const struct {
    std::string expected;
    std::function<void(Script&)> breach;
  } cases[] = {
      {"was assigned after epoch",
       [](Script& s) {
         s.Assign({{{{0, 5}, 1}, 0, ""}});
       }},
      {"was assigned while held",
       [](Script& s) {
         s.Assign({{{{0, 0}, 2}, 0, ""}});
       }},
      {"which is not held",
       [](Script& s) {
         s.Deliver({{0, 0}, 2}, {10});
       }},
      {"which is not held",
       [](Script& s) {
         s.Revoke({{{0, 9}, 1}});
       }},
      {"which is not held",
       [](Script& s) {
         s.Lose({kA, kA});
       }},
      {"twice", [](Script& s) { s.Revoke({kA}), s.Revoke({kA}); }},
      {"empty batch", [](Script& s) { s.Deliver(kA, {}); }},
      {"after 10 was next", [](Script& s) { s.Deliver(kA, {9}); }},
      {"after 11 was next", [](Script& s) { s.Deliver(kA, {10}), s.Deliver(kA, {10}); }},
      {"do not ascend",
       [](Script& s) {
         s.Deliver(kA, {10, 12, 12, 13});
       }},
      {"takes it away", [](Script& s) { s.Revoke({kA}), s.Deliver(kA, {10}); }},
      {"not asked, or twice", [](Script& s) { s.Note(kA); }},
  };
  for (const auto& c : cases) {
    script = {};
    auto consumer = Make(Settlement::kPrefix);
    script.Assign({{kA, 10, ""}, {kB, 0, ""}});
    consumer->Poll(handler);
    c.breach(script);
    EXPECT_DEATH(consumer->Poll(handler), c.expected);
  }
}

TEST_F(ConsumerDeathTest, NothingIsDeliveredAfterRelease) {
  auto consumer = Make(Settlement::kIndividual);
  script.Assign({{kA, 0, ""}});
  consumer->Poll(handler);
  EXPECT_TRUE(consumer->Release(kA).ok());
  script.Deliver(kA, {1});
  EXPECT_DEATH(consumer->Poll(handler), "which is not held");
}

// Many holdings, so that looking one up by its epoch is exercised in every order.
TEST_F(ConsumerTest, FindsEachOfManyHoldings) {
  auto consumer = Make(Settlement::kIndividual);
  std::vector<Holding> all;
  for (Epoch epoch = 1; epoch <= 50; ++epoch) {
    std::vector<Assignment> some;
    for (int32_t topic = 3; topic-- > 0;) some.push_back({{{topic, static_cast<int32_t>(epoch)}, epoch}, 0, ""});
    for (const Assignment& a : some) all.push_back(a.holding);
    script.Assign(some);
  }
  consumer->Poll(handler);
  for (size_t i = 0; i < all.size(); i += 2) EXPECT_TRUE(consumer->Release(all[i]).ok());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(consumer->Holds(all[i]), i % 2 == 1) << i;
  EXPECT_EQ(consumer->held(), all.size() / 2);
}

}  // namespace
}  // namespace millrace::bus
