#include <gtest/gtest.h>

#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kAborted = 10;

// raw → parse, in transactions → clean → store (a sink).
HistoryBuilder InTransactions() {
  HistoryBuilder b;
  b.Topic("raw", 2).Topic("clean", 2).Topic("dead").DeadLetters();
  b.Stage("parse", "raw", {"clean"}, "dead").ExactlyOnce().Stage("store", "clean", {}, "dead").Sink();
  b.Start(0).Assign(0, "parse").Assign(0, "store");
  return b;
}

class ExactlyOnceTest : public ::testing::Test {
 protected:
  ExactlyOnceTest() : b(InTransactions()), a(b.Job("a", "raw")), out(b.Derive(b.Input(a), "parse", "clean")) {
    b.Feed(a);
  }
  void Run() {
    b.Deliver(0, "parse", b.Input(a)).Dispatch(0, "parse", b.Input(a)).Attempt(0, "parse", b.Input(a), {out});
  }

  HistoryBuilder b;
  const uint32_t a;
  const uint32_t out;
};

TEST_F(ExactlyOnceTest, OutputsAndSettlementInOneTransaction) {
  b.WorkIn(1, 0, "parse", b.Input(a), {out}).Work(0, "store", out).Quiet();
  ExpectPass("exactly-once", b.history());
  for (const char* promise : {"no-loss", "settled-correctly", "settle-before-confirm", "log-consistency", "key-order",
                              "duplicates-explained", "commit-after-revoke", "phantom", "bounded"})
    ExpectPass(promise, b.history());
}

TEST_F(ExactlyOnceTest, AnAbortedTransactionIsNeverSeen) {
  Run();
  b.SentIn(1, 0, "parse", out).Transact(0, "parse", false).Ended(1, 0, "parse", false).Transacted(0, "parse", false);
  b.SentIn(2, 0, "parse", out).SettledIn(2, 0, "parse", b.Input(a)).Work(0, "store", out).Quiet();
  ExpectPass("exactly-once", b.history());
  for (const char* promise :
       {"no-loss", "settled-correctly", "settle-before-confirm", "log-consistency", "duplicates-explained", "bounded"})
    ExpectPass(promise, b.history());
}

TEST_F(ExactlyOnceTest, ACommitWithoutAnAnswerIsTakenOrNot) {
  Run();
  b.SentIn(1, 0, "parse", out).Commit(0, "parse", 0, 1).Transact(0, "parse").Ended(1, 0, "parse");
  b.CommittedIn(1, "parse", 0, 1).Crash(0).Start(0).Assign(0, "parse").Assign(0, "store").Work(0, "store", out).Quiet();
  ExpectPass("exactly-once", b.history());
}

TEST_F(ExactlyOnceTest, EachCopyOfAnInputHasItsOutputs) {
  b.Append(b.Input(a));
  Run();
  b.SentIn(1, 0, "parse", out).SentIn(1, 0, "parse", out).SettledIn(1, 0, "parse", b.Input(a)).Quiet();
  ExpectPass("exactly-once", b.history());
}

TEST_F(ExactlyOnceTest, ADeadLetterStandsForOutputs) {
  const uint32_t letter = b.DeadLetter(b.Input(a), "parse");
  b.Deliver(0, "parse", b.Input(a)).Dispatch(0, "parse", b.Input(a)).Attempt(0, "parse", b.Input(a), {}, 3);
  b.Die(0, "parse", letter).SentIn(1, 0, "parse", letter).SettledIn(1, 0, "parse", b.Input(a)).Quiet();
  ExpectPass("exactly-once", b.history());
}

TEST_F(ExactlyOnceTest, OutputsThatWereAbortedAreNotThere) {
  Run();
  b.SentIn(1, 0, "parse", out).Transact(0, "parse", false).Ended(1, 0, "parse", false);
  b.Transacted(0, "parse", false).SettledIn(2, 0, "parse", b.Input(a)).Quiet();
  const CheckResult result = Judge("exactly-once", b.history());
  ASSERT_EQ(result.verdict, Verdict::kFail);
  EXPECT_EQ(result.findings[0].signature, "settled without its outputs");
  EXPECT_EQ(result.findings[0].job, a);
  EXPECT_EQ(Judge("settled-correctly", b.history()).verdict, Verdict::kFail) << "nobody will ever see them";
  EXPECT_EQ(Judge("settle-before-confirm", b.history()).verdict, Verdict::kFail) << "confirmed, and aborted after that";
  EXPECT_EQ(Judge("no-loss", b.history()).verdict, Verdict::kFail);
}

TEST_F(ExactlyOnceTest, SomeOutputsAreNotAll) {
  const uint32_t second = b.Derive(b.Input(a), "parse", "clean");
  b.Deliver(0, "parse", b.Input(a)).Dispatch(0, "parse", b.Input(a)).Attempt(0, "parse", b.Input(a), {out, second});
  b.SentIn(1, 0, "parse", out).SettledIn(1, 0, "parse", b.Input(a)).Quiet();
  const CheckResult result = Judge("exactly-once", b.history());
  ASSERT_EQ(result.verdict, Verdict::kFail);
  EXPECT_EQ(result.findings[0].signature, "settled without its outputs");
}

TEST_F(ExactlyOnceTest, OutputsThatComeWithoutTheirSettlement) {
  Run();
  b.SentIn(1, 0, "parse", out);
  const uint32_t append = b.last() - 1;
  b.Transact(0, "parse").Ended(1, 0, "parse");
  const uint32_t ended = b.last();
  b.Transacted(0, "parse").Quiet();
  ExpectFail("exactly-once", b.history(), "outputs without their settlement", a, {append, ended});
}

TEST_F(ExactlyOnceTest, OffsetsOutsideOfTheTransaction) {
  Run();
  b.SentIn(1, 0, "parse", out).Transact(0, "parse").Ended(1, 0, "parse").Transacted(0, "parse");
  b.Settle(0, "parse", b.Input(a)).Commit(0, "parse", 0, 1).Committed("parse", 0, 1);
  const uint32_t committed = b.last();
  b.Quiet();
  const CheckResult result = Judge("exactly-once", b.history());
  ASSERT_EQ(result.verdict, Verdict::kFail);
  ASSERT_EQ(result.findings.size(), 2u) << "and the outputs are seen without it";
  EXPECT_EQ(result.findings[1].signature, "settled outside of a transaction");
  EXPECT_EQ(result.findings[1].evidence, (std::vector<uint32_t>{committed}));
}

TEST_F(ExactlyOnceTest, SeenTwice) {
  Run();
  b.SentIn(1, 0, "parse", out).SentIn(1, 0, "parse", out);
  const uint32_t append = b.last() - 1;
  b.SettledIn(1, 0, "parse", b.Input(a)).Quiet();
  ExpectFail("exactly-once", b.history(), "seen more often than settled", a, {append, append + 4});
}

TEST_F(ExactlyOnceTest, DeadLetterAndOutputs) {
  const uint32_t letter = b.DeadLetter(b.Input(a), "parse");
  Run();
  b.SentIn(1, 0, "parse", out).SentIn(1, 0, "parse", letter).SettledIn(1, 0, "parse", b.Input(a)).Quiet();
  const CheckResult result = Judge("exactly-once", b.history());
  ASSERT_EQ(result.verdict, Verdict::kFail);
  EXPECT_EQ(result.findings[0].signature, "seen more often than settled");
}

TEST_F(ExactlyOnceTest, WhatAProcessIsToldIsHowItEnded) {
  Run();
  b.SentIn(1, 0, "parse", out).Commit(0, "parse", 0, 1).Transact(0, "parse");
  b.Ended(1, 0, "parse", false, TransactionEnd::kTimedOut).Transacted(0, "parse");
  const uint32_t told = b.last();
  ExpectFail("exactly-once", b.history(), "told of a commit that was none", kNoJob, {told});
}

TEST_F(ExactlyOnceTest, ANoteThatIsThereAlreadyMayCountAsCommitted) {
  b.WorkIn(1, 0, "parse", b.Input(a), {out}).Commit(0, "parse", 0, 1).Transact(0, "parse");
  b.Ended(2, 0, "parse", false, TransactionEnd::kFenced).Transacted(0, "parse");
  ExpectPass("exactly-once", b.history());
}

TEST_F(ExactlyOnceTest, ACommitThatIsToldAsAnAbort) {
  Run();
  b.SentIn(1, 0, "parse", out).Commit(0, "parse", 0, 1).Transact(0, "parse").Ended(1, 0, "parse");
  const uint32_t ended = b.last();
  b.CommittedIn(1, "parse", 0, 1).Transacted(0, "parse", true, kAborted);
  const uint32_t told = b.last();
  ExpectFail("exactly-once", b.history(), "told of an abort that was none", kNoJob, {ended, told});
}

TEST_F(ExactlyOnceTest, WhoHasNothingLeftOfItMayNotKnow) {
  Run();
  b.SentIn(1, 0, "parse", out).Commit(0, "parse", 0, 1).Transact(0, "parse").Ended(1, 0, "parse");
  b.CommittedIn(1, "parse", 0, 1).Assign(1, "parse").Transacted(0, "parse", true, kAborted);
  ExpectPass("exactly-once", b.history());
}

// A duplicate delivery: what was settled is done again, or settled again by a transaction that was open meanwhile. What was not
// settled before needs its outputs all the same.
TEST_F(ExactlyOnceTest, WhatTheOffsetWentBackOver) {
  const uint32_t c = b.Job("c", "raw"), more = b.Derive(b.Input(c), "parse", "clean");
  b.Feed(c).WorkIn(1, 0, "parse", b.Input(a), {out}).Committed("parse", 0, 0);
  HistoryBuilder redone = b, missing = b;
  redone.WorkIn(2, 0, "parse", b.Input(a), {out}).Quiet();
  ExpectPass("exactly-once", redone.history());
  b.WorkIn(2, 0, "parse", b.Input(c), {more}).Quiet();  // settles both
  ExpectPass("exactly-once", b.history());
  missing.Deliver(0, "parse", b.Input(c)).Dispatch(0, "parse", b.Input(c)).Attempt(0, "parse", b.Input(c), {more});
  missing.SettledIn(2, 0, "parse", b.Input(c)).Quiet();
  const CheckResult result = Judge("exactly-once", missing.history());
  ASSERT_EQ(result.verdict, Verdict::kFail);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].signature, "settled without its outputs");
  EXPECT_EQ(result.findings[0].job, c);
}

// … and who looks at the offset to find out how its commit has ended, in vain.
TEST_F(ExactlyOnceTest, WhereTheOffsetWentBackAProcessMayNotKnow) {
  Run();
  b.SentIn(1, 0, "parse", out).Commit(0, "parse", 0, 1).Transact(0, "parse").Ended(1, 0, "parse");
  b.CommittedIn(1, "parse", 0, 1);
  HistoryBuilder before = b;
  b.Committed("parse", 0, 0).Transacted(0, "parse", true, kAborted);
  ExpectPass("exactly-once", b.history());
  before.Transacted(0, "parse", true, kAborted).Committed("parse", 0, 0);
  EXPECT_EQ(Judge("exactly-once", before.history()).verdict, Verdict::kFail) << "it went back after that";
}

TEST_F(ExactlyOnceTest, ReadersSeeNothingThatIsNotCommitted) {
  Run();
  b.SentIn(1, 0, "parse", out);
  const uint32_t append = b.last() - 1, assigned = 2;
  b.Deliver(0, "store", out);
  const uint32_t early = b.last();
  ExpectFail("log-consistency", b.history(), "precommitted-read", a, {assigned, append, early});
}

TEST_F(ExactlyOnceTest, ReadersSeeNothingThatWasAborted) {
  Run();
  b.SentIn(1, 0, "parse", out).Transact(0, "parse", false).Ended(1, 0, "parse", false);
  const uint32_t ended = b.last(), assigned = 2;
  b.Deliver(0, "store", out);
  const uint32_t late = b.last();
  ExpectFail("log-consistency", b.history(), "aborted-read", a, {assigned, ended, late});
}

TEST(ExactlyOnce, SaysNothingWithoutSuchAStage) {
  HistoryBuilder b = TwoStages();
  ExpectNotCheckable("exactly-once", b.history());
}

}  // namespace
}  // namespace millrace::sim
