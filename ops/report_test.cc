#include "ops/report.h"

#include <gtest/gtest.h>

#include <sstream>

#include "ops/progress.h"

namespace millrace::ops {
namespace {

RunReport Example() {
  RunReport report;
  report.pipeline = "orders";
  report.bus = "mem:";
  report.folder = "out";
  report.dead_letters_file = "out/dead_letters.jsonl";
  report.elapsed_seconds = 2;
  report.accepted_now = 5000;
  report.stages.push_back({.name = "price",
                           .instances = 3,
                           .idle = 1,
                           .in = 5000,
                           .out = 4998,
                           .retried = 1,
                           .dead = 2,
                           .p50_ns = 1'500'000,
                           .p99_ns = 20'000'000,
                           .pending = {}});
  report.books.dead_letters = 2;
  report.books.reasons.push_back({"price", "Amount", "too \"…\"\x1b[31m", 2, "job:7"});
  report.books.balance.accepted = 5000;
  report.books.balance.settled = 4998;
  report.books.balance.dead_lettered = 2;
  return report;
}

TEST(ReportTest, Text) {
  EXPECT_EQ(
      ReportAsText(Example()),
      "orders (mem:): 5,000 jobs accepted in 2.0 s (2,500/s)\n"
      "\n"
      "  stage     in    out  retried  dead     p50    p99  instances\n"
      "  price  5,000  4,998        1     2  1.5 ms  20 ms          3\n"
      "idle waste: 1 instance of price had no partition; give its input more partitions or the stage fewer instances\n"
      "\n"
      "dead letters: 2, in out/dead_letters.jsonl\n"
      "  count  stage  field   reason        for example\n"
      "      2  price  Amount  too \"…\" [31m  job:7\n"
      "\n"
      "ledger: accepted 5,000 = settled 4,998 + dead-lettered 2 + lost 0; duplicates 0\n"
      "results: out\n");
}

TEST(ReportTest, TextOfWhatWentWrong) {
  RunReport report = Example();
  report.accepted_now = 0;
  report.interrupted = true;
  report.problems = {"stage \"price\": broken"};
  Balance& b = report.books.balance;
  b.settled = 4990;
  b.lost = 3;
  b.on_bus = 5;
  b.lost_examples = {"job:1", "job:2"};
  b.conflicts = 1;
  b.conflict_examples = {"job:3"};
  b.phantoms = 1;
  b.phantom_examples = {"job:4"};
  const std::string text = ReportAsText(report);
  for (const char* part :
       {"nothing new (0 new jobs) in 2.0 s, stopped before the end\n", " + on the bus 5 + lost 3;",
        "LOST, for example: job:1, job:2\n", "CONFLICTS 1 (",
        "ended without having been accepted 1, for example: job:4\n", "problem: stage \"price\": broken\n",
        "what is on the bus is finished by the next run on this folder\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(ReportTest, Json) {
  const std::string json = ReportAsJson(Example());
  EXPECT_EQ(json.find('\n'), json.size() - 1);
  for (
      const char* part :
      {R"("accepted":5000,"settled":4998,"dead_lettered":2,"lost":0,"on_bus":0,"destroyed":0,"to_feed_again":0,"duplicates":0)",
       R"("elapsed_seconds":2.000)",
       R"("stages":[{"name":"price","in":5000,"out":4998,"retried":1,"dead":2,"p50_ms":1.500,"p99_ms":20.000,"instances":3,"idle":1}])",
       R"("reason":"too \"…\"\u001b[31m")"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << "\n" << json;
  }
}

TEST(ProgressTest, LinesInALogAndABarOnATerminal) {
  const auto at = [](int64_t ms) { return MonotonicTime{ms * 1'000'000}; };
  std::ostringstream log;
  Progress lines(log, /*terminal=*/false, at(0));
  EXPECT_FALSE(lines.Due(at(4999)));
  EXPECT_TRUE(lines.Due(at(5000)));
  lines.Show(at(5000), {.read = 0.5, .accepted = 1000, .on_bus = 7, .dead = 2, .note = ""});
  EXPECT_FALSE(lines.Due(at(6000)));
  EXPECT_EQ(log.str(), "5.0 s, 50 % read  accepted 1,000 (200/s)  on the bus 7  dead 2\n");

  std::ostringstream terminal;
  Progress bar(terminal, /*terminal=*/true, at(0));
  bar.Show(at(200), {.read = 0.5, .accepted = 0, .on_bus = 0, .dead = 0, .note = "stopping"});
  bar.Say("hello");
  bar.Clear();
  EXPECT_EQ(terminal.str(),
            "\r\x1b[K[############............] 50 %  accepted 0 (0/s)  on the bus 0  dead 0  stopping\r\x1b[Khello\n");
}

}  // namespace
}  // namespace millrace::ops
