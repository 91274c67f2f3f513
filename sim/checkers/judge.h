// For tests of checkers: what one of them says about a history.
#ifndef MILLRACE_SIM_CHECKERS_JUDGE_H_
#define MILLRACE_SIM_CHECKERS_JUDGE_H_

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "sim/checker.h"
#include "sim/testing/history_builder.h"

namespace millrace::sim {

inline CheckResult Judge(std::string_view checker, const History& history, const History* faultless = nullptr,
                         const Plan& plan = Plan()) {
  const Checker* found = FindChecker(checker);
  if (found == nullptr) {
    ADD_FAILURE() << "no checker " << checker;
    return {};
  }
  return CheckOne(*found, {.plan = plan, .history = history, .faultless = faultless});
}

inline void ExpectPass(std::string_view checker, const History& history, const History* faultless = nullptr,
                       const Plan& plan = Plan()) {
  const CheckResult result = Judge(checker, history, faultless, plan);
  EXPECT_EQ(result.verdict, Verdict::kPass)
      << result.why << (result.findings.empty() ? "" : result.findings[0].signature + ": " + result.findings[0].text);
}

// The first finding is that. Returns its text.
inline std::string ExpectFail(std::string_view checker, const History& history, std::string_view signature,
                              uint32_t job, const std::vector<uint32_t>& evidence, const History* faultless = nullptr,
                              const Plan& plan = Plan()) {
  const CheckResult result = Judge(checker, history, faultless, plan);
  EXPECT_EQ(result.verdict, Verdict::kFail) << result.why;
  if (result.findings.empty()) {
    ADD_FAILURE() << "no finding";
    return "";
  }
  const Finding& finding = result.findings[0];
  EXPECT_EQ(finding.promise, checker);
  EXPECT_EQ(finding.signature, signature) << finding.text;
  EXPECT_EQ(finding.job, job) << finding.text;
  EXPECT_EQ(finding.evidence, evidence) << finding.text;
  return finding.text;
}

inline void ExpectNotCheckable(std::string_view checker, const History& history, const History* faultless = nullptr,
                               const Plan& plan = Plan()) {
  const CheckResult result = Judge(checker, history, faultless, plan);
  EXPECT_EQ(result.verdict, Verdict::kNotCheckable);
  EXPECT_FALSE(result.why.empty());
}

// raw → parse → clean → store (a sink); dead letters on dead.
inline HistoryBuilder TwoStages(bool queues = false) {
  HistoryBuilder b;
  if (queues) b.Queues();
  b.Topic("raw", 2).Topic("clean", 2).Topic("dead").DeadLetters();
  b.Stage("parse", "raw", {"clean"}, "dead").Stage("store", "clean", {}, "dead").Sink();
  return b;
}

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_JUDGE_H_
