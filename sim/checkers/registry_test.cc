// All checkers together: their order, suspensions, and a whole run that must pass them all.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "sim/checker.h"
#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

TEST(Registry, GravestFirstAndEachFoundByItsName) {
  std::set<std::string_view> names;
  for (const Checker* checker : AllCheckers()) {
    EXPECT_TRUE(names.insert(checker->name).second) << checker->name;
    EXPECT_FALSE(checker->summary.empty()) << checker->name;
    EXPECT_EQ(FindChecker(checker->name), checker);
  }
  EXPECT_EQ(names.size(), 21u);
  EXPECT_EQ(AllCheckers().front()->name, "no-loss");
  EXPECT_EQ(AllCheckers().back()->name, "liveness");
  EXPECT_EQ(FindChecker("no-such-promise"), nullptr);
}

// A run with a crash, a clean leave, a dead letter and a receipt, as a right implementation would leave it.
HistoryBuilder WholeRun(bool queues) {
  HistoryBuilder b;
  if (queues) b.Queues();
  b.Topic("raw", 2).Topic("clean", 2).Topic("dead").DeadLetters().Topic("receipts").Receipts();
  b.Stage("parse", "raw", {"clean", "receipts"}, "dead").Stage("store", "clean", {}, "dead").Sink();
  const uint32_t a = b.Job("a", "raw", "k1"), bad = b.Job("bad", "raw", "k2"), c = b.Job("c", "raw", "k1"),
                 dropped = b.Job("dropped", "raw", "k3", 1);
  const uint32_t out_a = b.Derive(b.Input(a), "parse", "clean"), out_c = b.Derive(b.Input(c), "parse", "clean");
  const uint32_t letter = b.DeadLetter(b.Input(bad), "parse");
  b.Start(0).Start(1).Moved("parse").Assign(0, "parse", 0).Assign(1, "parse", 1).Assign(1, "store", 0);
  b.Feed(a).Feed(bad).Feed(c).Feed(dropped);
  b.Work(0, "parse", b.Input(a), {out_a});
  b.Work(1, "parse", b.Input(dropped), {b.Receipt(b.Input(dropped), "parse", "receipts")});
  b.Work(1, "store", out_a);
  b.Deliver(0, "parse", b.Input(bad)).Dispatch(0, "parse", b.Input(bad));
  b.Attempt(0, "parse", b.Input(bad), {}, 3).Die(0, "parse", letter).Sent(0, "parse", letter);
  b.Crash(0).Start(0).Assign(0, "parse", 0);
  b.Deliver(0, "parse", b.Input(bad)).Dispatch(0, "parse", b.Input(bad));
  b.Attempt(0, "parse", b.Input(bad), {}, 3).Die(0, "parse", letter).Sent(0, "parse", letter);
  b.Settled(0, "parse", b.Input(bad));
  b.Work(0, "parse", b.Input(c), {out_c});
  b.Drain(0).Release(0, "parse", 0).Stopped(0);
  b.Work(1, "store", out_c).Quiet();
  return b;
}

TEST(CheckAll, AWholeRunPasses) {
  for (bool queues : {false, true}) {
    const HistoryBuilder b = WholeRun(queues);
    const Plan plan;
    const Verdicts verdicts = CheckAll({.plan = plan, .history = b.history(), .faultless = &b.history()});
    ASSERT_EQ(verdicts.results.size(), AllCheckers().size());
    EXPECT_FALSE(verdicts.failed()) << verdicts.first()->promise << ": " << verdicts.first()->text;
    EXPECT_EQ(verdicts.first(), nullptr);
    for (size_t i = 0; i < verdicts.results.size(); ++i) {
      const bool once = AllCheckers()[i]->name == "exactly-once";  // which no stage of it is
      EXPECT_EQ(verdicts.results[i].verdict, once ? Verdict::kNotCheckable : Verdict::kPass)
          << AllCheckers()[i]->name << verdicts.results[i].why;
    }
  }
}

TEST(CheckAll, TheGravestIsFirst) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Assign(0, "parse").Deliver(0, "parse", b.Input(job)).Settled(0, "parse", b.Input(job)).Quiet();
  const Plan plan;
  const Verdicts verdicts = CheckAll({.plan = plan, .history = b.history()});
  ASSERT_TRUE(verdicts.failed());
  EXPECT_EQ(verdicts.first()->promise, "no-loss");
  std::set<std::string_view> failed;
  for (const CheckResult& result : verdicts.results) {
    if (result.verdict == Verdict::kFail) failed.insert(result.findings.at(0).promise);
  }
  EXPECT_EQ(failed,
            (std::set<std::string_view>{"no-loss", "settled-correctly", "settle-before-confirm", "starvation"}));
}

TEST(CheckAll, Suspensions) {
  HistoryBuilder b = TwoStages();
  b.Committed("parse", 0, 5).Committed("parse", 0, 4).Quiet();
  const Plan plan;
  const Suspension suspended[] = {{.promise = "commit-regression", .why = "it was moved"}};
  const Suspension other[] = {{.promise = "no-loss", .why = ""}};
  const auto index = [] {
    const auto all = AllCheckers();
    return std::find_if(all.begin(), all.end(), [](const Checker* c) { return c->name == "commit-regression"; }) -
           all.begin();
  }();
  const auto verdict = [&](std::span<const Suspension> suspensions) {
    return CheckAll({.plan = plan, .history = b.history(), .suspensions = suspensions}).results[index];
  };
  EXPECT_EQ(verdict({}).verdict, Verdict::kFail);
  EXPECT_EQ(verdict(other).verdict, Verdict::kFail);
  EXPECT_EQ(verdict(suspended).verdict, Verdict::kNotCheckable);
  EXPECT_EQ(verdict(suspended).why, "it was moved");
}

TEST(CheckAll, WithoutTheFaultlessRunTwoAreNotCheckable) {
  const HistoryBuilder b = WholeRun(false);
  const Plan plan;
  const Verdicts verdicts = CheckAll({.plan = plan, .history = b.history()});
  for (size_t i = 0; i < verdicts.results.size(); ++i) {
    const bool needs = AllCheckers()[i]->needs_faultless || AllCheckers()[i]->name == "exactly-once";
    EXPECT_EQ(verdicts.results[i].verdict, needs ? Verdict::kNotCheckable : Verdict::kPass) << AllCheckers()[i]->name;
  }
}

// In transactions: one is aborted, one committed, and the process crashes in a third.
HistoryBuilder TransactedRun() {
  HistoryBuilder b;
  b.Topic("raw").Topic("clean").Topic("dead").DeadLetters().Stage("parse", "raw", {"clean"}, "dead").ExactlyOnce();
  b.Stage("store", "clean", {}, "dead").Sink();
  const uint32_t a = b.Job("a", "raw", "k1"), c = b.Job("c", "raw", "k1");
  const uint32_t out_a = b.Derive(b.Input(a), "parse", "clean"), out_c = b.Derive(b.Input(c), "parse", "clean");
  b.Start(0).Moved("parse").Assign(0, "parse").Assign(0, "store").Feed(a).Feed(c);
  b.Deliver(0, "parse", b.Input(a)).Dispatch(0, "parse", b.Input(a)).Attempt(0, "parse", b.Input(a), {out_a});
  b.SentIn(1, 0, "parse", out_a).Transact(0, "parse", false).Ended(1, 0, "parse", false).Transacted(0, "parse", false);
  b.SentIn(2, 0, "parse", out_a).SettledIn(2, 0, "parse", b.Input(a)).Work(0, "store", out_a);
  b.Deliver(0, "parse", b.Input(c)).Dispatch(0, "parse", b.Input(c)).Attempt(0, "parse", b.Input(c), {out_c});
  b.SentIn(3, 0, "parse", out_c).Crash(0).Start(0).Assign(0, "parse").Assign(0, "store");
  b.Ended(3, 0, "parse", false, TransactionEnd::kFenced).WorkIn(4, 0, "parse", b.Input(c), {out_c});
  b.Work(0, "store", out_c).Quiet();
  return b;
}

TEST(CheckAll, ARunInTransactionsPasses) {
  const HistoryBuilder b = TransactedRun();
  const Plan plan;
  const Verdicts verdicts = CheckAll({.plan = plan, .history = b.history(), .faultless = &b.history()});
  for (size_t i = 0; i < verdicts.results.size(); ++i) {
    const CheckResult& result = verdicts.results[i];
    EXPECT_EQ(result.verdict, Verdict::kPass)
        << AllCheckers()[i]->name << result.why << (result.findings.empty() ? "" : result.findings.front().text);
  }
}

// Histories come from files too: whatever stands in one, no checker may fall over it.
void NonsenseIsNoCrash(const HistoryBuilder& b) {
  const Plan plan;
  for (uint32_t at = 0; at < b.history().records.size(); ++at) {
    for (int what = 0; what < 11; ++what) {
      History broken = b.history();
      Record& record = broken.records[at];
      if (what == 0) record.stage = 7;
      if (what == 1) record.topic = 99;
      if (what == 2) record.partition = 12;
      if (what == 3) record.message = 5000;
      if (what == 4) record.value = UINT64_MAX;
      if (what == 5) record.sequence = UINT64_MAX;
      if (what == 6) record.process = 9;
      if (what == 7) record.kind = static_cast<Kind>((static_cast<int>(record.kind) + 5) % kKinds);
      if (what == 8) record.kind = static_cast<Kind>(200);
      if (what == 9) record.epoch = 5000;
      if (what == 10) record.value = 4;
      EXPECT_EQ(CheckAll({.plan = plan, .history = broken, .faultless = &b.history()}).results.size(), 21u);
    }
  }
}

TEST(CheckAll, NonsenseIsNoCrash) {
  NonsenseIsNoCrash(WholeRun(false));
  NonsenseIsNoCrash(TransactedRun());
}

TEST(CheckAll, NorAreMessagesThatSayNonsense) {
  const HistoryBuilder b = WholeRun(false);
  const Plan plan;
  for (uint32_t message = 0; message < b.history().messages.size(); ++message) {
    for (int what = 0; what < 9; ++what) {
      History broken = b.history();
      MessageInfo& info = broken.messages[message];
      if (what == 0) info.topic = 99;
      if (what == 1) info.topic = static_cast<uint16_t>((info.topic + 1) % 4);
      if (what == 2) info.stage = 7;
      if (what == 3) info.job = 5000;
      if (what == 4) info.key = 5000;
      if (what == 5) info.of = 5000;
      if (what == 6) info.same_id_as = 5000;
      if (what == 7) info.share = ".3/2.x";
      if (what == 8) info.role = MessageRole::kForeign;
      EXPECT_EQ(CheckAll({.plan = plan, .history = broken, .faultless = &b.history()}).results.size(), 21u);
    }
  }
  const History empty;
  EXPECT_TRUE(CheckAll({.plan = plan, .history = empty}).failed());  // it has not come to rest
}

TEST(History, KindsHaveNames) {
  std::set<std::string_view> names;
  for (int kind = 0; kind < kKinds; ++kind) EXPECT_TRUE(names.insert(NameOf(static_cast<Kind>(kind))).second);
  EXPECT_EQ(NameOf(Kind::kSubmit), "submit");
  EXPECT_EQ(NameOf(Kind::kDelivered), "delivered");
  EXPECT_EQ(NameOf(Kind::kAppended), "appended");
  EXPECT_EQ(NameOf(Kind::kQuiet), "quiet");
  EXPECT_EQ(NameOf(Kind::kEnd), "end");
  EXPECT_EQ(NameOf(static_cast<Kind>(200)), "unknown");
}

}  // namespace
}  // namespace millrace::sim
