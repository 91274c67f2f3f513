#include "sim/ledger.h"

#include <gtest/gtest.h>

#include "sim/testing/history_builder.h"

namespace millrace::sim {
namespace {

using Jobs = std::vector<uint32_t>;

HistoryBuilder Pipeline() {
  HistoryBuilder b;
  b.Topic("raw").Topic("clean").Topic("dead").DeadLetters();
  b.Stage("parse", "raw", {"clean"}, "dead").Stage("store", "clean", {}, "dead").Sink();
  return b;
}

TEST(Ledger, EachJobIsInOneSet) {
  HistoryBuilder b = Pipeline();
  const uint32_t stored = b.Job("stored", "raw"), dead = b.Job("dead", "raw"), lost = b.Job("lost", "raw"),
                 gone = b.Job("gone", "raw"), open = b.Job("open", "raw"), refused = b.Job("refused", "raw");
  for (uint32_t job : {stored, dead, lost, gone, open}) b.Feed(job);
  b.Submit(refused).Assign(0, "parse").Assign(0, "store");
  const uint32_t out = b.Derive(b.Input(stored), "parse", "clean"), letter = b.DeadLetter(b.Input(dead), "parse");
  b.Work(0, "parse", b.Input(stored), {out}).Work(0, "store", out);
  b.Die(0, "parse", letter).Sent(0, "parse", letter).Settled(0, "parse", b.Input(dead));
  b.Settled(0, "parse", b.Input(lost));
  b.Destroy("parse", b.Input(gone)).DataLoss(0, "parse").Committed("parse", 0, 4);
  const HistoryIndex index(b.history());
  const Balance balance = BalanceOf(index);
  EXPECT_EQ(balance.accepted, (Jobs{stored, dead, lost, gone, open}));
  EXPECT_EQ(balance.settled, Jobs{stored});
  EXPECT_EQ(balance.dead_lettered, Jobs{dead});
  EXPECT_EQ(balance.lost, Jobs{lost});
  EXPECT_EQ(balance.destroyed, Jobs{gone});
  EXPECT_EQ(balance.on_bus, Jobs{open});
  EXPECT_EQ(balance.duplicates, Jobs{});
}

TEST(Ledger, PartsOfAJob) {
  HistoryBuilder b = Pipeline();
  const uint32_t job = b.Job("a", "raw");
  const uint32_t one = b.Derive(b.Input(job), "parse", "clean", ".1/2"),
                 two = b.Derive(b.Input(job), "parse", "clean", ".2/2"), letter = b.DeadLetter(two, "store");
  b.Feed(job).Assign(0, "parse").Assign(0, "store").Work(0, "parse", b.Input(job), {one, two}).Work(0, "store", one);
  EXPECT_EQ(BalanceOf(HistoryIndex(b.history())).on_bus, Jobs{job});
  b.Die(0, "store", letter).Sent(0, "store", letter).Settled(0, "store", two);
  EXPECT_EQ(BalanceOf(HistoryIndex(b.history())).dead_lettered, Jobs{job});  // half of it is stored
}

TEST(Ledger, OverlapsAreDuplicates) {
  HistoryBuilder b = Pipeline();
  const uint32_t both = b.Job("both", "raw"), twice = b.Job("twice", "raw"), once = b.Job("once", "raw");
  std::vector<uint32_t> outs;
  for (uint32_t job : {both, twice, once}) {
    outs.push_back(b.Derive(b.Input(job), "parse", "clean"));
    b.Feed(job).Append(outs.back()).Effect(0, "store", outs.back());
  }
  b.Die(0, "store", b.DeadLetter(outs[0], "store")).Append(b.record(b.last()).message);
  b.Effect(1, "store", outs[1]).Effect(1, "store", outs[2], /*repeat=*/true);
  const Balance balance = BalanceOf(HistoryIndex(b.history()));
  EXPECT_EQ(balance.settled, (Jobs{both, twice, once}));
  EXPECT_EQ(balance.duplicates, (Jobs{both, twice}));
}

}  // namespace
}  // namespace millrace::sim
