// Files are read strictly, tellings compared strictly, and the list of differences cannot go stale.
#include "tests/scenarios/scenario.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/scenarios/files.h"
#include "tests/scenarios/model_grounds.h"
#include "tests/scenarios/play.h"
#include "tests/scenarios/trace.h"
#include "tests/scenarios/verbs.h"

namespace millrace::scenarios {
namespace {

const char* const kSmall =
    "# Small.\n"
    "topic t 1 groups=g\n"
    "feeder f t\n"
    "join a g t\n"
    "publish f t/0 m0..m2\n"
    "quiet\n"
    "> a t/0 assigned\n"
    "> a t/0 got m0 m1 m2\n"
    "> f t/0 confirmed m0 m1 m2\n";

Scenario Parsed(const std::string& text, const std::string& folder = "both") {
  auto scenario = ParseScenario("tests/scenarios/" + folder + "/small.scenario", text);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  return *scenario;
}

// What a bad file is told.
std::string Refusal(const std::string& text, const std::string& folder = "log") {
  const auto scenario = ParseScenario("tests/scenarios/" + folder + "/bad.scenario", text);
  EXPECT_FALSE(scenario.ok()) << text;
  return scenario.ok() ? "" : std::string(scenario.status().message());
}

void ExpectSays(const std::string& refusal, const std::string& text) {
  EXPECT_NE(refusal.find(text), std::string::npos) << refusal;
}

TEST(ScenarioFile, BadStepsAreNamedWithFileLineAndWhatIsAllowed) {
  ExpectSays(Refusal("topic t 1\njump a\nsync\n"),
             "tests/scenarios/log/bad.scenario:2: there is no step \"jump\". Steps: sync, ");
  ExpectSays(Refusal("join a\nsync\n"), ":1: usage: join MEMBER GROUP TOPIC…");
  ExpectSays(Refusal("join a g t colour=red\nsync\n"), ":1: no option \"colour=\"; usage: join");
  ExpectSays(Refusal("leave a b\nsync\n"), ":1: usage: leave MEMBER");
  ExpectSays(Refusal("# nothing\n"), "the last step is a barrier");
  ExpectSays(Refusal("topic t 1\n"), "the last step is a barrier");
  ExpectSays(Refusal("topic t 1\n> a got\n"), ":2: told lines stand behind a barrier");
  ExpectSays(Refusal("sync\nqueue> a got\n"), ":2: \"queue>\": this file is not for that kind of broker");
  ExpectSays(Refusal("sync\npulsar> a got\n"), ":2: \"pulsar>\": what is told begins with");
  ExpectSays(Refusal("sync\n>\n"), ":2: \">\" without words");
  ExpectSays(Refusal("channel c 1\nsync\n", "log"), ":1: \"channel\" is for files of the folder queue");
  ExpectSays(Refusal("heartbeat r\nsync\n", "both"), ":1: \"heartbeat\" is for files of the folder log");
  ExpectSays(Refusal("sync\n", "elsewhere"), "not in a folder log, queue or both");
}

// What a step means is looked at when it is played.
TEST(ScenarioPlay, ImpossibleStepsEndThePlayWithFileAndLine) {
  const auto error = [](const std::string& text) {
    return PlayScenario(Parsed(text, "log"), *MakeModel(Family::kLog)).error;
  };
  ExpectSays(error("publish f t/0 m0\nsync\n"), "small.scenario:1: there is no feeder \"f\"");
  ExpectSays(error("topic t many\nsync\n"), ":1: \"many\" is not a number");
  ExpectSays(error("topic t 1\nfeeder f t\npublish f t m0\nsync\n"), ":3: \"t\" is not TOPIC/PARTITION");
  ExpectSays(error("topic t 1\nfeeder f t\npublish f u/0 m0\nsync\n"),
             ":3: that feeder was not opened for topic \"u\"");
  ExpectSays(error("wait long\nsync\n"), ":1: \"long\" is not a time: 500ms, 3s");
  ExpectSays(error("crash a\nsync\n"), ":1: there is no member \"a\"");
  ExpectSays(error("alarm on\nsync\n"), ":1: this kind of broker has no such thing");
  ExpectSays(error("client r\nend r somehow\nsync\n"), ":2: end by commit or abort");
}

TEST(ScenarioPlay, APlayTellsWhatItFinds) {
  const Scenario small = Parsed(kSmall);
  for (Family family : {Family::kLog, Family::kQueue}) {
    const Outcome outcome = PlayScenario(small, *MakeModel(family));
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(Difference(ExpectedOfModel(small.steps.back(), family), outcome.told.at(1)), "");
  }
  Told other = ExpectedOfModel(small.steps.back(), Family::kLog);
  other[1] = "a t/0 got m0 m1";
  const Outcome outcome = PlayScenario(small, *MakeModel(Family::kLog));
  EXPECT_EQ(Difference(other, outcome.told.at(1)), "  missing: a t/0 got m0 m1\n  besides: a t/0 got m0 m1 m2\n");
  EXPECT_NE(Difference({"x", "y"}, {"y", "x"}), "");
}

TEST(ScenarioFile, IsWrittenAsItWasReadButForWhatIsTold) {
  const Scenario small = Parsed(kSmall);
  const Told told = ExpectedOfModel(small.steps.back(), Family::kLog);
  EXPECT_EQ(WithTold(small, {{Family::kLog, {{1, told}}}, {Family::kQueue, {{1, told}}}}), kSmall);
  EXPECT_EQ(WithTold(Parsed("sync\n> old\nquiet\nkafka> k\n"), {{Family::kLog, {{1, {"l"}}}}, {Family::kQueue, {}}}),
            "sync\nlog> l\nqueue> nothing\nquiet\nkafka> k\n");
}

TEST(ScenarioFile, WhatIsExpectedOfWhom) {
  const Scenario s = Parsed("sync\n> all\nsync\nlog> one\nqueue> nothing\nrabbitmq> two\n");
  EXPECT_EQ(ExpectedOfBroker(s.steps[0], Family::kLog), Told{"all"});
  EXPECT_EQ(ExpectedOfModel(s.steps[1], Family::kLog), Told{"one"});
  EXPECT_EQ(ExpectedOfBroker(s.steps[1], Family::kLog), Told{"one"});
  EXPECT_EQ(ExpectedOfModel(s.steps[1], Family::kQueue), Told{});
  EXPECT_EQ(ExpectedOfBroker(s.steps[1], Family::kQueue), Told{"two"});
}

TEST(ScenarioDifferences, ALineAndItsReasonStandOrFallTogether) {
  const std::vector<Scenario> with = {Parsed("sync\n> one\nkafka> two\n")};
  EXPECT_EQ(CheckDifferences(with, Family::kLog, {{"both/small", {{1, "so"}}}}).size(), 0u);
  EXPECT_EQ(CheckDifferences(with, Family::kLog, {}).size(), 1u) << "no reason";
  EXPECT_EQ(CheckDifferences(with, Family::kLog, {{"both/small", {{1, "so"}, {2, "so"}}}}).size(), 1u)
      << "no such line";
  EXPECT_EQ(CheckDifferences({Parsed("sync\n> one\nkafka> one\n")}, Family::kLog, {{"both/small", {{1, "so"}}}}).size(),
            1u)
      << "no difference any more";
  EXPECT_EQ(CheckDifferences({}, Family::kLog, {{"both/small", {{0, "so"}}}}).size(), 1u) << "no such file";
  const auto parsed = ParseDifferences("d.txt", "# why\nkafka log/x 3: because\nrabbitmq queue/y all: so\n");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->at(Family::kLog).at("log/x").at(3), "because");
  EXPECT_EQ(parsed->at(Family::kQueue).at("queue/y").at(0), "so");
  for (const char* bad : {"kafka log/x 3\n", "pulsar log/x 3: r\n", "kafka log/x: r\n", "kafka log/x 0: r\n",
                          "kafka log/x 3: r\nkafka log/x 3: again\n", "kafka log/x 3 4: r\n"}) {
    EXPECT_FALSE(ParseDifferences("d.txt", bad).ok()) << bad;
  }
}

TEST(ScenarioTrace, IsInOrderWhereOrderMeansSomething) {
  Trace trace;
  trace.Add("b", "t/1", "got", "m0");
  trace.Add("a", "t/1", "assigned");
  trace.Add("a", "t/0", "assigned");
  trace.Add("a", "t/1", "got", "n0");
  trace.Add("a", "t/0", "got", "m0");
  trace.Add("a", "t/1", "got", "n1");
  trace.Add("a", "t/1", "lost");
  EXPECT_EQ(trace.Lines(), (Told{"a t/0 assigned", "a t/0 got m0", "a t/1 assigned", "a t/1 got n0 n1", "a t/1 lost",
                                 "b t/1 got m0"}));
  trace.Clear();
  EXPECT_EQ(trace.Lines(), Told{});
}

// The reference names each verb, with the usage that the reader of files has.
TEST(ScenarioReference, ListsEveryVerb) {
  std::ifstream file("docs/reference/scenarios.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const Verb& verb : Verbs()) {
    const std::string row = "| `" + std::string(verb.name) + (verb.usage.empty() ? "" : " ") + std::string(verb.usage) +
                            "` | " + std::string(verb.says) + " |";
    EXPECT_NE(text.find(row), std::string::npos) << "docs/reference/scenarios.md lacks the line\n" << row;
  }
}

}  // namespace
}  // namespace millrace::scenarios
