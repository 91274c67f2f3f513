#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "key-order";

// Two jobs of one key, fed; and their outputs.
struct Pair {
  HistoryBuilder b = TwoStages();
  uint32_t one = 0, two = 0, out1 = 0, out2 = 0;
  Pair() {
    one = b.Job("one", "raw", "k");
    two = b.Job("two", "raw", "k");
    out1 = b.Derive(b.Input(one), "parse", "clean");
    out2 = b.Derive(b.Input(two), "parse", "clean");
    b.Feed(one).Feed(two).Assign(0, "parse").Assign(0, "store");
  }
};

TEST(KeyOrder, InOrderAndWithRepeats) {
  Pair t;
  t.b.Work(0, "parse", t.b.Input(t.one), {t.out1}).Work(0, "parse", t.b.Input(t.two), {t.out2});
  t.b.Append(t.out1);  // again, behind: no first occurrence
  t.b.Work(0, "store", t.out1).Work(0, "store", t.out2).Quiet();
  ExpectPass(kName, t.b.history());
}

TEST(KeyOrder, OutputsOvertake) {
  Pair t;
  t.b.Work(0, "parse", t.b.Input(t.two), {t.out2});
  const uint32_t first = t.b.last() - 4;  // appended, confirmed, settled, about to commit, committed
  t.b.Attempt(0, "parse", t.b.Input(t.one), {t.out1});
  const uint32_t made = t.b.last();
  t.b.Append(t.out1);
  const std::string text =
      ExpectFail(kName, t.b.history(), "outputs out of order", t.one, {1, 4, first, made, t.b.last()});
  EXPECT_NE(text.find("key 'k'"), std::string::npos);
}

TEST(KeyOrder, OtherKeysAndPartitionsPromiseNothing) {
  Pair keys;
  keys.b.Key(keys.out1, "other");
  keys.b.Work(0, "parse", keys.b.Input(keys.two), {keys.out2}).Work(0, "parse", keys.b.Input(keys.one), {keys.out1});
  ExpectPass(kName, keys.b.history());

  HistoryBuilder b = TwoStages();
  const uint32_t one = b.Job("one", "raw", "k", 0), two = b.Job("two", "raw", "k", 1);
  b.Feed(one).Feed(two).Assign(0, "parse", 0).Assign(0, "parse", 1);
  b.Work(0, "parse", b.Input(two), {b.Derive(b.Input(two), "parse", "clean")});
  b.Work(0, "parse", b.Input(one), {b.Derive(b.Input(one), "parse", "clean")});
  ExpectPass(kName, b.history());
}

TEST(KeyOrder, UnorderedTopicsPromiseNothing) {
  Pair t;
  t.b.history().topology.topics[t.b.topic("clean")].ordered = false;
  t.b.Work(0, "parse", t.b.Input(t.two), {t.out2}).Work(0, "parse", t.b.Input(t.one), {t.out1});
  t.b.Work(0, "store", t.out1).Work(0, "store", t.out2);  // out2 was appended first
  ExpectPass(kName, t.b.history());
}

TEST(KeyOrder, EffectsOvertake) {
  Pair t;
  t.b.Append(t.out1).Append(t.out2);
  const uint32_t first = t.b.last() - 1, second = t.b.last();
  t.b.Effect(0, "store", t.out2).Effect(0, "store", t.out1);
  ExpectFail(kName, t.b.history(), "effects out of order", t.one, {first, second, t.b.last() - 1, t.b.last()});
}

TEST(KeyOrder, JobsOvertake) {
  HistoryBuilder b = TwoStages();
  const uint32_t one = b.Job("one", "raw", "k"), two = b.Job("two", "raw", "k");
  b.Submit(one).Submit(two).Append(b.Input(two)).Append(b.Input(one));
  ExpectFail(kName, b.history(), "jobs out of order", one, {0, 2, 3});
}

TEST(KeyOrder, DeadLettersAreOutOfTheOrder) {
  Pair t;
  const uint32_t letter = t.b.DeadLetter(t.b.Input(t.one), "parse");
  t.b.Work(0, "parse", t.b.Input(t.two), {t.out2});
  // The first had made its output, which was refused in part, and so it died.
  t.b.Attempt(0, "parse", t.b.Input(t.one), {t.out1}).Append(t.out1).Die(0, "parse", letter).Sent(0, "parse", letter);
  ExpectPass(kName, t.b.history());
}

TEST(KeyOrder, WhatWasDestroyedMayComeAgainLater) {
  Pair t;
  t.b.Destroy("parse", t.b.Input(t.one)).Append(t.b.Input(t.one));
  t.b.Work(0, "parse", t.b.Input(t.two), {t.out2}).Work(0, "parse", t.b.Input(t.one), {t.out1});
  ExpectPass(kName, t.b.history());
}

TEST(KeyOrder, AParkedKeyStaysParked) {
  Pair t;
  t.b.history().topology.stages[t.b.stage("parse")].park_key = true;
  const uint32_t letter = t.b.DeadLetter(t.b.Input(t.one), "parse");
  t.b.Dispatch(0, "parse", t.b.Input(t.one)).Attempt(0, "parse", t.b.Input(t.one), {}, 3).Die(0, "parse", letter);
  HistoryBuilder before = t.b;  // what was under way before may come after
  before.Dispatch(0, "parse", t.b.Input(t.two)).Attempt(0, "parse", t.b.Input(t.two), {t.out2});
  before.Sent(0, "parse", letter).Append(t.out2);
  ExpectPass(kName, before.history());

  t.b.Sent(0, "parse", letter);
  const uint32_t dead = t.b.last() - 1;
  t.b.Dispatch(0, "parse", t.b.Input(t.two));
  const uint32_t dispatch = t.b.last();
  t.b.Attempt(0, "parse", t.b.Input(t.two), {t.out2}).Append(t.out2);
  HistoryBuilder redriven = t.b;
  ExpectFail(kName, t.b.history(), "parked key went on", t.two, {dead, dispatch, t.b.last()});

  redriven.Append(redriven.Input(t.one));  // the dead letter was put in again
  ExpectPass(kName, redriven.history());
}

}  // namespace
}  // namespace millrace::sim
