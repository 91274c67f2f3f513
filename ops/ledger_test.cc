#include "ops/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "bus/random.h"
#include "stages/lineage.h"

namespace millrace::ops {
namespace {

class LedgerTest : public testing::Test {
 protected:
  void Accept(std::string_view id) { EXPECT_TRUE(ledger_.Accept(id).ok()); }
  void Receipt(std::string_view root, std::string_view share = "", std::string_view id = "m",
               std::string_view digest = "") {
    Add(Fate::kReceipt, {root, share, id, digest});
  }
  void Dead(std::string_view root, std::string_view share = "") {
    Add(Fate::kDeadLetter, {.root = root, .share = share});
  }
  void OnBus(std::string_view root, std::string_view share = "") { Add(Fate::kOnBus, {.root = root, .share = share}); }
  void Destroyed(std::string_view root, std::string_view share = "") {
    Add(Fate::kDestroyed, {.root = root, .share = share});
  }
  void Add(Fate fate, const JobRecord& record) { EXPECT_TRUE(ledger_.Add(fate, record).ok()); }

  Balance Close() {
    const absl::StatusOr<Balance> balance = ledger_.Close();
    EXPECT_TRUE(balance.ok()) << balance.status();
    EXPECT_EQ(balance->accepted, balance->settled + balance->dead_lettered + balance->on_bus + balance->destroyed +
                                     balance->to_feed_again + balance->lost);
    return *balance;
  }

  Ledger ledger_{testing::TempDir()};
};

TEST_F(LedgerTest, AnEmptyLedgerBalances) {
  const Balance balance = Close();
  EXPECT_EQ(balance.accepted, 0u);
  EXPECT_TRUE(balance.Kept());
}

TEST_F(LedgerTest, EachJobIsInOneClass) {
  for (const char* id : {"settled", "dead", "bus", "destroyed", "lost"}) Accept(id);
  Receipt("settled");
  Dead("dead");
  OnBus("bus");
  Destroyed("destroyed");
  const Balance balance = Close();
  EXPECT_EQ(balance.accepted, 5u);
  EXPECT_EQ(balance.settled, 1u);
  EXPECT_EQ(balance.dead_lettered, 1u);
  EXPECT_EQ(balance.on_bus, 1u);
  EXPECT_EQ(balance.destroyed, 1u);
  EXPECT_EQ(balance.lost, 1u);
  EXPECT_EQ(balance.lost_examples, std::vector<std::string>{"lost"});
  EXPECT_EQ(balance.duplicates, 0u);
  EXPECT_FALSE(balance.Kept());
}

TEST_F(LedgerTest, AcceptedTwiceIsOneJob) {
  Accept("a");
  Accept("a");
  Receipt("a");
  const Balance balance = Close();
  EXPECT_EQ(balance.accepted, 1u);
  EXPECT_EQ(balance.duplicates, 0u);
  EXPECT_TRUE(balance.Kept());
}

TEST_F(LedgerTest, AJobThatFannedOutIsOverWhenAllItsPartsAre) {
  Accept("whole");
  Receipt("whole", ".1/2");
  Receipt("whole", ".2/2.1/2");
  Receipt("whole", ".2/2.2/2");
  Accept("part");
  Receipt("part", ".1/2");
  const Balance balance = Close();
  EXPECT_EQ(balance.settled, 1u);
  EXPECT_EQ(balance.lost, 1u);
  EXPECT_EQ(balance.duplicates, 0u);
}

TEST_F(LedgerTest, OneBadPartDecidesTheClassOfTheJob) {
  Accept("dead");
  Receipt("dead", ".1/2");
  Dead("dead", ".2/2");
  Accept("bus");
  Receipt("bus", ".1/3");
  Dead("bus", ".2/3");
  OnBus("bus", ".3/3");
  Accept("destroyed");
  OnBus("destroyed", ".1/2");
  Destroyed("destroyed", ".2/2");
  Accept("lost");
  Receipt("lost", ".1/3");
  OnBus("lost", ".3/3");
  const Balance balance = Close();
  EXPECT_EQ(balance.dead_lettered, 1u);
  EXPECT_EQ(balance.on_bus, 1u);
  EXPECT_EQ(balance.destroyed, 1u);
  EXPECT_EQ(balance.lost, 1u);
}

TEST_F(LedgerTest, WhatTheFeedHasNotComeToAgainIsNotLost) {
  for (const char* id : {"not yet", "ended", "fed again", "lost again"}) {
    ASSERT_TRUE(ledger_.AcceptedBefore(id).ok());
  }
  Receipt("ended");
  Accept("fed again");
  Receipt("fed again");
  Accept("lost again");
  const Balance balance = Close();
  EXPECT_EQ(balance.accepted, 4u);
  EXPECT_EQ(balance.settled, 2u);
  EXPECT_EQ(balance.to_feed_again, 1u);
  EXPECT_EQ(balance.lost, 1u);
  EXPECT_TRUE(balance.phantoms == 0 && balance.duplicates == 0);
}

TEST_F(LedgerTest, RepeatsAndOverlapsAreDuplicates) {
  Accept("repeat");
  Receipt("repeat");
  Receipt("repeat");
  Receipt("repeat");
  Accept("both");
  Receipt("both");
  Dead("both");
  Accept("inside");
  Receipt("inside", ".1/2");
  Receipt("inside", ".2/2");
  Receipt("inside", ".2/2.1/2");
  Accept("near");  // .1/2 and .1/25 are not one below the other
  Receipt("near", ".1/2");
  Receipt("near", ".2/2");
  const Balance balance = Close();
  EXPECT_EQ(balance.duplicates, 4u);
  EXPECT_EQ(balance.duplicate_examples.size(), 3u);
  EXPECT_EQ(balance.settled, 4u);
  EXPECT_TRUE(balance.Kept()) << "a duplicate breaks no promise by itself";
}

TEST_F(LedgerTest, WhatHasEndedAndIsStillOnTheBusComesAgain) {
  Accept("a");
  Receipt("a");
  OnBus("a");
  Accept("b");
  OnBus("b");
  Receipt("b", ".1/2");
  Receipt("b", ".2/2");
  Receipt("b", ".2/2");
  Accept("c");
  OnBus("c", ".1/2");
  Receipt("c", ".2/2");
  const Balance balance = Close();
  EXPECT_EQ(balance.duplicates, 1u);
  EXPECT_EQ(balance.redeliveries, 3u);
  EXPECT_EQ(balance.settled, 2u);
  EXPECT_EQ(balance.on_bus, 1u);
}

TEST_F(LedgerTest, OneMessageWithTwoContentsIsAConflict) {
  Accept("a");
  Receipt("a", "", "m", "1234");
  Receipt("a", "", "m", "5678");
  Accept("b");
  Receipt("b", "", "m", "1234");
  Receipt("b", "", "m", "1234");
  Receipt("b", "", "m", "");
  Accept("c");
  Receipt("c", ".1/2", "m", "1234");
  Receipt("c", ".2/2", "n", "5678");
  const Balance balance = Close();
  EXPECT_EQ(balance.conflicts, 1u);
  EXPECT_EQ(balance.conflict_examples, std::vector<std::string>{"a"});
  EXPECT_FALSE(balance.Kept());
}

TEST_F(LedgerTest, WhatNobodyAcceptedIsAPhantom) {
  Receipt("ghost");
  Dead("ghost2");
  Accept("a");
  Receipt("a");
  const Balance balance = Close();
  EXPECT_EQ(balance.phantoms, 2u);
  EXPECT_EQ(balance.phantom_examples.size(), 2u);
  EXPECT_EQ(balance.accepted, 1u);
}

TEST_F(LedgerTest, WhatIsOnTheBusAndNotYetAcceptedIsNoPhantom) {
  OnBus("a");
  EXPECT_EQ(Close().phantoms, 0u);
}

TEST_F(LedgerTest, TellsWhichJobsHaveEndedAcceptedOrNot) {
  Accept("settled");
  Receipt("settled");
  Dead("dead");
  OnBus("bus");
  Receipt("half", ".1/2");
  Accept("lost");
  std::vector<std::string> ended;
  ASSERT_TRUE(ledger_.Close([&](std::string_view root) { ended.emplace_back(root); }).ok());
  std::sort(ended.begin(), ended.end());
  EXPECT_EQ(ended, (std::vector<std::string>{"dead", "settled"}));
}

TEST_F(LedgerTest, IdsAreBytes) {
  const std::string nul("a\0b", 3), other("a\0c", 3);
  Accept(nul);
  Accept(other);
  Accept("");
  Accept("\xff\xfe");
  Receipt(nul);
  Receipt(other);
  Receipt("");
  Receipt("\xff\xfe");
  Receipt("x", std::string(100'000, '.'));  // a share from outside may be anything
  const Balance balance = Close();
  EXPECT_EQ(balance.settled, 4u);
  EXPECT_EQ(balance.phantoms, 1u);
}

// Sets drawn at random, judged by the definition; once in memory and once by way of the disk.
TEST(LedgerSetsTest, AgreesWithTheDefinitionOnDiskAsInMemory) {
  for (const size_t memory_bytes : {size_t{1} << 26, size_t{2000}}) {
    const Random random(11);
    Ledger ledger(testing::TempDir(), memory_bytes);
    std::map<std::string, uint64_t> expected;
    for (uint64_t i = 0; i < 3000; ++i) {
      const std::string id = "job:" + std::to_string(i);
      ASSERT_TRUE(ledger.Accept(id).ok());
      const size_t parts = 1 + random.Below(1, {i}, 3);
      uint64_t worst = 0;  // settled, dead-lettered, on the bus, destroyed, lost
      for (size_t part = 0; part < parts; ++part) {
        const uint64_t fate = random.Below(2, {i, part}, 5);
        worst = std::max(worst, fate);
        const std::string share = stages::ChildShare("", part, parts);
        if (fate == 4) continue;
        ASSERT_TRUE(ledger.Add(static_cast<Fate>(fate + 1), {.root = id, .share = share, .id = id}).ok());
      }
      const char* const classes[] = {"settled", "dead", "bus", "destroyed", "lost"};
      ++expected[classes[worst]];
    }
    const absl::StatusOr<Balance> balance = ledger.Close();
    ASSERT_TRUE(balance.ok());
    EXPECT_EQ(balance->accepted, 3000u);
    EXPECT_EQ(balance->settled, expected["settled"]);
    EXPECT_EQ(balance->dead_lettered, expected["dead"]);
    EXPECT_EQ(balance->on_bus, expected["bus"]);
    EXPECT_EQ(balance->destroyed, expected["destroyed"]);
    EXPECT_EQ(balance->lost, expected["lost"]);
    EXPECT_EQ(balance->duplicates, 0u);
    EXPECT_EQ(balance->phantoms, 0u);
  }
}

}  // namespace
}  // namespace millrace::ops
