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

TEST(Drain, OneWhoStoodStillStartsFromWhereItWas) {
  Leaving t;
  t.b.Assign(1, "parse").Deliver(1, "parse", t.b.Input(t.two));
  t.b.Drain(0).Sent(0, "parse", t.out).Release(0, "parse").Stopped(0);
  t.b.Dispatch(1, "parse", t.b.Input(t.two)).Lose(1, "parse");
  ExpectPass(kName, t.b.history());
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
