#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "drain";

// Process 0 works on the first of two messages, out of the order of their partition, and drains.
struct Leaving {
  HistoryBuilder b = TwoStages();
  uint32_t one = 0, two = 0, out = 0, done = 0;
  Leaving() {
    one = b.Job("one", "raw", "k1");
    two = b.Job("two", "raw", "k2");
    out = b.Derive(b.Input(two), "parse", "clean");
    b.Start(0).Start(1).Feed(one).Feed(two).Assign(0, "parse");
    b.Deliver(0, "parse", b.Input(one)).Deliver(0, "parse", b.Input(two)).Dispatch(0, "parse", b.Input(two));
    b.Attempt(0, "parse", b.Input(two), {out});
    done = b.last() - 1;
  }
};

TEST(Drain, StartsNothing) {
  Leaving t;
  t.b.Drain(0);
  const uint32_t drain = t.b.last();
  HistoryBuilder other = t.b;
  other.Dispatch(1, "parse", t.b.Input(t.one));
  ExpectPass(kName, other.history());
  t.b.Dispatch(0, "parse", t.b.Input(t.one));
  ExpectFail(kName, t.b.history(), "started after drain", t.one, {drain, t.b.last()});
  t.b.history().records.pop_back();
  t.b.Crash(0).Start(0).Dispatch(0, "parse", t.b.Input(t.one));  // its next life may
  ExpectPass(kName, t.b.history());
}

TEST(Drain, OfOneStage) {
  Leaving t;
  t.b.Drain(0);
  t.b.record(t.b.last()).stage = t.b.stage("store");
  t.b.Dispatch(0, "parse", t.b.Input(t.one));
  ExpectPass(kName, t.b.history());
}

TEST(Drain, WhatWasFinishedOutOfOrderIsNotDoneAgain) {
  Leaving t;
  t.b.Drain(0).Sent(0, "parse", t.out).Release(0, "parse");
  const uint32_t released = t.b.last();
  t.b.Stopped(0).Assign(1, "parse").Deliver(1, "parse", t.b.Input(t.one)).Deliver(1, "parse", t.b.Input(t.two));
  HistoryBuilder right = t.b;
  right.Dispatch(1, "parse", right.Input(t.one)).Quiet();
  ExpectPass(kName, right.history());
  t.b.Dispatch(1, "parse", t.b.Input(t.two));
  ExpectFail(kName, t.b.history(), "finished work was done again after a clean leave", t.two,
             {t.done, released, t.b.last()});
}

// Holding the partition excuses work only on whoever held it before the work was done.
TEST(Drain, OneWhoStoodStillStartsFromWhereItWas) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("two", "raw", "k2"), in = b.Input(job), out = b.Derive(in, "parse", "clean");
  b.Start(0).Start(1).Feed(job).Assign(1, "parse").Deliver(1, "parse", in);
  b.Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in).Attempt(0, "parse", in, {out});
  b.Drain(0).Sent(0, "parse", out).Release(0, "parse").Stopped(0);
  b.Dispatch(1, "parse", in).Lose(1, "parse");
  ExpectPass(kName, b.history());

  Leaving t;
  t.b.Assign(1, "parse").Deliver(1, "parse", t.b.Input(t.two));
  t.b.Drain(0).Sent(0, "parse", t.out).Release(0, "parse");
  const uint32_t released = t.b.last();
  t.b.Stopped(0).Dispatch(1, "parse", t.b.Input(t.two));
  ExpectFail(kName, t.b.history(), "finished work was done again after a clean leave", t.two,
             {t.done, released, t.b.last()});
}

// The broker's count tells what was handed out before: to one who is slow to hear, it comes late.
TEST(Drain, OnQueuesALowerCountCameBefore) {
  for (const int count : {0, 1}) {
    for (const bool ran : {false, true}) {
      HistoryBuilder b = TwoStages(/*queues=*/true);
      const uint32_t job = b.Job("a", "raw"), in = b.Input(job);
      b.Start(0).Start(1).Feed(job).Assign(1, "parse");
      if (ran) b.Deliver(1, "parse", in).record(b.last()).value = static_cast<uint64_t>(count);
      b.Assign(0, "parse").Deliver(0, "parse", in).record(b.last()).value = 1;
      b.Dispatch(0, "parse", in).Attempt(0, "parse", in).Settle(0, "parse", in);
      const uint32_t settled = b.last();
      b.Drain(0).Release(0, "parse");
      const uint32_t released = b.last();
      b.Stopped(0);
      if (ran) {
        b.Dispatch(1, "parse", in);
      } else {
        b.Deliver(1, "parse", in).record(b.last()).value = static_cast<uint64_t>(count);
      }
      if (count == 0) {
        ExpectPass(kName, b.history());
      } else {
        ExpectFail(
            kName, b.history(),
            ran ? "finished work was done again after a clean leave" : "settled work came again after a clean leave",
            job, {settled, released, b.last()});
      }
    }
  }
}

// That the offset went back some time excuses only what it went back over, after that was settled.
TEST(Drain, WhatTheOffsetWentBackOverMayComeAgain) {
  HistoryBuilder b = TwoStages();
  const uint32_t one = b.Job("one", "raw"), two = b.Job("two", "raw");
  b.Start(0).Feed(one).Feed(two).Assign(0, "parse").Work(0, "parse", b.Input(one));
  HistoryBuilder early = b, ahead = b;
  early.Committed("parse", 0, 0).Committed("parse", 0, 1);
  for (HistoryBuilder* mine : {&b, &early, &ahead}) {
    mine->Work(0, "parse", b.Input(two));
    const uint32_t settled = mine->last() - 2;
    mine->Drain(0).Release(0, "parse");
    const uint32_t released = mine->last();
    mine->Stopped(0);
    if (mine == &b) mine->Committed("parse", 0, 1);
    mine->Assign(1, "parse").Deliver(1, "parse", b.Input(mine == &ahead ? one : two));
    const uint32_t again = mine->last();
    if (mine == &ahead) mine->Committed("parse", 0, 0);  // too late for that
    if (mine == &b) {
      ExpectPass(kName, mine->history());
    } else if (mine == &early) {
      ExpectFail(kName, mine->history(), "settled work came again after a clean leave", two,
                 {settled, released, again});
    } else {
      EXPECT_EQ(Judge(kName, mine->history()).verdict, Verdict::kFail);
    }
  }
  // Only the second came back, and the first comes again.
  b.Deliver(1, "parse", b.Input(one));
  EXPECT_EQ(Judge(kName, b.history()).verdict, Verdict::kFail);
}

TEST(Drain, WhoeverIsPutOutWhileItDrainsHasNotLeft) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job);
  b.Start(0).Feed(job).Assign(0, "parse").Assign(0, "parse", 1).Deliver(0, "parse", in);
  b.Dispatch(0, "parse", in).Attempt(0, "parse", in).Settle(0, "parse", in).Drain(0).Release(0, "parse");
  HistoryBuilder left = b;
  b.Lose(0, "parse", 1).Stopped(0).Assign(1, "parse").Deliver(1, "parse", in);
  ExpectPass(kName, b.history());
  left.Release(0, "parse", 1).Stopped(0).Assign(1, "parse").Deliver(1, "parse", in);
  EXPECT_EQ(Judge(kName, left.history()).verdict, Verdict::kFail);
}

TEST(Drain, WhatIsUnconfirmedOrLostOrLeftInHasteMayBeDoneAgain) {
  Leaving unconfirmed;
  unconfirmed.b.Drain(0).Publish(0, "parse", unconfirmed.out).Append(unconfirmed.out).Release(0, "parse").Stopped(0);
  unconfirmed.b.Confirm(1, "parse", unconfirmed.out).Assign(1, "parse");
  unconfirmed.b.Deliver(1, "parse", unconfirmed.b.Input(unconfirmed.two));
  unconfirmed.b.Dispatch(1, "parse", unconfirmed.b.Input(unconfirmed.two));
  ExpectPass(kName, unconfirmed.b.history());
  Leaving lost;
  lost.b.Drain(0).Sent(0, "parse", lost.out).Lose(0, "parse").Stopped(0);
  lost.b.Assign(1, "parse").Dispatch(1, "parse", lost.b.Input(lost.two));
  ExpectPass(kName, lost.b.history());
  Leaving hasty;
  hasty.b.Drain(0).Sent(0, "parse", hasty.out).Release(0, "parse").Stopped(0, /*clean=*/false);
  hasty.b.Assign(1, "parse").Dispatch(1, "parse", hasty.b.Input(hasty.two));
  ExpectPass(kName, hasty.b.history());
}

TEST(Drain, WhatWasSettledDoesNotComeAgain) {
  HistoryBuilder b = TwoStages(/*queues=*/true);
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job);
  b.Start(0).Feed(job).Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in).Attempt(0, "parse", in);
  b.Settle(0, "parse", in);
  const uint32_t settled = b.last();
  b.Drain(0).Release(0, "parse");
  const uint32_t released = b.last();
  b.Stopped(0).Assign(1, "parse");
  ExpectPass(kName, b.history());
  b.Deliver(1, "parse", in);
  ExpectFail(kName, b.history(), "settled work came again after a clean leave", job, {settled, released, b.last()});
  b.Append(in);  // twice in the queue: then it comes twice
  ExpectPass(kName, b.history());
}

}  // namespace
}  // namespace millrace::sim
