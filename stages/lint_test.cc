#include "stages/lint.h"

#include <gtest/gtest.h>

namespace millrace::stages {
namespace {

class Nothing : public Stage {
 public:
  absl::Status Process(Context&, const bus::Message&, Outputs&) override { return absl::OkStatus(); }
};

// Kinds: parse (outputs "good" and "odd"), map (any output), end (a sink with a port).
class LintTest : public testing::Test {
 protected:
  LintTest() {
    auto make = [](const StageConfig&) { return std::make_unique<Nothing>(); };
    EXPECT_TRUE(registry_
                    .AddStage({.kind = "parse",
                               .summary = "",
                               .options = {{.key = "strictness", .summary = "how much to refuse", .required = true}},
                               .outputs = {"good", "odd"},
                               .make = make})
                    .ok());
    EXPECT_TRUE(registry_.AddStage({.kind = "map", .summary = "", .make = make}).ok());
    EXPECT_TRUE(registry_.AddStage({.kind = "end", .summary = "", .ports = {"db"}, .sink = true, .make = make}).ok());
    EXPECT_TRUE(registry_
                    .AddSource({.kind = "lines",
                                .summary = "",
                                .options = {{.key = "file", .summary = "what to read", .required = true}},
                                .make = [](const SourceConfig&) { return absl::UnimplementedError(""); }})
                    .ok());
    EXPECT_TRUE(registry_
                    .AddPort({.kind = "sqlite",
                              .summary = "",
                              .options = {{.key = "path", .summary = ""}},
                              .make = [](const PortConfig&) { return absl::UnimplementedError(""); }})
                    .ok());
  }

  static absl::StatusOr<bus::Capabilities> Capabilities(const std::string& url) {
    if (url == "mem:") return bus::Capabilities{.backend = "mem (log)", .notes = true};
    if (url == "queue://x")
      return bus::Capabilities{
          .backend = "queue", .settlement = bus::Settlement::kIndividual, .no_transactions = "it is a queue"};
    if (url == "impatient:")
      return bus::Capabilities{.backend = "impatient",
                               .settlement = bus::Settlement::kIndividual,
                               .unsettled_max = std::chrono::minutes(30)};
    if (url.substr(0, 5) == "full:") return bus::Capabilities{.backend = "full", .transactions = true, .notes = true};
    return absl::InvalidArgumentError("no backend for the bus \"" + url + "\"; did you mean \"mem:\"?");
  }

  std::vector<std::string> Told(const std::string& text, const std::string& bus = "") {
    std::vector<std::string> told;
    const PipelineFile file = PipelineFile::Parse("p", text);
    for (const Problem& problem : Lint(file, {.registry = &registry_, .capabilities = Capabilities, .bus = bus})) {
      told.push_back(problem.ToString());
    }
    return told;
  }

  // The problems of a good pipeline in which `from` is replaced by `to`.
  std::vector<std::string> ToldAfter(const std::string& from, const std::string& to, const std::string& bus = "") {
    std::string text = kGood;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return Told(text, bus);
  }
  // As above, joined by '|'.
  void Expect(const std::string& from, const std::string& to, const std::string& problem, const std::string& bus = "") {
    std::string told;
    for (const std::string& one : ToldAfter(from, to, bus)) told += (told.empty() ? "" : "|") + one;
    EXPECT_EQ(told, problem) << from << " → " << to;
  }

  static constexpr char kGood[] = R"(name: "p"
topic { name: "raw" partitions: 2 }
topic { name: "clean" }
topic { name: "strange" unordered: true }
topic { name: "dead" dead_letter: true }
topic { name: "receipts" }
receipts: "receipts"
source { name: "feed" kind: "lines" topic: "raw" option { key: "file" value: "a" } }
stage { name: "parse" kind: "parse" input: "raw" dead_letter: "dead" option { key: "strictness" value: "1" }
  output { name: "good" topic: "clean" }
  output { name: "odd" topic: "strange" } }
stage { name: "store" kind: "end" input: "clean" dead_letter: "dead" }
stage { name: "look" kind: "map" input: "strange" dead_letter: "dead" }
port { name: "db" kind: "sqlite" }
)";

  Registry registry_;
};

TEST_F(LintTest, AGoodPipelineHasNoProblems) { EXPECT_EQ(Told(kGood), std::vector<std::string>{}); }

TEST_F(LintTest, Names) {
  Expect("name: \"p\"", "", "p:1: a pipeline without a name; add name: \"…\"");
  Expect("name: \"p\"", "name: \"P q\"",
         "p:1: the name \"P q\" of a pipeline cannot be; use lower-case letters, digits, '-', '_' and '.'");
  Expect("name: \"feed\"", "name: \"" + std::string(201, 'x') + "\"",
         "p:8: the name of a source has 201 characters; use at most 200");
  Expect("name: \"look\"", "name: \"store\"",
         "p:13: a second stage named \"store\", the first is in line 12; rename one");
  Expect("topic { name: \"clean\" }", "topic { name: \"clean\" } topic { name: \"clean\" }",
         "p:3: a second topic named \"clean\", the first is in line 3; rename one");
}

TEST_F(LintTest, KindsAndOptions) {
  Expect("kind: \"parse\"", "kind: \"prase\"", "p:9: there is no stage kind \"prase\"; did you mean \"parse\"?");
  Expect("kind: \"map\"", "", "p:13: stage \"look\" has no kind; known: end, map, parse");
  Expect("kind: \"lines\"", "kind: \"csv\"", "p:8: there is no source kind \"csv\"; known: lines");
  Expect("kind: \"sqlite\"", "kind: \"sqlit\"", "p:14: there is no port kind \"sqlit\"; did you mean \"sqlite\"?");
  EXPECT_EQ(
      ToldAfter("key: \"file\"", "key: \"fiel\""),
      (std::vector<std::string>{"p:8: source \"feed\" has no option \"fiel\"; did you mean \"file\"?",
                                "p:8: source \"feed\" needs the option \"file\" (what to read); add option { key: "
                                "\"file\" value: \"…\" }"}));
  Expect("kind: \"sqlite\"", "kind: \"sqlite\" option { key: \"x\" }",
         "p:14: port \"db\" has no option \"x\"; known: path");
}

TEST_F(LintTest, Ports) {
  Expect(
      "port { name: \"db\" kind: \"sqlite\" }", "",
      "p:12: stage \"store\" asks for a port named \"db\", which is not there; add port { name: \"db\" kind: \"…\" }");
  Expect("port {", "port { name: \"extra\" kind: \"sqlite\" } port {",
         "p:14: warning: no stage asks for the port \"extra\"; remove it, or name it in StageKind::ports of the stage "
         "that calls it");
}

TEST_F(LintTest, References) {
  Expect("kind: \"map\" input: \"strange\"", "kind: \"map\" input: \"strange\" output { topic: \"cleam\" }",
         "p:13: stage \"look\": there is no topic \"cleam\"; did you mean \"clean\"?");
  Expect("kind: \"map\" input: \"strange\"", "kind: \"map\" input: \"strange\" output { }",
         "p:13: stage \"look\" has an output without a topic; add topic: \"…\"");
  EXPECT_EQ(ToldAfter("receipts: \"receipts\"", "receipts: \"dead\"").back(),
            "p:7: receipts go to \"dead\", which is for dead letters; give them a topic of their own");
  EXPECT_EQ(ToldAfter("receipts: \"receipts\"", "receipts: \"receipt\"").back(),
            "p:7: receipts: there is no topic \"receipt\"; did you mean \"receipts\"?");
}

TEST_F(LintTest, Outputs) {
  EXPECT_EQ(
      ToldAfter("name: \"good\"", "name: \"goood\""),
      (std::vector<std::string>{"p:9: stage \"parse\" emits to \"good\", which is wired to no topic; add output { "
                                "name: \"good\" topic: \"…\" }",
                                "p:10: a stage of kind \"parse\" has no output \"goood\"; did you mean \"good\"?"}));
  EXPECT_EQ(ToldAfter("name: \"odd\" topic", "name: \"good\" topic"),
            (std::vector<std::string>{"p:9: stage \"parse\" emits to \"odd\", which is wired to no topic; add output { "
                                      "name: \"odd\" topic: \"…\" }",
                                      "p:11: stage \"parse\" wires the output \"good\" twice; remove one"}));
  EXPECT_EQ(
      ToldAfter("name: \"odd\" topic", "topic"),
      (std::vector<std::string>{
          "p:9: stage \"parse\" emits to \"odd\", which is wired to no topic; add output { name: \"odd\" topic: \"…\" "
          "}",
          "p:11: stage \"parse\" has several outputs, and this one has no name; add name: \"…\" as the stage calls it "
          "(known: good, odd)"}));
}

TEST_F(LintTest, DeadLetters) {
  Expect("input: \"clean\" dead_letter: \"dead\"", "input: \"clean\"",
         "p:12: stage \"store\" has no topic for what it cannot process; add dead_letter: \"dead\"");
  Expect("input: \"clean\" dead_letter: \"dead\"", "input: \"clean\" dead_letter: \"raw\"",
         "p:12: stage \"store\" sends dead letters to \"raw\", which is not marked for them; add dead_letter: true to "
         "that topic, "
         "or name one that has it");
  Expect("topic { name: \"raw\"", "topic { name: \"grave\" dead_letter: true } topic { name: \"raw\"",
         "p:2: warning: no stage sends dead letters to \"grave\"; remove the topic");
  Expect("kind: \"map\" input: \"strange\"", "kind: \"map\" input: \"strange\" output { topic: \"dead\" }",
         "p:13: stage \"look\" emits to \"dead\", which is for dead letters and ends jobs in the ledger; name an "
         "ordinary topic");
  Expect("stage { name: \"look\"",
         "stage { name: \"more\" kind: \"map\" input: \"dead\" dead_letter: \"dead\" } stage { name: \"look\"",
         "p:13: stage \"more\" reads the dead letters in \"dead\"; a dead letter ends its job: send what another stage "
         "is to handle "
         "to an ordinary topic");
}

TEST_F(LintTest, SourcesFeedOrdinaryTopics) {
  EXPECT_EQ(ToldAfter("kind: \"lines\" topic: \"raw\"", "kind: \"lines\" topic: \"dead\"").back(),
            "p:8: source \"feed\" publishes to \"dead\", which is for dead letters and ends jobs in the ledger; name "
            "an ordinary topic");
  EXPECT_EQ(ToldAfter("kind: \"lines\" topic: \"raw\"", "kind: \"lines\" topic: \"receipts\"").back(),
            "p:8: source \"feed\" publishes to \"receipts\", which is for receipts and ends jobs in the ledger; name "
            "an ordinary topic");
}

TEST_F(LintTest, Receipts) {
  EXPECT_EQ(ToldAfter("receipts: \"receipts\"", ""),
            (std::vector<std::string>{"p:6: nobody reads the topic \"receipts\", so that what goes there is never "
                                      "finished; let a stage read it, or remove it",
                                      "p:6: nobody writes to the topic \"receipts\", and on mem: no other program can; "
                                      "let a source or a stage write to it, or "
                                      "remove it",
                                      "p:13: stage \"look\" ends jobs, keeps no receipts itself, and the pipeline has "
                                      "no topic for them; add receipts: "
                                      "\"receipts\" and topic { name: \"receipts\" }, so that the ledger can tell the "
                                      "end of such a job from its loss"}));
  EXPECT_EQ(Told(R"(name: "p" topic { name: "a" } topic { name: "b" } topic { name: "dead" dead_letter: true }
source { name: "feed" kind: "lines" topic: "a" option { key: "file" value: "a" } }
stage { name: "m" kind: "map" input: "a" output { topic: "b" } dead_letter: "dead" }
stage { name: "e" kind: "end" input: "b" dead_letter: "dead" } port { name: "db" kind: "sqlite" })"),
            std::vector<std::string>{
                "p:3: warning: stage \"m\" may drop a job, and the pipeline has no topic for its receipt; add "
                "receipts: \"receipts\" and "
                "topic { name: \"receipts\" }, so that the ledger can tell the end of such a job from its loss"});
}

TEST_F(LintTest, Cycles) {
  Expect("kind: \"map\" input: \"strange\"", "kind: \"map\" input: \"strange\" output { topic: \"raw\" }",
         "p:13: the stages form a cycle, so that jobs may go round for ever: parse → [strange] → look → [raw] → parse; "
         "send this "
         "output elsewhere");
  Expect("kind: \"map\" input: \"strange\"", "kind: \"map\" input: \"strange\" output { topic: \"strange\" }",
         "p:13: the stages form a cycle, so that jobs may go round for ever: look → [strange] → look; send this output "
         "elsewhere");
}

TEST_F(LintTest, TopicsThatNobodyReadsOrWrites) {
  Expect("topic { name: \"raw\"", "topic { name: \"far\" } topic { name: \"raw\"",
         "p:2: nobody reads the topic \"far\", so that what goes there is never finished; let a stage read it, or "
         "remove it|"
         "p:2: nobody writes to the topic \"far\", and on mem: no other program can; let a source or a stage write to "
         "it, or remove it");
  Expect("source { name: \"feed\" kind: \"lines\" topic: \"raw\" option { key: \"file\" value: \"a\" } }",
         "bus: \"full://host\"",
         "p:2: warning: nobody writes to the topic \"raw\" in this pipeline; right if another program does");
}

TEST_F(LintTest, TopicsOfOthers) {
  const std::string feed =
      "source { name: \"feed\" kind: \"lines\" topic: \"raw\" option { key: \"file\" value: \"a\" } }";
  // Without a source others begin and end the jobs.
  Expect(feed, "bus: \"full://host\" topic { name: \"theirs\" existing: \"Their.Topic\" }",
         "p:2: warning: nobody writes to the topic \"raw\" in this pipeline; right if another program does");
  Expect("topic { name: \"raw\"", "topic { name: \"far\" existing: \"Far\" } topic { name: \"raw\"",
         "p:2: nobody reads the topic \"far\", so that what goes there is never finished; let a stage read it, or "
         "remove it|p:2: nobody writes to the topic \"far\", and on mem: no other program can; let a source or a stage "
         "write to it, or remove it");
  Expect("partitions: 2", "partitions: 2 existing: \"Raw\" retention_ms: 5",
         "p:2: topic \"raw\" belongs to others, so that retention_ms is theirs to say; remove it");
  Expect("partitions: 2", "routing_key: \"x\"",
         "p:2: topic \"raw\" has a routing key and is ours; remove it, or say existing: \"…\"");
  Expect("dead_letter: true", "dead_letter: true existing: \"Dead\"",
         "p:5: topic \"dead\" is for dead letters or receipts, which have to be ours; remove existing");
  Expect(
      "partitions: 2", "existing: \"Raw\"",
      "p:2: topic \"raw\" is a queue of others, which keeps no order of keys; add unordered: true, and let the stage "
      "publish to an ordered topic of ours",
      "queue://x");
  Expect("unordered: true", "unordered: true existing: \"q\" routing_key: \"k\"",
         "p:4: topic \"strange\" is a queue that is read; a routing key is for exchanges; remove it", "queue://x");
}

TEST_F(LintTest, ValuesThatCannotBe) {
  Expect("partitions: 2", "partitions: 0", "p:2: topic \"raw\": partitions is 0; it must be from 1 to 100000");
  Expect("partitions: 2", "partitions: -3", "p:2: topic \"raw\": partitions is -3; it must be from 1 to 100000");
  Expect("partitions: 2", "backlog_bytes_max: -1",
         "p:2: topic \"raw\": backlog_bytes_max is -1; it must be at least 1");
  const std::string at = "kind: \"map\"";
  const auto with = [&](const std::string& field) { return at + " " + field; };
  Expect(at, with("retry { attempts_max: 0 }"),
         "p:13: stage \"look\", retry: attempts_max is 0; it must be from 1 to 1000000");
  Expect(at, with("retry { backoff_ms_initial: 500 backoff_ms_max: 100 }"),
         "p:13: stage \"look\", retry: the first back-off of 500 ms is longer than the longest, 100 ms; make "
         "backoff_ms_initial smaller "
         "or backoff_ms_max larger");
  Expect(at, with("retry { backoff_ms_initial: 30001 }"),
         "p:13: stage \"look\", retry: the first back-off of 30001 ms is longer than the longest, 30000 ms; make "
         "backoff_ms_initial "
         "smaller or backoff_ms_max larger");
  Expect(at, with("batch: 2000"),
         "p:13: stage \"look\": a batch of 2000 does not fit into a window of 1024 messages; make window.messages "
         "larger or batch smaller");
  Expect(at, with("window { messages: 8 }"),
         "p:13: stage \"look\": a batch of 64 does not fit into a window of 8 messages; make window.messages larger or "
         "batch smaller");
  Expect(at, with("window { bytes: -1 }"), "p:13: stage \"look\", window: bytes is -1; it must be at least 1");
  Expect(at, with("concurrency: -1"), "p:13: stage \"look\": concurrency is -1; it must be from 1 to 1024");
  Expect(at, with("instances: 5000"), "p:13: stage \"look\": instances is 5000; it must be from 1 to 1024");
  Expect(at, with("attempt_timeout_ms: -5"), "p:13: stage \"look\": attempt_timeout_ms is -5; it must be at least 0");
}

TEST_F(LintTest, ContradictionsOfExecution) {
  const std::string at = "kind: \"map\"";
  const auto with = [&](const std::string& field) { return at + " " + field; };
  Expect(at, with("execution: INLINE attempt_timeout_ms: 5"),
         "p:13: stage \"look\" is INLINE and has a time-out, which nobody is there to watch; remove one of the two");
  Expect(at, with("execution: INLINE concurrency: 2"),
         "p:13: stage \"look\" is INLINE, so it has one thread; remove concurrency, or use instances");
  Expect(at, with("timeout_grace_ms: 5"),
         "p:13: warning: stage \"look\" has a grace but no time-out; add attempt_timeout_ms, or remove it");
  Expect(at, with("instances: 3"),
         "p:13: warning: stage \"look\" has 3 instances for the 1 partition of \"strange\": 2 will idle; give the "
         "topic more partitions "
         "or the stage fewer instances");
  Expect(at, with("ordering: STRICT"),
         "p:13: warning: stage \"look\" is STRICT, but \"strange\" is unordered: that costs speed for nothing; remove "
         "ordering");
  Expect(at, with("after_dead_letter: PARK_KEY"),
         "p:13: stage \"look\" parks keys, but \"strange\" is unordered: its keys mean nothing; use CONTINUE or an "
         "ordered topic");
  Expect(at, with("group: \"p.store\""),
         "p:13: stage \"look\" has the group \"p.store\" of stage \"store\", so that each would get a part only; give "
         "it a group of its "
         "own");
  Expect(at, with("group: \"p.ledger\""),
         "p:13: stage \"look\" has the group \"p.ledger\" of the ledger, so that each would get a part only; give it a "
         "group of its own");
}

TEST_F(LintTest, NeedsThatTheBackendLacks) {
  const std::string at = "kind: \"end\"";
  Expect(at, at + " delivery: EXACTLY_ONCE",
         "p:12: stage \"store\" needs transactions for EXACTLY_ONCE, which mem: has not; use AT_LEAST_ONCE (replays "
         "carry the same ids), "
         "or another bus");
  Expect(at, at + " after_dead_letter: PARK_KEY",
         "p:12: stage \"store\" parks keys, which queue://x cannot remember; use CONTINUE, or another bus",
         "queue://x");
  Expect(at, at + " delivery: EXACTLY_ONCE",
         "p:12: stage \"store\" needs transactions for EXACTLY_ONCE, which queue://x has not: it is a queue; use "
         "AT_LEAST_ONCE (replays carry the same ids), or another bus",
         "queue://x");
  EXPECT_EQ(ToldAfter(at, at + " after_dead_letter: PARK_KEY", "full:"), std::vector<std::string>{});
  const std::string map = "kind: \"map\" input: \"strange\"";
  EXPECT_EQ(ToldAfter(map, map + " delivery: EXACTLY_ONCE", "full:"), std::vector<std::string>{});
  Expect(at, at + " delivery: EXACTLY_ONCE",
         "p:12: warning: stage \"store\" is a sink: EXACTLY_ONCE is said of what it puts on the bus, not of what it "
         "stores; remove delivery (its receipts, written with the effect, tell repeats apart)",
         "full:");
  Expect("name: \"p\"", "name: \"p\"\nbus: \"mme:\"", "p:2: no backend for the bus \"mme:\"; did you mean \"mem:\"?");
  Expect("name: \"p\"", "name: \"p\"", "p: no backend for the bus \"mem\"; did you mean \"mem:\"?", "mem");
}

// 5 attempts of 400 s: 2000 s and 1.5 s of back-off.
TEST_F(LintTest, RetriesLongerThanTheBrokerWaits) {
  const std::string what =
      " can take 2001 s for one message (5 attempts of 400 s, 1 s of back-off between them), and impatient takes back "
      "what is unsettled for 1800 s, with all that its consumer holds; make retry or attempt_timeout_ms smaller, or "
      "raise the server's consumer_timeout and say it: bus_option { key: \"consumer_timeout\" value: \"SECONDS\" }";
  const std::string look = "kind: \"map\"";
  Expect(look, look + "\nattempt_timeout_ms: 400000", "p:14: warning: stage \"look\"" + what, "impatient:");
  Expect(look, look + "\nattempt_timeout_ms: 400000", "", "queue://x");
  Expect(look, look + "\nattempt_timeout_ms: 350000", "", "impatient:");
  // Back-off alone: 100 ms doubled up to 30 s nine times, then 30 s each.
  const std::string pauses =
      " can take 1851 s for one message (70 attempts, 1851 s of back-off between them), and impatient takes back";
  const std::vector<std::string> told = ToldAfter(look, look + "\nretry {\nattempts_max: 70 }", "impatient:");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].substr(0, 15), "p:15: warning: ") << told[0];
  EXPECT_NE(told[0].find(pauses), std::string::npos) << told[0];
  Expect(look, look + " retry { attempts_max: 60 }", "", "impatient:");
  Expect(look, look + " retry { attempts_max: 1000000 multiplier: 1 backoff_ms_initial: 1 }", "", "impatient:");
}

TEST_F(LintTest, ABrokenFileGivesItsSyntaxErrorOnly) {
  EXPECT_EQ(Told("name: \"p\"\ntopic { partitions: \"two\" }").size(), 1u);
  EXPECT_EQ(Told("").size(), 2u) << "no name, no stage";
}

TEST_F(LintTest, FindsAllProblemsOfARunInTheOrderOfTheirLines) {
  const std::vector<std::string> told = Told("name: \"P\"\ntopic { nmae: \"a\" }\nstage { name: \"s\" }\n");
  EXPECT_EQ(told, (std::vector<std::string>{
                      "p:1: the name \"P\" of a pipeline cannot be; use lower-case letters, digits, '-', '_' and '.'",
                      "p:2: there is no field \"nmae\" in a Topic; did you mean \"name\"?",
                      "p:2: a topic without a name; add name: \"…\"",
                      "p:3: stage \"s\" has no kind; known: end, map, parse",
                      "p:3: stage \"s\" has no input; add input: \"<topic>\"",
                      "p:3: stage \"s\" has no topic for what it cannot process; add dead_letter: \"dead\" and topic { "
                      "name: \"dead\" "
                      "dead_letter: true }",
                  }));
}

}  // namespace
}  // namespace millrace::stages
