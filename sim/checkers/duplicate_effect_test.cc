#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "duplicate-effect";

struct Stored {
  HistoryBuilder b = TwoStages();
  uint32_t job = 0, out = 0, first = 0;
  Stored() {
    job = b.Job("a", "raw");
    out = b.Derive(b.Input(job), "parse", "clean");
    b.Feed(job).Append(out).Assign(0, "store").Effect(0, "store", out);
    first = b.last();
  }
};

TEST(DuplicateEffect, RepeatsAreRecognised) {
  Stored t;
  t.b.Effect(1, "store", t.out, /*repeat=*/true).Effect(0, "store", t.out, /*repeat=*/true);
  ExpectPass(kName, t.b.history());
}

TEST(DuplicateEffect, TwiceByOneAndByTwo) {
  Stored one;
  one.b.Effect(0, "store", one.out, /*repeat=*/true).Effect(0, "store", one.out);
  ExpectFail(kName, one.b.history(), "effect twice by one process", one.job, {one.first, one.b.last()});
  Stored two;
  two.b.Effect(1, "store", two.out);
  ExpectFail(kName, two.b.history(), "effect twice by two processes", two.job, {two.first, two.b.last()});
}

TEST(DuplicateEffect, AnotherContentUnderTheSameIdIsTheSameMessage) {
  Stored t;
  t.b.Effect(1, "store", t.b.Other(t.out));
  ExpectFail(kName, t.b.history(), "effect twice by two processes", t.job, {t.first, t.b.last()});
}

TEST(DuplicateEffect, PortsAreApartAndOnlySinksPromise) {
  Stored t;
  t.b.Effect(0, "store", t.out);
  t.b.record(t.b.last()).topic = 1;  // another port
  ExpectPass(kName, t.b.history());
  t.b.Effect(0, "store", t.out);
  t.b.history().topology.stages[t.b.stage("store")].sink = false;
  ExpectPass(kName, t.b.history());
}

}  // namespace
}  // namespace millrace::sim
