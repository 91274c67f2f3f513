#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "final-state";

HistoryBuilder Base() {
  HistoryBuilder b = TwoStages();
  b.Feed(b.Job("a", "raw", "k1")).Feed(b.Job("b", "raw", "k2"));
  b.State("port:store", "k1", "price 1").State("port:store", "k2", "price 2");
  return b;
}

TEST(FinalState, Equal) {
  HistoryBuilder faultless = Base(), here = Base();
  here.Quiet();
  ExpectPass(kName, here.history(), &faultless.history());
}

TEST(FinalState, DifferentMissingUnexpected) {
  HistoryBuilder faultless = Base();
  HistoryBuilder different = Base();
  different.Quiet();
  different.history().final_state[1].state = "price 3";
  const std::string text = ExpectFail(kName, different.history(), "different", 1, {4}, &faultless.history());
  EXPECT_NE(text.find("price 3"), std::string::npos) << text;
  EXPECT_NE(text.find("price 2"), std::string::npos) << text;
  HistoryBuilder missing = Base();
  missing.Quiet().history().final_state.erase(missing.history().final_state.begin());
  ExpectFail(kName, missing.history(), "missing", 0, {1}, &faultless.history());
  HistoryBuilder more = Base();
  more.Quiet().State("port:store", "k3", "price 9");
  ExpectFail(kName, more.history(), "unexpected", kNoJob, {}, &faultless.history());
}

TEST(FinalState, NotCheckable) {
  HistoryBuilder faultless = Base(), here = Base();
  ExpectNotCheckable(kName, here.history(), &faultless.history());  // not at rest
  here.Quiet();
  ExpectNotCheckable(kName, here.history(), nullptr);
}

TEST(FinalState, KeysOfExcusedJobsAreNotCompared) {
  HistoryBuilder faultless = Base(), here = Base();
  here.history().final_state.erase(here.history().final_state.begin());  // k1, of job a
  const uint32_t letter = here.DeadLetter(here.Input(0), "parse");
  HistoryBuilder in_vain = here;
  for (HistoryBuilder* b : {&here, &in_vain}) {
    b == &here ? b->Fault(0) : b->FaultInVain(0);
    b->Assign(0, "parse").Attempt(0, "parse", here.Input(0), {}, 3).Die(0, "parse", letter);
    b->Sent(0, "parse", letter).Quiet();
  }
  Plan plan;
  plan.faults.push_back({.id = 7, .kind = "stage-poison", .trigger = {}, .target = 0, .part = 0});
  ExpectPass(kName, here.history(), &faultless.history(), plan);
  EXPECT_EQ(Judge(kName, in_vain.history(), &faultless.history(), plan).verdict, Verdict::kFail) << "it met nothing";
  plan.faults[0].part = 1;  // of another job
  EXPECT_EQ(Judge(kName, here.history(), &faultless.history(), plan).verdict, Verdict::kFail);
  plan.faults[0] = {.id = 7, .kind = "crash", .trigger = {}, .target = 0};
  EXPECT_EQ(Judge(kName, here.history(), &faultless.history(), plan).verdict, Verdict::kFail);
}

TEST(FinalState, WhatWasDestroyedAndAnnouncedIsExcused) {
  HistoryBuilder faultless = Base(), here = Base();
  here.history().final_state.erase(here.history().final_state.begin());
  here.Destroy("parse", here.Input(0));
  HistoryBuilder silent = here, other = here;
  other.DataLoss(0, "parse", 1).Quiet();
  EXPECT_EQ(Judge(kName, other.history(), &faultless.history()).verdict, Verdict::kFail) << "another partition";
  here.DataLoss(0, "parse").Quiet();
  ExpectPass(kName, here.history(), &faultless.history());
  silent.Quiet();
  EXPECT_EQ(Judge(kName, silent.history(), &faultless.history()).verdict, Verdict::kFail);
}

}  // namespace
}  // namespace millrace::sim
