#include "sim/report/words.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/report/names.h"
#include "sim/report/sample.h"
#include "sim/report/sentence.h"
#include "sim/report/timeline.h"

namespace millrace::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TellFirst(const Sample& sample) { return Tell(sample.plan, sample.history, sample.findings[0]); }

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

TEST(WordsTest, SaysWhatBrokeForWhomAndThenHow) {
  const std::string text = TellFirst(CommitBeforePublish());
  EXPECT_EQ(text.rfind("no-loss is broken: job 7 (order-7) was accepted and is gone", 0), 0u) << text;
  EXPECT_THAT(text,
              HasSubstr("3 jobs through parse, store on logs; 2 processes, each with all stages; 1 fault: crash"));
  // In the order in which it happened.
  size_t at = 0;
  for (const char* part :
       {"hands job 7 to the bus", "stores job 7 in raw/0 at offset 1", "it must not be lost",
        "receives job 7 from raw/0 at offset 1", "commits raw/0 for parse: all before offset 2 is done, also job 7",
        "publishes job 7 in parsed", "crash strikes, as planned when a process is about to publish an output of job 7",
        "crashes", "goes on in raw/0 at offset 2 (before: 1), past job 7", "starts again", "generation 2",
        "gets raw/0 for parse, from offset 2 on, past job 7", "nothing is left to do"}) {
    const size_t found = text.find(part, at);
    ASSERT_NE(found, std::string::npos) << part << " is not behind what comes before it in\n" << text;
    at = found;
  }
  EXPECT_EQ(text.substr(text.size() - 2), "\n\n");
  // Other jobs are not its story.
  EXPECT_THAT(text, Not(HasSubstr("job 3 ")));
  EXPECT_THAT(text, Not(HasSubstr("job 12")));
}

TEST(WordsTest, LinesOfEvidenceAreMarkedAndColumnsAligned) {
  const Sample sample = CommitBeforePublish();
  const std::vector<std::string> lines = Lines(TellFirst(sample));
  const auto head = std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.ends_with("  what"); });
  ASSERT_NE(head, lines.end());
  const size_t ms = head->find("ms") + 2, who = head->find("who"), what = head->find("what");
  size_t evidence = 0;
  for (auto line = head + 1; line != lines.end() && !line->empty(); ++line) {
    evidence += line->starts_with("> ");
    EXPECT_EQ(line->substr(ms, 2), "  ") << *line;
    EXPECT_NE((*line)[ms - 1], ' ') << *line;
    EXPECT_NE((*line)[who], ' ') << *line;
    EXPECT_EQ(line->substr(what - 2, 2), "  ") << *line;
    EXPECT_NE((*line)[what], ' ') << *line;
  }
  EXPECT_EQ(evidence, sample.findings[0].evidence.size());
}

TEST(WordsTest, RepetitionsAreCountedAndTheRestStaysShort) {
  Sample sample = CommitBeforePublish();
  History& history = sample.history;
  const uint32_t message = history.jobs[1].message;
  // It comes again and again at the end, and its stage fails each time.
  const int64_t end = history.records.back().at_ns;
  for (uint32_t i = 1; i <= 200; ++i) {
    Record record = {.at_ns = end + i, .kind = Kind::kDelivered, .process = 1, .stage = 0, .topic = 0, .partition = 0};
    record.message = message;
    record.sequence = 1;
    record.value = i;
    history.records.push_back(record);
    record.kind = Kind::kDispatch;
    record.attempt = i;
    history.records.push_back(record);
    record.kind = Kind::kAttempt;
    record.value = 14;
    history.records.push_back(record);
  }
  const std::string text = TellFirst(sample);
  EXPECT_LE(Lines(text).size(), 42u) << text;
  EXPECT_THAT(text, HasSubstr("redelivery 200"));
  EXPECT_THAT(text, HasSubstr("parse fails on job 7 (attempt 200): UNAVAILABLE"));
  EXPECT_THAT(text, HasSubstr("197 more deliveries"));
  EXPECT_THAT(text, HasSubstr("197 more attempts"));
  EXPECT_THAT(text, HasSubstr("crashes"));
}

TEST(WordsTest, ManyRecordsOfEvidenceStayWithinTheLines) {
  Sample sample = BusyRun(3000);
  sample.findings[0].evidence.clear();
  for (uint32_t i = 0; i < sample.history.records.size(); ++i) sample.findings[0].evidence.push_back(i);
  sample.findings[0].evidence.push_back(UINT32_MAX);  // leads nowhere
  EXPECT_LE(Lines(TellFirst(sample)).size(), 42u);
}

TEST(WordsTest, NoTerminalIsSteeredFromOutside) {
  const std::string text = TellFirst(Hostile());
  EXPECT_EQ(
      std::count_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }),
      0);
  EXPECT_THAT(text, HasSubstr("\xef\xbf\xbd"));
}

TEST(WordsTest, AFindingAboutNothingInParticular) {
  const Sample sample = CommitBeforePublish();
  const std::string text = Tell(sample.plan, sample.history, {.promise = "progress", .text = "nothing moves"});
  EXPECT_EQ(text.rfind("progress is broken: nothing moves\n", 0), 0u);
  EXPECT_THAT(text, HasSubstr("crash strikes"));
  const std::string none =
      Tell({}, {}, {.promise = "progress", .text = "nothing moves", .job = 4, .message = 5, .evidence = {6}});
  EXPECT_THAT(none, HasSubstr("No record of the history tells more."));
}

TEST(WordsTest, OnQueuesThereAreDeliveriesAndAcknowledgements) {
  Sample sample = CommitBeforePublish();
  History& history = sample.history;
  history.topology.queue = true;
  const uint32_t message = history.jobs[1].message;
  for (Record& r : history.records) {
    const bool guilty = r.topic == 0 && r.partition == 0 && r.sequence == 2;
    if (r.kind != Kind::kCommitted || !guilty) continue;
    r.kind = Kind::kAcked;
    r.message = message;
  }
  const std::string text = TellFirst(sample);
  EXPECT_THAT(text, HasSubstr("stores job 7 in raw/0, append 1"));
  EXPECT_THAT(text, HasSubstr("receives job 7 from raw/0, delivery 1 (parse)"));
  EXPECT_THAT(text, HasSubstr("takes job 7 off the queue of parse (raw/0)"));
  EXPECT_THAT(text, HasSubstr("gets raw/0 for parse\n"));
}

TEST(WordsTest, WhatAPortAnswersIsPartOfTheStory) {
  Sample sample = CommitBeforePublish();
  History& history = sample.history;
  history.topology.ports = {"warehouse"};
  Record record = {.at_ns = history.records.back().at_ns, .kind = Kind::kRefused, .process = 1, .stage = 1, .topic = 0};
  record.message = history.jobs[1].message;
  record.value = 14;
  history.records.insert(history.records.end() - 1, record);
  record.count = 1;
  history.records.insert(history.records.end() - 1, record);
  const std::string text = TellFirst(sample);
  EXPECT_THAT(text, HasSubstr("is answered by port warehouse, asked for job 7: UNAVAILABLE, and nothing was done"));
  EXPECT_THAT(text, HasSubstr("UNAVAILABLE, although it was done"));
}

TEST(NamesTest, ProcessesOfOneStageAreCalledByIt) {
  Sample sample = CommitBeforePublish();
  EXPECT_EQ(Names(sample.plan, sample.history).Process(0, 1), "process-1 (2nd life)");
  EXPECT_EQ(Names(sample.plan, sample.history).Process(1, 0), "process-2");
  sample.plan.layout = Layout::kApart;
  std::vector<Record>& records = sample.history.records;
  records.clear();
  const uint16_t stages[] = {0, 1, 0};
  for (uint16_t process = 0; process < 3; ++process) {
    records.push_back({.kind = Kind::kStart, .process = process, .incarnation = 1});
    records.push_back({.kind = Kind::kAssigned, .process = process, .incarnation = 1, .stage = stages[process]});
  }
  records.push_back({.kind = Kind::kStart, .process = 2, .incarnation = 2});
  const Names names(sample.plan, sample.history);
  EXPECT_EQ(names.Process(0, 1), "parse-1");
  EXPECT_EQ(names.Process(1, 1), "store-1");
  EXPECT_EQ(names.Process(2, 1), "parse-2 (1st life)");
  EXPECT_EQ(names.Process(2, 2), "parse-2 (2nd life)");
}

TEST(NamesTest, NumbersForPeople) {
  EXPECT_EQ(Milliseconds(0), "0.000");
  EXPECT_EQ(Milliseconds(1'234'567'890'123), "1,234,567.890");
  EXPECT_EQ(Milliseconds(-1'500'000), "-1.500");
  EXPECT_EQ(Duration(999), "999 ns");
  EXPECT_EQ(Duration(12'500'000), "12.5 ms");
  EXPECT_EQ(Duration(500'000'000), "500 ms");
  EXPECT_EQ(Duration(6'010'000'000), "6.01 s");
  EXPECT_EQ(Ordinal(1) + Ordinal(2) + Ordinal(3) + Ordinal(11) + Ordinal(112) + Ordinal(121),
            "1st2nd3rd11th112th121st");
  EXPECT_EQ(StatusName(14), "UNAVAILABLE");
  EXPECT_EQ(StatusName(99), "status 99?");
}

TEST(NamesTest, PrintableCutsAtCharacters) {
  EXPECT_EQ(Printable("äöü", 3), "äöü");
  EXPECT_EQ(Printable("äöüß", 3), "äö…");
  EXPECT_EQ(Printable("a\nb\x7f\xc2\x85z"), "a b  z");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(SentenceTest, EveryKindHasWords) {
  const Sample sample = CommitBeforePublish();
  const Names names(sample.plan, sample.history);
  for (int kind = 0; kind < kKinds; ++kind) {
    const Record record = {.kind = static_cast<Kind>(kind), .process = 0, .stage = 0, .topic = 0, .message = 0};
    EXPECT_FALSE(Sentence(names, record).empty()) << kind;
    EXPECT_FALSE(names.Who(record).empty()) << kind;
    EXPECT_FALSE(Noun(record.kind, true).empty()) << kind;
  }
  EXPECT_EQ(Noun(Kind::kDelivered, false), "delivery");
  EXPECT_EQ(Noun(Kind::kEnd, false), "end");
}

}  // namespace
}  // namespace millrace::sim
