// Runs on a broker, made by hand as files and records: what the checkers say of them.
#include "sim/observed/observation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bus/digest.h"
#include "bus/envelope.h"
#include "sim/message_content.h"
#include "stages/dead_letter.h"

namespace millrace::sim {
namespace {

// raw → parse → clean → store (a sink).
Topology TwoStages(bool exactly_once = false, bool queue = false) {
  Topology t;
  t.queue = queue;
  t.ports = {"shop"};
  t.topics.push_back({.name = "raw", .readers = {0}});
  t.topics.push_back({.name = "clean", .readers = {1}});
  t.topics.push_back({.name = "dead", .dead_letter = true, .readers = {}});
  t.stages.push_back({.name = "parse",
                      .group = "p.parse",
                      .input = 0,
                      .dead_letter = 2,
                      .outputs = {1},
                      .exactly_once = exactly_once,
                      .window = 16,
                      .attempts_max = 3,
                      .branch = {}});
  t.stages.push_back({.name = "store",
                      .group = "p.store",
                      .input = 1,
                      .dead_letter = 2,
                      .outputs = {},
                      .sink = true,
                      .window = 16,
                      .attempts_max = 3,
                      .branch = {},
                      .ports = {0}});
  return t;
}

// A message, and how lines speak of it.
class Text {
 public:
  Text(const std::string& id, const std::string& root, const std::string& maker) : body_("body of " + id) {
    bus::HeaderBuilder headers(&block_);
    bus::WriteEnvelope({.id = id, .source = "/p/" + maker, .type = "t", .root = root}, headers);
    char hex[32];
    line_.append(hex, bus::WriteHex(bus::DigestOf(id), hex));
    line_ += " ";
    line_.append(hex, bus::WriteHex(ContentOf("t", message()), hex));
  }
  bus::Message message() const {
    bus::Message m;
    m.key = "key";
    m.body = body_;
    m.headers = bus::Headers(block_);
    return m;
  }
  const std::string& line() const { return line_; }

 private:
  std::string block_;
  const std::string body_;
  std::string line_;
};

class ObservationTest : public ::testing::Test {
 protected:
  explicit ObservationTest(Topology topology = TwoStages()) : seen(std::move(topology)) {}

  std::string Path(const std::string& name) const {
    return ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name() + "." + name;
  }
  // Writes a file; `%` at the beginning of a line's numbers stands for the next time.
  std::string File(const std::string& name, const std::string& stage, const std::vector<std::string>& lines) {
    std::ofstream out(Path(name), std::ios::binary);
    out << "millrace-history 1\n" << name << "\n" << stage << "\n2\nclean\ndead\n";
    for (const std::string& line : lines) out << line.substr(0, 1) << " " << ++now_ns << line.substr(1) << "\n";
    return Path(name);
  }
  void Take(const std::string& file) {
    const absl::Status s = seen.Process(file);
    ASSERT_TRUE(s.ok()) << s.ToString();
  }
  // Verdicts by name.
  void Judge() {
    seen.AtRest();
    observed = seen.Take();
    const Verdicts verdicts = JudgeObserved(observed);
    for (size_t i = 0; i < verdicts.results.size(); ++i) {
      const CheckResult& result = verdicts.results[i];
      results[std::string(AllCheckers()[i]->name)] = result;
    }
  }
  void ExpectOnly(const std::vector<std::string>& broken) {
    std::vector<std::string> found;
    for (const auto& [name, result] : results) {
      if (result.verdict == Verdict::kFail) found.push_back(name);
    }
    EXPECT_EQ(found, broken) << Findings();
  }
  std::string Findings() const {
    std::string text;
    for (const auto& [name, result] : results) {
      for (const Finding& finding : result.findings)
        text += name + ": " + finding.signature + ": " + finding.text + "\n";
    }
    return text;
  }
  // What the two stages do with the one job, all in order.
  std::vector<std::string> Parsed() const {
    return {"a 0 1 0",
            "D 0 1 0 0 " + raw.line(),
            "d 0 1 0 1",
            "A 0 1 0 1 0 0 1",
            "O 0 " + clean.line(),
            "P 1 0 0 " + clean.line(),
            "C 1 1 0",
            "s 0 1 0 0",
            "c 0 1 1",
            "g",
            "E 0"};
  }
  std::vector<std::string> Stored() const {
    return {"a 0 1 0", "D 0 1 0 0 " + clean.line(), "d 0 1 0 1", "A 0 1 0 1 0 0 0", "s 0 1 0 0", "c 0 1 1", "g", "E 0"};
  }
  // Behind the output of the one job lies another record, which the second stage works on, too.
  void TakeWithOneMore(const Text& more) {
    Feed();
    seen.Copy(1, 0, 0, clean.message());
    seen.Copy(1, 0, 1, more.message());
    Take(File("p.parse-0", "parse", Parsed()));
    std::vector<std::string> lines = Stored();
    lines.insert(lines.begin() + 6,
                 {"D 0 1 1 0 " + more.line(), "d 0 1 1 1", "A 0 1 1 1 0 0 0", "s 0 1 1 1", "c 0 1 2"});
    Take(File("p.store-0", "store", lines));
    seen.Effect(0, "out");
  }
  void Feed() {
    seen.Job(0, "job");
    seen.Copy(0, 0, 0, raw.message());
  }

  const Text raw{"job", "job", "feed"};
  const Text clean{"out", "job", "parse"};
  Observation seen;
  int64_t now_ns = 1000;
  Observed observed;
  std::map<std::string, CheckResult> results;
};

TEST_F(ObservationTest, ARunThatKeepsItsPromises) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.parse-0", "parse", Parsed()));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  seen.Committed(0, 0, 1);
  seen.Committed(1, 0, 1);
  Judge();
  ExpectOnly({});
  for (const char* kept : {"no-loss", "settled-correctly", "settle-before-confirm", "commit-after-revoke", "phantom",
                           "duplicates-explained", "log-consistency", "key-order", "drain", "liveness"})
    EXPECT_EQ(results[kept].verdict, Verdict::kPass) << kept << ": " << results[kept].why;
  for (const char* nobody_knows : {"announced", "duplicate-effect", "zombie-effect", "commit-regression", "final-state",
                                   "unjustified-dead-letter", "starvation", "exactly-once"})
    EXPECT_EQ(results[nobody_knows].verdict, Verdict::kNotCheckable) << nobody_knows;
  EXPECT_EQ(observed.redone, 0u);
}

TEST_F(ObservationTest, AJobFromElsewhereHasNoRoot) {
  seen.Job(0, "job");
  const Text foreign("job", "", "somebody");
  seen.Copy(0, 0, 0, foreign.message());
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.parse-0", "parse", Parsed()));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({});
}

TEST_F(ObservationTest, AJobWhoseOutputIsNotThereIsLost) {
  Feed();
  Take(File("p.parse-0", "parse", Parsed()));
  Judge();
  EXPECT_EQ(results["no-loss"].verdict, Verdict::kFail);
  EXPECT_EQ(results["settled-correctly"].verdict, Verdict::kFail);
  EXPECT_EQ(results["log-consistency"].verdict, Verdict::kFail) << "confirmed, and never appended";
  ASSERT_FALSE(results["no-loss"].findings.empty());
  EXPECT_NE(results["no-loss"].findings[0].text.find("(job)"), std::string::npos) << Findings();
}

TEST_F(ObservationTest, AnAcceptedJobThatTheBrokerHasNothingOfIsLost) {
  seen.Job(0, "job");
  Take(File("p.parse-0", "parse", {"a 0 1 0", "E 0"}));
  Judge();
  ExpectOnly({"no-loss"});
}

TEST_F(ObservationTest, AJobThatNoStoreHasAReceiptOfIsLost) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.parse-0", "parse", Parsed()));
  Take(File("p.store-0", "store", Stored()));
  Judge();
  ExpectOnly({"no-loss"});
}

TEST_F(ObservationTest, SettledBeforeItsAnswer) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  std::vector<std::string> lines = Parsed();
  std::swap(lines[6], lines[8]);  // c before s before C
  Take(File("p.parse-0", "parse", lines));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  Judge();
  EXPECT_EQ(results["settle-before-confirm"].verdict, Verdict::kFail);
  EXPECT_EQ(results["settled-correctly"].verdict, Verdict::kFail) << "the append stands before its answer, no earlier";
}

TEST_F(ObservationTest, WhatAKilledProcessHadNotCommittedIsDoneAgainAndCounted) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  seen.Copy(1, 0, 1, clean.message());
  std::vector<std::string> lines = Parsed();
  lines.resize(6);  // published, and gone
  Take(File("p.parse-0", "parse", lines));
  lines = Parsed();
  Take(File("q.parse-0", "parse", lines));
  lines = Stored();
  lines.insert(lines.begin() + 6,
               {"D 0 1 1 0 " + clean.line(), "d 0 1 1 1", "A 0 1 1 1 0 0 0", "s 0 1 1 1", "c 0 1 2"});
  Take(File("q.store-0", "store", lines));
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({});
  EXPECT_EQ(observed.redone, 1u) << "the store was given two copies, and worked on two";
}

// Two messages of a key are stored in their order, and the first of them again by another process, whose file is read first.
TEST_F(ObservationTest, AnEffectIsOfTheFirstAttemptAndNotOfTheFirstFile) {
  Feed();
  const Text second("out 2", "job", "parse");
  seen.Copy(1, 0, 0, clean.message());
  seen.Copy(1, 0, 1, second.message());
  std::vector<std::string> lines = Parsed();
  lines[3] = "A 0 1 0 1 0 0 2";
  lines.insert(lines.begin() + 5, "O 0 " + second.line());
  lines.insert(lines.begin() + 7, "P 2 0 0 " + second.line());
  lines[8] = "C 1 2 0";
  const std::string parsed = File("p.parse-0", "parse", lines);
  const std::string stored = File("q.store-0", "store",
                                  {"a 0 1 0", "D 0 1 0 0 " + clean.line(), "D 0 1 1 0 " + second.line(), "d 0 1 0 1",
                                   "A 0 1 0 1 0 0 0", "d 0 1 1 1", "A 0 1 1 1 0 0 0"});
  const std::string again = File("p.store-0", "store", Stored());
  for (const std::string& file : {parsed, again, stored}) Take(file);
  seen.Effect(0, "out");
  seen.Effect(0, "out 2");
  Judge();
  EXPECT_EQ(results["key-order"].verdict, Verdict::kPass) << Findings();
}

TEST_F(ObservationTest, ACopyThatNobodyPublishedIsNotExplained) {
  TakeWithOneMore(clean);
  Judge();
  ExpectOnly({"duplicates-explained"});
}

// When it was appended nobody knows.
TEST_F(ObservationTest, ACopyMayBeAClientsRepeatWhereSomethingWasDoneToTheRun) {
  const int64_t begin_ns = now_ns;
  TakeWithOneMore(clean);
  seen.Fault(begin_ns, "kill the broker");
  Judge();
  ExpectOnly({});
}

TEST_F(ObservationTest, ACopyIsNoClientsRepeatWhereAllWasAnsweredBefore) {
  TakeWithOneMore(clean);
  seen.Fault(now_ns, "kill the broker");
  Judge();
  ExpectOnly({"duplicates-explained"});
}

TEST_F(ObservationTest, SettlingWhatIsLost) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  std::vector<std::string> lines = Parsed();
  lines.insert(lines.begin() + 7, "l 0 1");
  Take(File("p.parse-0", "parse", lines));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({"commit-after-revoke"});
}

TEST_F(ObservationTest, AForeignRecordIsAPhantom) {
  TakeWithOneMore(Text("other", "nobody", "parse"));
  Judge();
  EXPECT_EQ(results["phantom"].verdict, Verdict::kFail);
}

TEST_F(ObservationTest, WhatIsLeftOnTheBrokerIsSaid) {
  Feed();
  Take(File("p.parse-0", "parse", {"a 0 1 0"}));
  seen.NotAtRest("1 messages are not settled");
  observed = seen.Take();
  const Verdicts verdicts = JudgeObserved(observed);
  for (size_t i = 0; i < verdicts.results.size(); ++i) {
    if (AllCheckers()[i]->name == "liveness") {
      EXPECT_EQ(verdicts.results[i].verdict, Verdict::kFail);
    } else if (AllCheckers()[i]->name == "no-loss") {
      EXPECT_EQ(verdicts.results[i].verdict, Verdict::kNotCheckable);
    }
  }
}

TEST_F(ObservationTest, FilesThatCannotBeRead) {
  Feed();
  EXPECT_TRUE(absl::IsNotFound(seen.Process(Path("nowhere"))));
  std::ofstream(Path("other")) << "something else\n";
  EXPECT_TRUE(absl::IsDataLoss(seen.Process(Path("other"))));
  EXPECT_TRUE(absl::IsDataLoss(seen.Process(File("kind", "parse", {"a 0 1 0", "z 1"}))));
  EXPECT_TRUE(absl::IsDataLoss(seen.Process(File("number", "parse", {"a 0 1 0", "d 0 1 x 1"}))));
  EXPECT_TRUE(absl::IsDataLoss(seen.Process(File("stage", "nobody", {"a 0 1 0"}))));
  const absl::Status early = seen.Process(File("early", "parse", {"a 0 1 0", "d 0 1 0 1"}));
  EXPECT_TRUE(absl::IsDataLoss(early)) << early.ToString();
  EXPECT_NE(early.ToString().find("early, line 8: an attempt at what was never delivered"), std::string::npos)
      << early.ToString();
}

TEST_F(ObservationTest, AFileThatIsCutWithinItsHead) {
  Feed();
  const std::string whole = "millrace-history 1\nw.parse-0\nparse\n2\nclean\ndead\n";
  for (size_t length = 1; length < whole.size(); ++length) {
    std::ofstream(Path("cut"), std::ios::binary) << whole.substr(0, length);
    const absl::Status cut = seen.Process(Path("cut"));
    EXPECT_TRUE(absl::IsDataLoss(cut)) << length << ": " << cut.ToString();
    EXPECT_NE(cut.ToString().find(Path("cut") + " ends within its head"), std::string::npos) << cut.ToString();
  }
  std::ofstream(Path("cut"), std::ios::binary) << whole;
  Take(Path("cut"));
  // Killed before it had written anything.
  std::ofstream(Path("cut"), std::ios::binary);
  Take(Path("cut"));
}

TEST_F(ObservationTest, ATornLastLineIsLeftOut) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  const std::string path = File("p.parse-0", "parse", Parsed());
  std::ofstream(path, std::ios::app) << "D 99 0 1";
  Take(path);
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({});
  EXPECT_EQ(observed.lines, Parsed().size() + Stored().size());
}

// Nobody says who has parsed the job, and its offset is committed.
TEST_F(ObservationTest, AProcessThatLeavesNoHistory) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  seen.Committed(0, 0, 1);
  seen.Committed(1, 0, 1);
  Judge();
  ExpectOnly({});
  ASSERT_EQ(observed.missing,
            std::vector<std::string>{"1 messages of stage parse were settled by processes without a history"});
  for (const char* of_processes :
       {"settled-correctly", "settle-before-confirm", "key-order", "commit-after-revoke", "dead-letter",
        "one-id-one-content", "drain", "duplicates-explained", "log-consistency", "bounded"}) {
    EXPECT_EQ(results[of_processes].verdict, Verdict::kNotCheckable) << of_processes;
    EXPECT_EQ(results[of_processes].why, observed.missing[0]) << of_processes;
  }
  for (const char* of_others : {"no-loss", "phantom", "liveness"})
    EXPECT_EQ(results[of_others].verdict, Verdict::kPass) << of_others;
}

// Its dead letter says what has become of the job all the same.
TEST_F(ObservationTest, ADeadLetterOfAProcessThatLeavesNoHistory) {
  Feed();
  std::string block;
  bus::HeaderBuilder headers(&block);
  bus::WriteEnvelope({.id = "job", .source = "/p/feed", .type = "t"}, headers);
  headers.Add(stages::kDeadId, "job");
  headers.Add(stages::kDeadStage, "parse");
  headers.Add(stages::kDeadReason, "INVALID_ARGUMENT: no");
  bus::Message dead = raw.message();
  dead.headers = bus::Headers(block);
  seen.Copy(2, 0, 0, dead);
  Take(File("p.store-0", "store", {"a 0 1 0", "E 0"}));
  seen.Committed(0, 0, 1);
  Judge();
  ExpectOnly({});
  EXPECT_EQ(observed.missing.size(), 1u);
  EXPECT_EQ(results["no-loss"].verdict, Verdict::kPass) << results["no-loss"].why;
}

TEST_F(ObservationTest, AStoresReceiptTellsOfAProcessThatLeavesNoHistory) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.parse-0", "parse", Parsed()));
  seen.Effect(0, "out");
  Judge();
  EXPECT_EQ(observed.missing,
            std::vector<std::string>{"1 messages of stage store were settled by processes without a history"});
  EXPECT_EQ(results["no-loss"].verdict, Verdict::kPass) << results["no-loss"].why;
}

// A process that commits what it was never given leaves a history of just that.
TEST_F(ObservationTest, WhatIsCommittedAndWasNeverDeliveredIsWhoseWhoHasCommittedIt) {
  Feed();
  seen.Job(0, "skipped");
  seen.Copy(0, 0, 1, Text("skipped", "skipped", "feed").message());
  seen.Copy(1, 0, 0, clean.message());
  std::vector<std::string> lines = Parsed();
  lines[8] = "c 0 1 2";
  Take(File("p.parse-0", "parse", lines));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  seen.Committed(0, 0, 2);
  Judge();
  EXPECT_TRUE(observed.missing.empty()) << observed.missing[0];
  EXPECT_EQ(results["settled-correctly"].verdict, Verdict::kFail);
}

TEST_F(ObservationTest, AReceiptOfWhatNobodyFedIsAPhantom) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.parse-0", "parse", Parsed()));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  seen.Effect(0, "from nowhere");
  Judge();
  ExpectOnly({"phantom"});
}

// raw → parse → clean, which two sinks read: "store" keeps its receipts in port "shop", "index" in another one.
class TwoStores : public ObservationTest {
 protected:
  static Topology Stores(uint16_t port) {
    Topology t = TwoStages();
    t.ports.push_back("search");
    t.stages.push_back(t.stages[1]);
    t.stages.back().name = "index";
    t.stages.back().group = "p.index";
    t.stages.back().ports = {port};
    t.topics[1].readers = {1, 2};
    t.stages[1].branch = ".1/2";
    t.stages[2].branch = ".2/2";
    return t;
  }
  explicit TwoStores(uint16_t port = 1) : ObservationTest(Stores(port)) {}
  void Run() {
    Feed();
    seen.Copy(1, 0, 0, clean.message());
    Take(File("p.parse-0", "parse", Parsed()));
    Take(File("p.store-0", "store", Stored()));
    Take(File("p.index-0", "index", Stored()));
  }
};

TEST_F(TwoStores, BothHaveIt) {
  Run();
  seen.Effect(0, "out");
  seen.Effect(1, "out");
  Judge();
  ExpectOnly({});
  EXPECT_EQ(results["no-loss"].verdict, Verdict::kPass) << results["no-loss"].why;
}

TEST_F(TwoStores, WhatOneHasIsNotWhatTheOtherHas) {
  Run();
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({"no-loss"});
}

class OneStoreOfTwoStages : public TwoStores {
 protected:
  OneStoreOfTwoStages() : TwoStores(0) {}
};

TEST_F(OneStoreOfTwoStages, AReceiptDoesNotSayWhoseItIs) {
  Run();
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({});
  EXPECT_EQ(results["no-loss"].verdict, Verdict::kNotCheckable);
  EXPECT_NE(results["no-loss"].why.find("port \"shop\" may be of stage \"store\" or of stage \"index\""),
            std::string::npos)
      << results["no-loss"].why;
}

class InTransactions : public ObservationTest {
 protected:
  InTransactions() : ObservationTest(TwoStages(/*exactly_once=*/true)) {
    for (const char* committed : {"T 1", "t 0", "s 0 1 0 0"}) transaction.emplace_back(committed);
    std::vector<std::string> lines = Parsed();
    lines.erase(lines.begin() + 7);  // the settlement
    lines.insert(lines.begin() + 8, transaction.begin(), transaction.end());
    transaction = lines;
  }
  std::vector<std::string> transaction;
};

TEST_F(InTransactions, SeenOnce) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.parse-0", "parse", transaction));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  seen.Committed(0, 0, 1);
  Judge();
  ExpectOnly({});
  EXPECT_EQ(results["exactly-once"].verdict, Verdict::kPass);
}

TEST_F(InTransactions, SeenTwice) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  seen.Copy(1, 0, 1, clean.message());
  Take(File("p.parse-0", "parse", transaction));
  seen.Committed(0, 0, 1);
  Judge();
  EXPECT_EQ(results["exactly-once"].verdict, Verdict::kFail);
}

class OnQueues : public ObservationTest {
 protected:
  OnQueues() : ObservationTest(TwoStages(/*exactly_once=*/false, /*queue=*/true)) {}
};

TEST_F(OnQueues, ARunThatKeepsItsPromises) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.parse-0", "parse", Parsed()));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({});
}

// Of a queue that is empty nobody says how that came about.
TEST_F(OnQueues, AProcessThatLeavesNoHistory) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  Judge();
  ExpectOnly({});
  EXPECT_EQ(observed.missing,
            std::vector<std::string>{"1 messages of stage parse were settled by processes without a history"});
  EXPECT_EQ(results["settled-correctly"].verdict, Verdict::kNotCheckable);
  EXPECT_EQ(results["no-loss"].verdict, Verdict::kPass) << results["no-loss"].why;
}

TEST_F(OnQueues, WhatIsStillThereWasNotSettledByAnybody) {
  Feed();
  Take(File("p.parse-0", "parse", {"a 0 1 0", "E 0"}));
  seen.Left(0, 1);
  seen.NotAtRest("1 messages are not settled");
  EXPECT_TRUE(seen.Take().missing.empty());
}

// The server died amid a publish: the audit's queue has the message twice, that of the stage once.
TEST_F(OnQueues, ACopyThatOnlyTheAuditHas) {
  Feed();
  seen.Copy(1, 0, 0, clean.message());
  seen.Copy(1, 0, 1, clean.message());
  Take(File("p.parse-0", "parse", Parsed()));
  Take(File("p.store-0", "store", Stored()));
  seen.Effect(0, "out");
  Judge();
  EXPECT_TRUE(observed.missing.empty()) << observed.missing[0];
}

}  // namespace
}  // namespace millrace::sim
