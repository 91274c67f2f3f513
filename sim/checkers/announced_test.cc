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
  t.b.DataLoss(1, "parse").Quiet();
  ExpectPass(kName, t.b.history());
}

TEST(Announced, NotToldOrToldBeforeOrToldToOthers) {
  Destroyed silent;
  silent.b.Quiet();
  ExpectFail(kName, silent.b.history(), "destroyed without a word", silent.job, {1, silent.at});
  Destroyed elsewhere;
  elsewhere.b.DataLoss(0, "store").Trouble(0, "parse", 14).Quiet();
  ExpectFail(kName, elsewhere.b.history(), "destroyed without a word", elsewhere.job, {1, elsewhere.at});
  HistoryBuilder before = TwoStages();
  const uint32_t job = before.Job("a", "raw");
  before.Feed(job).DataLoss(0, "parse").Destroy("parse", before.Input(job)).Quiet();
  ExpectFail(kName, before.history(), "destroyed without a word", job, {1, 4});
}

TEST(Announced, OnePartitionSaysNothingOfAnother) {
  for (const bool queues : {false, true}) {
    HistoryBuilder b = TwoStages(queues);
    const uint32_t told = b.Job("told", "raw"), silent = b.Job("silent", "raw", "", 1);
    b.Feed(told).Feed(silent).Destroy("parse", b.Input(told)).Destroy("parse", b.Input(silent));
    const uint32_t at = b.last();
    HistoryBuilder both = b;
    b.DataLoss(0, "parse", 0).Quiet();
    ExpectFail(kName, b.history(), "destroyed without a word", silent, {at - 3, at});
    both.DataLoss(0, "parse", 0).DataLoss(1, "parse", 1).Quiet();
    ExpectPass(kName, both.history());
  }
}

// Retention strikes again, before the first announcement has come.
TEST(Announced, WhatIsToldOfALogCoversTheOffset) {
  HistoryBuilder b = TwoStages();
  const uint32_t first = b.Job("first", "raw"), second = b.Job("second", "raw");
  b.Feed(first).Feed(second).Destroy("parse", b.Input(first)).Destroy("parse", b.Input(second));
  const uint32_t at = b.last();
  b.DataLoss(0, "parse", 0, 0, 1);
  HistoryBuilder half = b, beyond = b, rest = b;
  half.Quiet();
  ExpectFail(kName, half.history(), "destroyed without a word", second, {at - 3, at});
  beyond.DataLoss(0, "parse", 0, 2, kNoEnd).Quiet();
  ExpectFail(kName, beyond.history(), "destroyed without a word", second, {at - 3, at});
  rest.DataLoss(1, "parse", 0, 1, 1).Quiet();
  ExpectPass(kName, rest.history());
}

// Of a message that was appended twice each copy can be destroyed, and has to be told.
TEST(Announced, EachCopyIsTold) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Destroy("parse", b.Input(job)).Append(b.Input(job)).Destroy("parse", b.Input(job));
  HistoryBuilder one = b;
  one.DataLoss(0, "parse", 0, 0, 1).Quiet();
  EXPECT_EQ(Judge(kName, one.history()).verdict, Verdict::kFail);
  b.DataLoss(0, "parse", 0, 0, 2).Quiet();
  ExpectPass(kName, b.history());
}

// The stage's process says that something is gone, and not of what: that is no announcement.
TEST(Announced, ATroubleWithoutAPlaceTellsNothing) {
  Destroyed t;
  t.b.Trouble(1, "parse", 15).Quiet();
  ExpectFail(kName, t.b.history(), "destroyed without a word", t.job, {1, t.at});
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
