#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "dead-letter";

struct Failing {
  HistoryBuilder b = TwoStages();
  uint32_t job = 0, in = 0, letter = 0;
  Failing() {
    job = b.Job("a", "raw");
    in = b.Input(job);
    letter = b.DeadLetter(in, "parse");
    b.Feed(job).Assign(0, "parse").Deliver(0, "parse", in);
  }
};

TEST(DeadLetter, WithReasonAndBeforeItIsSettled) {
  Failing t;
  t.b.Dispatch(0, "parse", t.in).Attempt(0, "parse", t.in, {}, 3).Die(0, "parse", t.letter);
  t.b.Sent(0, "parse", t.letter).Settled(0, "parse", t.in);
  ExpectPass(kName, t.b.history());
}

TEST(DeadLetter, WhatItMustSay) {
  Failing reason;
  reason.b.info(reason.letter).reason = "";
  reason.b.Die(0, "parse", reason.letter).Append(reason.letter);
  ExpectFail(kName, reason.b.history(), "without a reason", reason.job, {reason.b.last()});
  Failing job;
  job.b.info(job.letter).job = kNoJob;
  job.b.Append(job.letter);
  ExpectFail(kName, job.b.history(), "without a job", kNoJob, {job.b.last()});
  Failing nothing;
  nothing.b.info(nothing.letter).of = kNoMessage;
  nothing.b.Append(nothing.letter);
  ExpectFail(kName, nothing.b.history(), "of nothing", nothing.job, {nothing.b.last()});
}

TEST(DeadLetter, OfWhatWasNotDelivered) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), letter = b.DeadLetter(b.Input(job), "parse");
  b.Feed(job).Die(0, "parse", letter).Append(letter).Assign(0, "parse").Deliver(0, "parse", b.Input(job));
  ExpectFail(kName, b.history(), "of what was not delivered", job, {1, 4});
}

TEST(DeadLetter, PoisonIsNotSettledWithout) {
  Failing t;
  t.b.Dispatch(0, "parse", t.in).Attempt(0, "parse", t.in, {}, 3);
  const uint32_t attempt = t.b.last();
  t.b.Settled(0, "parse", t.in);
  const uint32_t committed = t.b.last();
  t.b.Die(0, "parse", t.letter).Append(t.letter);
  ExpectFail(kName, t.b.history(), "settled without a dead letter", t.job, {attempt, committed});
}

TEST(DeadLetter, NorIsWhatHasUsedUpItsAttempts) {
  Failing t;
  for (int i = 0; i < 3; ++i) t.b.Dispatch(0, "parse", t.in).Attempt(0, "parse", t.in, {}, 2);
  const uint32_t attempt = t.b.last();
  t.b.Settled(0, "parse", t.in);
  ExpectFail(kName, t.b.history(), "settled without a dead letter", t.job, {attempt, t.b.last()});
}

TEST(DeadLetter, OutagesAreNotForGood) {
  Failing t;
  for (int i = 0; i < 5; ++i) t.b.Dispatch(0, "parse", t.in).Attempt(0, "parse", t.in, {}, 14);
  t.b.Settled(0, "parse", t.in);
  ExpectPass(kName, t.b.history());  // settled wrongly, but that is settled-correctly's
}

}  // namespace
}  // namespace millrace::sim
