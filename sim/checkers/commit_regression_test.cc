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

TEST(CommitRegression, WhatComesOverAConnectionThatIsGone) {
  HistoryBuilder b = TwoStages();
  b.Assign(0, "parse").Commit(0, "parse", 0, 4).Trouble(0, "parse", 14).Commit(0, "parse", 0, 5);
  b.Committed("parse", 0, 5).Committed("parse", 0, 4);
  b.record(b.last()).flags = kGivenUp;
  ExpectPass("commit-regression", b.history());
}

// The broker has lost commits: from there the group goes on, and no further back.
TEST(CommitRegression, WhatTheBrokerHasLost) {
  HistoryBuilder b = TwoStages();
  b.Committed("parse", 0, 5).Committed("parse", 0, 2);
  b.record(b.last()).count = 3;
  b.Committed("parse", 0, 4);
  ExpectPass("commit-regression", b.history());
  b.Committed("parse", 0, 3);
  ExpectFail("commit-regression", b.history(), "offset went back", kNoJob, {b.last() - 1, b.last()});
}

// A client that says the same again, after trouble or not, has not been overtaken by anybody.
TEST(CommitRegression, TroubleAloneExcusesNothing) {
  HistoryBuilder b = TwoStages();
  b.Assign(0, "parse").Commit(0, "parse", 0, 4).Trouble(0, "parse", 14).Commit(0, "parse", 0, 5);
  b.Committed("parse", 0, 5).Committed("parse", 0, 4);
  ExpectFail("commit-regression", b.history(), "offset went back", kNoJob, {b.last() - 1, b.last()});
}

// The offset was settled again over the next connection, and so told twice as being committed, before the first arrived.
TEST(CommitRegression, WhatComesLateThoughItWasSaidAgainMeanwhile) {
  HistoryBuilder b = TwoStages();
  b.Assign(0, "parse").Commit(0, "parse", 0, 4).Trouble(0, "parse", 14).Trouble(0, "parse", 0);
  b.Commit(0, "parse", 0, 4).Committed("parse", 0, 4).Commit(0, "parse", 0, 5).Committed("parse", 0, 5);
  b.Committed("parse", 0, 4);
  b.record(b.last()).flags = kGivenUp;
  ExpectPass("commit-regression", b.history());
}

}  // namespace
}  // namespace millrace::sim
