#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

TEST(NoLoss, EachWayToEnd) {
  HistoryBuilder b;
  b.Topic("raw").Topic("clean").Topic("dead").DeadLetters().Topic("receipts").Receipts().Topic("archive");
  b.Stage("parse", "raw", {"clean", "archive"}, "dead").Stage("store", "clean", {}, "dead").Sink();
  const uint32_t stored = b.Job("stored", "raw"), dropped = b.Job("dropped", "raw"), bad = b.Job("bad", "raw"),
                 kept = b.Job("kept", "raw"), refused = b.Job("refused", "raw");
  for (uint32_t job : {stored, dropped, bad, kept}) b.Feed(job);
  b.Submit(refused);  // never accepted: nobody promised anything
  b.Start(0).Assign(0, "parse").Assign(0, "store");
  const uint32_t out = b.Derive(b.Input(stored), "parse", "clean");
  b.Work(0, "parse", b.Input(stored), {out});
  b.Work(0, "parse", b.Input(dropped), {b.Receipt(b.Input(dropped), "parse", "receipts")});
  const uint32_t dead = b.DeadLetter(b.Input(bad), "parse");
  b.Deliver(0, "parse", b.Input(bad)).Dispatch(0, "parse", b.Input(bad)).Attempt(0, "parse", b.Input(bad), {}, 3);
  b.Die(0, "parse", dead).Sent(0, "parse", dead).Settled(0, "parse", b.Input(bad));
  b.Work(0, "parse", b.Input(kept), {b.Derive(b.Input(kept), "parse", "archive")});
  b.Work(0, "store", out).Quiet();
  ExpectPass("no-loss", b.history());
}

TEST(NoLoss, SettledWithNothingLeft) {
  HistoryBuilder b = TwoStages();
  const uint32_t good = b.Job("good", "raw"), lost = b.Job("lost", "raw");
  b.Feed(good).Feed(lost);
  const uint32_t accepted = b.last(), appended = accepted - 1;
  b.Assign(0, "parse").Assign(0, "store");
  const uint32_t out = b.Derive(b.Input(good), "parse", "clean");
  b.Work(0, "parse", b.Input(good), {out}).Work(0, "store", out);
  b.Deliver(0, "parse", b.Input(lost)).Settled(0, "parse", b.Input(lost));
  const uint32_t committed = b.last();
  b.Quiet();
  const std::string text = ExpectFail("no-loss", b.history(), "lost", lost, {appended, accepted, committed});
  EXPECT_NE(text.find("(lost)"), std::string::npos) << text;
}

TEST(NoLoss, OneShareOfThreeIsMissing) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("listing", "raw");
  b.Feed(job).Assign(0, "parse").Assign(0, "store");
  const uint32_t accepted = b.last() - 2;
  const uint32_t one = b.Derive(b.Input(job), "parse", "clean", ".1/3"),
                 two = b.Derive(b.Input(job), "parse", "clean", ".2/3"),
                 three = b.Derive(b.Input(job), "parse", "clean", ".3/3");
  b.Work(0, "parse", b.Input(job), {one, two, three});
  b.Work(0, "store", one).Work(0, "store", two);
  HistoryBuilder whole = b;
  whole.Work(0, "store", three).Quiet();
  ExpectPass("no-loss", whole.history());

  b.Settled(0, "store", three);  // and no effect
  const uint32_t committed = b.last();
  b.Quiet();
  const CheckResult result = Judge("no-loss", b.history());
  ASSERT_EQ(result.verdict, Verdict::kFail);
  EXPECT_EQ(result.findings[0].job, job);
  EXPECT_EQ(result.findings[0].evidence.front(), accepted - 1);
  EXPECT_EQ(result.findings[0].evidence.back(), committed);
}

TEST(NoLoss, BranchesAreSharesOfTheirOwn) {
  HistoryBuilder b;
  b.Topic("raw");
  b.Stage("store", "raw", {}).Sink().Branch(".1/2").Stage("index", "raw", {}).Sink().Branch(".2/2");
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Assign(0, "store").Assign(0, "index").Work(0, "store", b.Input(job));
  HistoryBuilder both = b;
  both.Work(0, "index", b.Input(job)).Quiet();
  ExpectPass("no-loss", both.history());
  b.Settled(0, "index", b.Input(job)).Quiet();
  EXPECT_EQ(Judge("no-loss", b.history()).verdict, Verdict::kFail);
}

TEST(NoLoss, CutOffRunsDecideOnlyWhatIsCertain) {
  HistoryBuilder b = TwoStages();
  const uint32_t open = b.Job("open", "raw", "", 1);
  b.Feed(open);
  HistoryBuilder cut = b;
  cut.Limit("600 s");
  ExpectNotCheckable("no-loss", cut.history());

  b.Quiet();  // at rest, and the job is still there: then it has not ended
  ExpectFail("no-loss", b.history(), "left on the bus", open, {1, 2});

  HistoryBuilder certain = TwoStages();
  const uint32_t lost = certain.Job("lost", "raw"), other = certain.Job("other", "raw", "", 1);
  certain.Feed(lost).Feed(other).Committed("parse", 0, 1);
  const uint32_t committed = certain.last();
  certain.Limit("600 s");
  ExpectFail("no-loss", certain.history(), "lost", lost, {1, 2, committed});
}

TEST(NoLoss, DestroyedCountsWhenItWasAnnounced) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Destroy("parse", b.Input(job));
  const uint32_t destroyed = b.last();
  HistoryBuilder silent = b;
  silent.Quiet();
  ExpectFail("no-loss", silent.history(), "destroyed and not announced", job, {1, 2, destroyed});
  b.DataLoss(0, "parse").Committed("parse", 0, 1).Quiet();
  ExpectPass("no-loss", b.history());
}

TEST(NoLoss, OneAnnouncementExcusesOnePartition) {
  for (const bool queues : {false, true}) {
    HistoryBuilder b = TwoStages(queues);
    const uint32_t told = b.Job("told", "raw"), silent = b.Job("silent", "raw", "", 1);
    b.Feed(told).Feed(silent).Destroy("parse", b.Input(told)).Destroy("parse", b.Input(silent));
    const uint32_t destroyed = b.last();
    HistoryBuilder both = b;
    b.DataLoss(0, "parse", 0).Quiet();
    ExpectFail("no-loss", b.history(), "destroyed and not announced", silent,
               {destroyed - 3, destroyed - 2, destroyed});
    both.DataLoss(0, "parse", 0).DataLoss(0, "parse", 1).Quiet();
    ExpectPass("no-loss", both.history());
  }
}

TEST(NoLoss, QueuesKeepWhatIsNotAcknowledged) {
  HistoryBuilder b = TwoStages(/*queues=*/true);
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Append(b.Input(job)).Acked("parse", b.Input(job));  // one of its two copies
  HistoryBuilder cut = b;
  cut.Stuck("nobody reads");
  ExpectNotCheckable("no-loss", cut.history());
  b.Acked("parse", b.Input(job)).Stuck("nobody reads");
  EXPECT_EQ(Judge("no-loss", b.history()).verdict, Verdict::kFail);
}

}  // namespace
}  // namespace millrace::sim
