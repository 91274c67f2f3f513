#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "announced";

struct Destroyed {
  HistoryBuilder b = TwoStages();
  uint32_t job = 0, at = 0;
  Destroyed() {
    job = b.Job("a", "raw");
    b.Feed(job).Destroy("parse", b.Input(job));
    at = b.last();
  }
};

TEST(Announced, ToldAfterwards) {
  Destroyed t;
  t.b.Trouble(1, "parse", 15).Quiet();
  ExpectPass(kName, t.b.history());
}

TEST(Announced, NotToldOrToldBeforeOrToldToOthers) {
  Destroyed silent;
  silent.b.Quiet();
  ExpectFail(kName, silent.b.history(), "destroyed without a word", silent.job, {1, silent.at});
  Destroyed elsewhere;
  elsewhere.b.Trouble(0, "store", 15).Trouble(0, "parse", 14).Quiet();
  ExpectFail(kName, elsewhere.b.history(), "destroyed without a word", elsewhere.job, {1, elsewhere.at});
  HistoryBuilder before = TwoStages();
  const uint32_t job = before.Job("a", "raw");
  before.Feed(job).Trouble(0, "parse", 15).Destroy("parse", before.Input(job)).Quiet();
  ExpectFail(kName, before.history(), "destroyed without a word", job, {1, 4});
}

TEST(Announced, WhatWasDoneAllTheSameNeedsNoWords) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), out = b.Derive(b.Input(job), "parse", "clean");
  b.Feed(job).Assign(0, "parse").Deliver(0, "parse", b.Input(job)).Destroy("parse", b.Input(job));
  b.Attempt(0, "parse", b.Input(job), {out}).Sent(0, "parse", out).Settled(0, "parse", b.Input(job)).Quiet();
  ExpectPass(kName, b.history());
}

TEST(Announced, ACutOffRunMayStillHaveToldIt) {
  Destroyed t;
  t.b.Limit("600 s");
  ExpectNotCheckable(kName, t.b.history());
}

}  // namespace
}  // namespace millrace::sim
