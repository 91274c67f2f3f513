#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

TEST(OneIdOneContent, TheSameAgain) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), out = b.Derive(b.Input(job), "parse", "clean");
  b.Feed(job).Attempt(0, "parse", b.Input(job), {out}).Attempt(1, "parse", b.Input(job), {out});
  ExpectPass("one-id-one-content", b.history());
}

TEST(OneIdOneContent, AnotherContentIsTheStagesDoing) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), out = b.Derive(b.Input(job), "parse", "clean"), other = b.Other(out);
  b.Feed(job).Attempt(0, "parse", b.Input(job), {out});
  const uint32_t first = b.last();
  b.Attempt(1, "parse", b.Input(job), {other});
  const std::string text =
      ExpectFail("one-id-one-content", b.history(), "stage not deterministic", job, {first, b.last()});
  EXPECT_NE(text.find("stage parse is not deterministic"), std::string::npos) << text;
  EXPECT_NE(text.find("(a)"), std::string::npos) << text;
}

// The next version may make another output, and what comes of that is another one too; each makes the same whenever it is asked.
TEST(OneIdOneContent, OfTwoVersionsEachMakesOne) {
  HistoryBuilder b = TwoStages();
  b.Start(0).Start(1);
  b.record(b.last()).value = 1;
  const uint32_t job = b.Job("a", "raw"), out = b.Derive(b.Input(job), "parse", "clean"), next = b.Other(out);
  const uint32_t of_out = b.Derive(out, "store", "dead"), of_next = b.Other(of_out), third = b.Other(out);
  b.Feed(job).Attempt(0, "parse", b.Input(job), {out}).Attempt(1, "parse", b.Input(job), {next});
  const uint32_t by_next = b.last();
  b.Attempt(0, "store", out, {of_out}).Attempt(0, "store", next, {of_next});
  ExpectPass("one-id-one-content", b.history());
  HistoryBuilder again = b, behind = b;
  again.Attempt(1, "parse", b.Input(job), {third});
  ExpectFail("one-id-one-content", again.history(), "stage not deterministic", job, {by_next, again.last()});
  behind.Attempt(0, "store", out, {of_next});
  EXPECT_EQ(Judge("one-id-one-content", behind.history()).verdict, Verdict::kFail) << "one version, one input";
}

TEST(OneIdOneContent, TwoInputs) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), other = b.Other(b.Input(job));
  b.Feed(job).Append(other);
  ExpectFail("one-id-one-content", b.history(), "two inputs with one id", job, {1, 3});
}

}  // namespace
}  // namespace millrace::sim
