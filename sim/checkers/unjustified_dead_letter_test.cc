#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "unjustified-dead-letter";

struct Letters {
  HistoryBuilder b = TwoStages();
  uint32_t made = 0;
  explicit Letters(bool dead) {
    const uint32_t job = b.Job("a", "raw", "k"), in = b.Input(job), second = b.Job("b", "raw", "k");
    b.Feed(job).Feed(second).Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in);
    if (!dead) return;
    b.Attempt(0, "parse", in, {}, 2).Die(0, "parse", b.DeadLetter(in, "parse"));
    made = b.last();
    b.Append(b.record(made).message);
  }
};

TEST(UnjustifiedDeadLetter, WithoutFaultsItIsDoneOrDeadTheSameWay) {
  Letters none(false), dead(true), also(true);
  ExpectPass(kName, none.b.history(), &none.b.history());
  ExpectPass(kName, dead.b.history(), &also.b.history());
}

TEST(UnjustifiedDeadLetter, OnlyHere) {
  Letters faultless(false), here(true);
  ExpectFail(kName, here.b.history(), "dead letter by fault", 0, {here.made - 1, here.made, here.made + 1},
             &faultless.b.history());
  ExpectNotCheckable(kName, here.b.history());
}

TEST(UnjustifiedDeadLetter, AFaultMadeTheStageFailAtTheJob) {
  Letters faultless(false), here(true);
  Plan plan;
  plan.faults.push_back({.id = 3, .kind = "stage-failing", .trigger = {}, .target = 0, .part = 0});
  EXPECT_EQ(Judge(kName, here.b.history(), &faultless.b.history(), plan).verdict, Verdict::kFail);  // not fired
  here.b.FaultInVain(0);
  EXPECT_EQ(Judge(kName, here.b.history(), &faultless.b.history(), plan).verdict, Verdict::kFail) << "it met nothing";
  here.b.Fault(0);
  ExpectPass(kName, here.b.history(), &faultless.b.history(), plan);
}

TEST(UnjustifiedDeadLetter, WhatFollowsAParkedKeyIsExcusedToo) {
  Letters faultless(false), here(true);
  Plan plan;
  plan.faults.push_back({.id = 3, .kind = "stage-poison", .trigger = {}, .target = 0, .part = 0});
  const uint32_t letter = here.b.DeadLetter(here.b.Input(1), "parse", "FAILED_PRECONDITION: parked");
  here.b.Fault(0).Deliver(0, "parse", here.b.Input(1)).Die(0, "parse", letter).Append(letter);
  const uint32_t made = here.b.last() - 1;
  ExpectFail(kName, here.b.history(), "dead letter by fault", 1, {made, made + 1}, &faultless.b.history(), plan);
  here.b.history().topology.stages[0].park_key = true;
  ExpectPass(kName, here.b.history(), &faultless.b.history(), plan);
}

}  // namespace
}  // namespace millrace::sim
