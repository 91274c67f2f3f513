#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "settled-correctly";

// A job that is delivered and dispatched at process 0, and an output of it that is not made yet.
struct Begun {
  HistoryBuilder b = TwoStages();
  uint32_t job = 0, in = 0, out = 0, appended = 0;
  Begun() {
    job = b.Job("a", "raw");
    in = b.Input(job);
    out = b.Derive(in, "parse", "clean");
    b.Feed(job);
    appended = b.last() - 1;
    b.Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in);
  }
};

TEST(SettledCorrectly, AfterOutputsAndAfterDeadLetters) {
  Begun good;
  good.b.Attempt(0, "parse", good.in, {good.out}).Sent(0, "parse", good.out).Settled(0, "parse", good.in);
  ExpectPass(kName, good.b.history());
  Begun dead;
  const uint32_t letter = dead.b.DeadLetter(dead.in, "parse");
  dead.b.Attempt(0, "parse", dead.in, {}, 3).Die(0, "parse", letter).Sent(0, "parse", letter);
  dead.b.Settled(0, "parse", dead.in);
  ExpectPass(kName, dead.b.history());
}

TEST(SettledCorrectly, AnEarlierLifeMayHaveDoneIt) {
  Begun t;
  t.b.Attempt(0, "parse", t.in, {t.out}).Sent(0, "parse", t.out).Crash(0);
  t.b.Assign(1, "parse").Deliver(1, "parse", t.in).Settled(1, "parse", t.in);
  ExpectPass(kName, t.b.history());
}

TEST(SettledCorrectly, NoAttemptHadFinished) {
  Begun t;
  t.b.Settled(0, "parse", t.in);
  const uint32_t committed = t.b.last();
  t.b.Attempt(0, "parse", t.in, {t.out}).Sent(0, "parse", t.out).Quiet();
  ExpectFail(kName, t.b.history(), "no attempt finished", t.job, {t.appended, committed - 2, committed});
}

TEST(SettledCorrectly, OneOfTwoOutputsIsNotDurable) {
  Begun t;
  const uint32_t other = t.b.Derive(t.in, "parse", "clean");
  t.b.Attempt(0, "parse", t.in, {t.out, other});
  const uint32_t attempt = t.b.last() - 2;
  t.b.Sent(0, "parse", t.out).Publish(0, "parse", other).Settled(0, "parse", t.in);
  const uint32_t committed = t.b.last();
  t.b.Append(other);
  ExpectFail(kName, t.b.history(), "outputs not durable", t.job, {t.appended, attempt, committed - 2, committed});
}

TEST(SettledCorrectly, AFailedAttemptIsNone) {
  Begun t;
  t.b.Attempt(0, "parse", t.in, {}, 2).Settled(0, "parse", t.in);
  EXPECT_EQ(Judge(kName, t.b.history()).findings.at(0).signature, "no attempt finished");
}

TEST(SettledCorrectly, TheDeadLetterIsNotDurable) {
  Begun t;
  const uint32_t letter = t.b.DeadLetter(t.in, "parse");
  t.b.Attempt(0, "parse", t.in, {}, 3).Die(0, "parse", letter).Publish(0, "parse", letter);
  const uint32_t made = t.b.last() - 1;
  t.b.Settled(0, "parse", t.in);
  const uint32_t committed = t.b.last();
  ExpectFail(kName, t.b.history(), "dead letter not durable", t.job, {t.appended, made, committed - 2, committed});
}

TEST(SettledCorrectly, CommittedBeforeItWasThere) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Committed("parse", 0, 1).Feed(job);
  ExpectFail(kName, b.history(), "committed before it was there", job, {2});
}

TEST(SettledCorrectly, GroupsGetPastWhatWasDestroyed) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Destroy("parse", b.Input(job)).Committed("parse", 0, 1);
  ExpectPass(kName, b.history());
}

TEST(SettledCorrectly, AcknowledgementsOfQueues) {
  HistoryBuilder b = TwoStages(/*queues=*/true);
  const uint32_t job = b.Job("a", "raw"), in = b.Input(job), out = b.Derive(in, "parse", "clean");
  b.Feed(job).Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in).Attempt(0, "parse", in, {out});
  HistoryBuilder good = b;
  good.Sent(0, "parse", out).Settled(0, "parse", in);
  ExpectPass(kName, good.history());
  b.Acked("parse", in);
  const uint32_t acked = b.last();
  b.Sent(0, "parse", out);
  ExpectFail(kName, b.history(), "outputs not durable", job, {1, acked - 2, acked});
}

}  // namespace
}  // namespace millrace::sim
