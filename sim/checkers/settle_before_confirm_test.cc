#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "settle-before-confirm";

struct Begun {
  HistoryBuilder b = TwoStages();
  uint32_t job = 0, in = 0, out = 0;
  Begun() {
    job = b.Job("a", "raw");
    in = b.Input(job);
    out = b.Derive(in, "parse", "clean");
    b.Feed(job).Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in);
  }
};

TEST(SettleBeforeConfirm, AWholeRunPasses) {
  Begun t;
  t.b.Attempt(0, "parse", t.in, {t.out}).Sent(0, "parse", t.out).Settled(0, "parse", t.in);
  ExpectPass(kName, t.b.history());
}

TEST(SettleBeforeConfirm, ADurableOutputOfWhichNobodyWasTold) {
  Begun t;
  t.b.Attempt(0, "parse", t.in, {t.out});
  const uint32_t attempt = t.b.last() - 1;
  t.b.Publish(0, "parse", t.out).Append(t.out).Settle(0, "parse", t.in);
  const uint32_t settled = t.b.last();
  t.b.Confirm(0, "parse", t.out);
  ExpectFail(kName, t.b.history(), "outputs not confirmed", t.job, {attempt, settled});
}

TEST(SettleBeforeConfirm, ARefusedPublishIsNoConfirm) {
  Begun t;
  t.b.Attempt(0, "parse", t.in, {t.out}).Publish(0, "parse", t.out).Confirm(0, "parse", t.out, 14);
  t.b.Settle(0, "parse", t.in);
  EXPECT_EQ(Judge(kName, t.b.history()).findings.at(0).signature, "outputs not confirmed");
}

TEST(SettleBeforeConfirm, NothingFinishedAndDeadLetters) {
  Begun none;
  none.b.Settle(0, "parse", none.in);
  ExpectFail(kName, none.b.history(), "nothing finished", none.job, {none.b.last()});
  Begun dead;
  const uint32_t letter = dead.b.DeadLetter(dead.in, "parse");
  dead.b.Attempt(0, "parse", dead.in, {}, 3).Die(0, "parse", letter).Publish(0, "parse", letter);
  dead.b.Settle(0, "parse", dead.in);
  const uint32_t at = dead.b.last();
  ExpectFail(kName, dead.b.history(), "dead letter not confirmed", dead.job, {at - 3, at - 2, at});
}

TEST(SettleBeforeConfirm, CommitsPastAnUnfinishedMessage) {
  HistoryBuilder b = TwoStages();
  const uint32_t one = b.Job("one", "raw"), two = b.Job("two", "raw");
  b.Feed(one).Feed(two).Assign(0, "parse");
  const uint32_t appended = 1;
  b.Deliver(0, "parse", b.Input(one)).Deliver(0, "parse", b.Input(two));
  b.Dispatch(0, "parse", b.Input(two)).Attempt(0, "parse", b.Input(two)).Settle(0, "parse", b.Input(two));
  HistoryBuilder right = b;
  right.Commit(0, "parse", 0, 0);
  ExpectPass(kName, right.history());
  b.Commit(0, "parse", 0, 2);
  ExpectFail(kName, b.history(), "commit past an unfinished message", one, {appended, b.last()});
}

TEST(SettleBeforeConfirm, CommitsPastWhatWasNotDelivered) {
  HistoryBuilder b = TwoStages();
  const uint32_t one = b.Job("one", "raw"), two = b.Job("two", "raw");
  b.Feed(one).Feed(two).Assign(0, "parse");
  b.Deliver(0, "parse", b.Input(one)).Dispatch(0, "parse", b.Input(one)).Attempt(0, "parse", b.Input(one));
  b.Settle(0, "parse", b.Input(one)).Commit(0, "parse", 0, 2);
  ExpectFail(kName, b.history(), "commit past a message that was not delivered", two, {4, b.last()});

  HistoryBuilder gone = b;
  gone.history().records.pop_back();
  gone.Destroy("parse", gone.Input(two)).Commit(0, "parse", 0, 2);  // nothing is there to be skipped
  ExpectPass(kName, gone.history());
}

TEST(SettleBeforeConfirm, CommitsBeyondTheEnd) {
  HistoryBuilder b = TwoStages();
  const uint32_t one = b.Job("one", "raw");
  b.Feed(one).Assign(0, "parse").Work(0, "parse", b.Input(one));
  ExpectPass(kName, b.history());
  b.Commit(0, "parse", 0, 2);
  ExpectFail(kName, b.history(), "commit beyond the end", kNoJob, {b.last()});
}

TEST(SettleBeforeConfirm, EachHoldingStartsWhereTheGroupIs) {
  HistoryBuilder b = TwoStages();
  const uint32_t one = b.Job("one", "raw"), two = b.Job("two", "raw");
  b.Feed(one).Feed(two).Assign(0, "parse").Work(0, "parse", b.Input(one)).Release(0, "parse");
  b.Assign(1, "parse").Work(1, "parse", b.Input(two));
  ExpectPass(kName, b.history());
}

// On a real broker "parse" writes to "clean" in transactions: its first output, a marker, its second one.
TEST(SettleBeforeConfirm, CommitsPastAMarkerThatNobodyTellsOf) {
  HistoryBuilder b = TwoStages();
  b.history().observed = true;
  const uint32_t job = b.Job("a", "raw");
  const uint32_t one = b.Derive(b.Input(job), "parse", "clean"), two = b.Derive(b.Input(job), "parse", "clean");
  b.Feed(job).Append(one);
  HistoryBuilder late = b;
  const auto append = [&](HistoryBuilder& mine) {
    mine.Append(two);
    mine.record(mine.last()).sequence = 2;
  };
  const auto commit = [&](HistoryBuilder& mine, uint64_t next) {
    mine.Assign(1, "store").Deliver(1, "store", one).Dispatch(1, "store", one).Attempt(1, "store", one);
    mine.Settle(1, "store", one).Commit(1, "store", 0, next);
  };
  append(b);
  commit(b, 2);
  ExpectFail(kName, b.history(), "commit beyond the end", kNoJob, {b.last()});
  b.history().topology.stages[b.stage("parse")].exactly_once = true;
  ExpectPass(kName, b.history());
  // What comes later cannot have been there.
  commit(late, 3);
  const uint32_t early = late.last();
  append(late);
  late.history().topology.stages[late.stage("parse")].exactly_once = true;
  ExpectFail(kName, late.history(), "commit beyond the end", kNoJob, {early});
}

}  // namespace
}  // namespace millrace::sim
