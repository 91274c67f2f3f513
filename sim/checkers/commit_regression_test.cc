#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

TEST(CommitRegression, ForwardsAndAgain) {
  HistoryBuilder b = TwoStages();
  b.Committed("parse", 0, 2).Committed("parse", 1, 1).Committed("parse", 0, 2).Committed("parse", 0, 5);
  ExpectPass("commit-regression", b.history());
}

TEST(CommitRegression, Backwards) {
  HistoryBuilder b = TwoStages();
  b.Committed("parse", 0, 5).Committed("store", 0, 1).Committed("parse", 0, 4);
  const std::string text = ExpectFail("commit-regression", b.history(), "offset went back", kNoJob, {0, 2});
  EXPECT_NE(text.find("raw/0 went back from 5 to 4"), std::string::npos) << text;
}

TEST(CommitRegression, WhatWasSentOverAConnectionThatIsGone) {
  HistoryBuilder b = TwoStages();
  b.Assign(0, "parse").Commit(0, "parse", 0, 4).Trouble(0, "parse", 14).Commit(0, "parse", 0, 5);
  HistoryBuilder calm = TwoStages();
  calm.Assign(0, "parse").Commit(0, "parse", 0, 4).Commit(0, "parse", 0, 5);
  for (HistoryBuilder* each : {&b, &calm}) each->Committed("parse", 0, 5).Committed("parse", 0, 4);
  ExpectPass("commit-regression", b.history());
  ExpectFail("commit-regression", calm.history(), "offset went back", kNoJob, {calm.last() - 1, calm.last()});
}

}  // namespace
}  // namespace millrace::sim
