#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

TEST(Phantom, EverythingHasAJob) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), out = b.Derive(b.Input(job), "parse", "clean");
  b.Feed(job).Assign(0, "parse").Assign(0, "store").Work(0, "parse", b.Input(job), {out}).Work(0, "store", out);
  ExpectPass("phantom", b.history());
}

TEST(Phantom, JobsThatWereNotHandedOver) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Append(b.Input(job)).Submit(job);
  ExpectFail("phantom", b.history(), "input without a job", job, {0});
}

TEST(Phantom, MessagesOfNoJob) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), out = b.Derive(b.Input(job), "parse", "clean");
  b.info(out).job = kNoJob;
  b.Feed(job).Append(out);
  ExpectFail("phantom", b.history(), "message without a job", kNoJob, {3});
  b.info(out).role = MessageRole::kForeign;
  ExpectFail("phantom", b.history(), "foreign message", kNoJob, {3});
}

TEST(Phantom, DeadLettersReceiptsAndEffects) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), letter = b.DeadLetter(b.Input(job), "parse");
  b.Append(letter);
  ExpectFail("phantom", b.history(), "dead letter without a job", job, {0});
  HistoryBuilder c = TwoStages();
  const uint32_t other = c.Job("a", "raw"), out = c.Derive(c.Input(other), "parse", "clean");
  c.Effect(0, "store", out);
  ExpectFail("phantom", c.history(), "effect without a job", other, {0});
  HistoryBuilder d = TwoStages();
  const uint32_t third = d.Job("a", "raw");
  d.Append(d.Receipt(d.Input(third), "parse", "clean"));
  ExpectFail("phantom", d.history(), "receipt without a job", third, {0});
}

}  // namespace
}  // namespace millrace::sim
