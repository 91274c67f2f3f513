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
  EXPECT_NE(text.find("the input of job 'a'"), std::string::npos) << text;
}

TEST(OneIdOneContent, TwoInputs) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), other = b.Other(b.Input(job));
  b.Feed(job).Append(other);
  ExpectFail("one-id-one-content", b.history(), "two inputs with one id", job, {1, 3});
}

}  // namespace
}  // namespace millrace::sim
