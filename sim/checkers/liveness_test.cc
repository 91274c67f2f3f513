#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

TEST(Liveness, ComesToRest) {
  HistoryBuilder b = TwoStages();
  b.Start(0).Quiet();
  ExpectPass("liveness", b.history());
}

TEST(Liveness, SaysHowItDoesNot) {
  HistoryBuilder deadlock = TwoStages();
  deadlock.Start(0).Stuck("raw/0: 3 in the window, the first waits for confirms");
  const std::string text = ExpectFail("liveness", deadlock.history(), "deadlock", kNoJob, {1});
  EXPECT_NE(text.find("waits for confirms"), std::string::npos) << text;
  HistoryBuilder livelock = TwoStages();
  livelock.Start(0).Stuck("attempts go on", /*livelock=*/true);
  ExpectFail("liveness", livelock.history(), "livelock", kNoJob, {1});
  HistoryBuilder limit = TwoStages();
  limit.Start(0).Limit("600 s");
  ExpectFail("liveness", limit.history(), "limit", kNoJob, {1});
  HistoryBuilder open = TwoStages();
  open.Start(0);
  ExpectFail("liveness", open.history(), "not finished", kNoJob, {0});
}

TEST(Liveness, PoisonThatNobodyTakesOut) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("poison", "raw");
  b.Feed(job).Assign(0, "parse");
  const uint32_t first = b.last() + 1;
  for (int i = 0; i < 75; ++i) b.Dispatch(0, "parse", b.Input(job)).Crash(0);
  HistoryBuilder within = b;
  within.Quiet();
  ExpectPass("liveness", within.history());
  b.Dispatch(0, "parse", b.Input(job));
  const uint32_t last = b.last();
  b.Limit("600 s");
  ExpectFail("liveness", b.history(), "poison loop", job, {first, last});
}

// The stage in front died again and again before it settled, and left the killer once more each time: each copy is taken out
// in its turn.
TEST(Liveness, EachCopyOfPoisonIsTakenOutByItself) {
  for (bool queues : {false, true}) {
    HistoryBuilder b = TwoStages(queues);
    const uint32_t job = b.Job("poison", "raw");
    b.Feed(job).Assign(0, "parse");
    const uint32_t first = b.last() + 1;
    for (int i = 0; i < 75; ++i) b.Dispatch(0, "parse", b.Input(job)).Crash(0);
    b.Append(b.Input(job));
    for (int i = 0; i < 75; ++i) b.Dispatch(0, "parse", b.Input(job)).Crash(0);
    HistoryBuilder within = b;
    within.Quiet();
    ExpectPass("liveness", within.history());
    b.Dispatch(0, "parse", b.Input(job));
    b.Limit("600 s");
    ExpectFail("liveness", b.history(), "poison loop", job, {first, b.last() - 1});
  }
}

// On logs it can be told which copy goes round, however many others there are.
TEST(Liveness, ACopyOfPoisonThatNobodyTakesOut) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("poison", "raw");
  b.Feed(job).Append(b.Input(job)).Append(b.Input(job)).Assign(0, "parse");
  const uint32_t first = b.last() + 1;
  for (int i = 0; i < 76; ++i) b.Dispatch(0, "parse", b.Input(job));
  const uint32_t last = b.last();
  b.Limit("600 s");
  ExpectFail("liveness", b.history(), "poison loop", job, {first, last});
}

TEST(Liveness, OutagesAreNoPoison) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("waits", "raw");
  b.Feed(job).Assign(0, "parse");
  for (int i = 0; i < 100; ++i) b.Dispatch(0, "parse", b.Input(job)).Attempt(0, "parse", b.Input(job), {}, 14);
  b.Quiet();
  ExpectPass("liveness", b.history());
}

}  // namespace
}  // namespace millrace::sim
