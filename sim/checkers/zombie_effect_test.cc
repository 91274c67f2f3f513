#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "zombie-effect";

// Two messages of one key at the sink; process 0 has been superseded by process 1.
struct Superseded {
  HistoryBuilder b = TwoStages();
  uint32_t one = 0, two = 0, out1 = 0, out2 = 0, taken = 0;
  Superseded() {
    one = b.Job("one", "raw", "k");
    two = b.Job("two", "raw", "k");
    out1 = b.Derive(b.Input(one), "parse", "clean");
    out2 = b.Derive(b.Input(two), "parse", "clean");
    b.Feed(one).Feed(two).Append(out1).Append(out2).Assign(0, "store").Assign(1, "store");
    taken = b.last();
  }
};

TEST(ZombieEffect, ALateFirstEffectIsLegal) {
  Superseded t;
  t.b.Effect(0, "store", t.out1).Effect(1, "store", t.out1, /*repeat=*/true).Effect(1, "store", t.out2);
  ExpectPass(kName, t.b.history());
}

TEST(ZombieEffect, ALateRepeatIsLegal) {
  Superseded t;
  t.b.Effect(1, "store", t.out1).Effect(1, "store", t.out2).Effect(0, "store", t.out1, /*repeat=*/true);
  ExpectPass(kName, t.b.history());
}

TEST(ZombieEffect, NotRecognised) {
  Superseded late;
  late.b.Effect(1, "store", late.out1).Effect(0, "store", late.out1);
  ExpectFail(kName, late.b.history(), "late effect not recognised", late.one,
             {late.taken, late.b.last() - 1, late.b.last()});
  Superseded early;
  early.b.Effect(0, "store", early.out1).Effect(1, "store", early.out1);
  ExpectFail(kName, early.b.history(), "late effect not recognised", early.one, {early.b.last() - 1, early.b.last()});
}

TEST(ZombieEffect, OutOfOrder) {
  Superseded t;
  t.b.Effect(1, "store", t.out2).Effect(0, "store", t.out1);
  ExpectFail(kName, t.b.history(), "late effect out of order", t.one, {t.taken, t.b.last() - 1, t.b.last()});
}

TEST(ZombieEffect, WhatWasDestroyedIsLateWhereverItWasUnderWay) {
  Superseded t;
  t.b.Destroy("store", t.out1).Effect(1, "store", t.out2).Effect(0, "store", t.out1);
  ExpectPass(kName, t.b.history());
}

// Its next owner could not process it; the key has gone on.
TEST(ZombieEffect, WhatBecameADeadLetterIsLateWhereverItWasUnderWay) {
  Superseded t;
  const uint32_t letter = t.b.DeadLetter(t.out1, "store");
  t.b.Die(1, "store", letter).Append(letter).Effect(1, "store", t.out2).Effect(0, "store", t.out1);
  ExpectPass(kName, t.b.history());
}

// The dead letter came behind it and explains nothing.
TEST(ZombieEffect, ALaterDeadLetterIsNoExcuse) {
  Superseded t;
  const uint32_t letter = t.b.DeadLetter(t.out1, "store");
  t.b.Effect(1, "store", t.out2).Effect(0, "store", t.out1);
  const uint32_t late = t.b.last();
  t.b.Die(1, "store", letter).Append(letter);
  ExpectFail(kName, t.b.history(), "late effect out of order", t.one, {t.taken, late - 1, late});
}

TEST(ZombieEffect, OwnersAreJudgedByOthers) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), out = b.Derive(b.Input(job), "parse", "clean");
  b.Feed(job).Append(out).Assign(0, "store").Effect(0, "store", out).Effect(0, "store", out);
  ExpectPass(kName, b.history());  // duplicate-effect's
  b.Assign(1, "store").Assign(0, "store").Effect(0, "store", out);
  ExpectPass(kName, b.history());  // it has it again
}

}  // namespace
}  // namespace millrace::sim
