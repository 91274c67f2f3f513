#include "ops/sim_stage_words.h"

#include <gtest/gtest.h>

namespace millrace::ops {
namespace {

sim::StageFinding Finding(const std::string& stage, const std::string& what) {
  return {.kind = sim::StageFindingKind::kSleep, .stage = stage, .what = what, .text = stage + " does " + what};
}

TEST(StageWords, EachFindingIsSaidOnceUnderTheHeading) {
  sim::StageFindings findings;
  StageWords words;
  EXPECT_EQ(words.News(findings), "");
  EXPECT_EQ(words.Remarked("no-loss is broken: x\nThe run\n"), "no-loss is broken: x\nThe run\n");
  words.Add(Finding("parse", "one"));
  findings.Add(Finding("parse", "two"));
  findings.Add(Finding("parse", "two"));
  const std::string news = words.News(findings);
  EXPECT_EQ(news.find("about your stages, and not about Millrace: "), 0u);
  EXPECT_NE(news.find("\n  sleep: parse does one\n  sleep: parse does two\n"), std::string::npos) << news;
  EXPECT_EQ(words.News(findings), "");
  findings.Add(Finding("store", "three"));
  EXPECT_NE(words.News(findings).find("\n  sleep: store does three\n"), std::string::npos);
}

TEST(StageWords, WhatBreaksAfterThemSaysThatItMayFollow) {
  sim::StageFindings findings;
  StageWords words;
  findings.Add(Finding("parse", "one"));
  words.News(findings);
  EXPECT_EQ(words.Remarked("no-loss is broken: x\nThe run\n"),
            "no-loss is broken: x\nthis may follow from what is said above about your stage parse: correct that first\n"
            "The run\n");
  findings.Add(Finding("store", "two"));
  words.News(findings);
  EXPECT_EQ(words.Remarked("no-loss is broken"),
            "no-loss is broken\nthis may follow from what is said above about your stages parse, store: correct that "
            "first\n");
}

TEST(StageFindingLines, LikeOnesAreCounted) {
  EXPECT_EQ(StageFindingLines({}), "");
  const std::vector<CountedFinding> findings = {{Finding("parse", "one"), 1200}};
  EXPECT_NE(StageFindingLines(findings).find("  sleep: parse does one [1,200 times]\n"), std::string::npos);
}

}  // namespace
}  // namespace millrace::ops
