#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "duplicates-explained";

std::vector<uint32_t> Fill(HistoryBuilder& b, int count) {
  std::vector<uint32_t> inputs;
  for (int i = 0; i < count; ++i) {
    const uint32_t job = b.Job("j" + std::to_string(i), "raw");
    b.Feed(job);
    inputs.push_back(b.Input(job));
  }
  return inputs;
}

TEST(DuplicatesExplained, AWindowComesAgainAfterACrash) {
  HistoryBuilder b = TwoStages();
  const auto inputs = Fill(b, 8);
  b.Assign(0, "parse");
  for (uint32_t m : inputs) b.Deliver(0, "parse", m);
  b.Crash(0).Assign(1, "parse");
  for (uint32_t m : inputs) b.Deliver(1, "parse", m);
  ExpectPass(kName, b.history());
}

TEST(DuplicatesExplained, AgainWithNoCause) {
  HistoryBuilder b = TwoStages();
  const auto inputs = Fill(b, 1);
  b.Assign(0, "parse").Deliver(0, "parse", inputs[0]);
  const uint32_t first = b.last();
  b.Deliver(0, "parse", inputs[0]);
  ExpectFail(kName, b.history(), "came again with no cause", 0, {first - 1, first, b.last()});
}

TEST(DuplicatesExplained, AQueueThatWentAwayAndCameBack) {
  HistoryBuilder b = TwoStages(/*queues=*/true);
  const auto inputs = Fill(b, 1);
  b.Assign(0, "parse").Deliver(0, "parse", inputs[0]);
  const uint32_t first = b.last();
  HistoryBuilder in_vain = b, late = b;
  b.Fault().Deliver(0, "parse", inputs[0]);
  ExpectPass(kName, b.history());
  in_vain.FaultInVain().Deliver(0, "parse", inputs[0]);
  ExpectFail(kName, in_vain.history(), "came again with no cause", 0, {first - 1, first, in_vain.last()});
  late.Deliver(0, "parse", inputs[0]).Fault();
  ExpectFail(kName, late.history(), "came again with no cause", 0, {first - 1, first, first + 1});
}

// Its committed offset goes back by 100, before the next holding begins or while nobody can be given it again any more.
TEST(DuplicatesExplained, WhatTheOffsetWentBackOver) {
  HistoryBuilder b = TwoStages();
  const auto inputs = Fill(b, 200);
  b.Assign(0, "parse");
  for (uint32_t m : inputs) b.Deliver(0, "parse", m);
  b.Committed("parse", 0, 200);
  HistoryBuilder back = b, after = b, recovered = b;
  const auto again = [&](HistoryBuilder& mine) {
    mine.Crash(0).Assign(1, "parse");
    for (int i = 0; i < 145; ++i) mine.Deliver(1, "parse", inputs[i]);
  };
  back.Committed("parse", 0, 100);
  again(back);
  ExpectPass(kName, back.history());
  again(after);
  after.Committed("parse", 0, 100);
  EXPECT_EQ(Judge(kName, after.history()).verdict, Verdict::kFail) << "it went back after that";
  recovered.Committed("parse", 0, 100).Committed("parse", 0, 200);
  again(recovered);
  EXPECT_EQ(Judge(kName, recovered.history()).verdict, Verdict::kFail) << "it had been there again";
}

// Nothing is ever committed: each owner begins at the beginning.
TEST(DuplicatesExplained, MoreThanWindowsExplain) {
  HistoryBuilder b = TwoStages();
  const auto inputs = Fill(b, 200);
  b.Assign(0, "parse");
  for (uint32_t m : inputs) b.Deliver(0, "parse", m);
  b.Crash(0).Assign(1, "parse");
  const uint32_t assigned = b.last();
  HistoryBuilder trouble = b;
  for (int i = 0; i < 144; ++i) b.Deliver(1, "parse", inputs[i]);  // 2 * (8 + 64)
  ExpectPass(kName, b.history());
  b.Deliver(1, "parse", inputs[144]);
  ExpectFail(kName, b.history(), "more came again than was in flight", 144, {assigned - 201 + 144, assigned, b.last()});

  trouble.Trouble(1, "parse", 14).Deliver(1, "parse", inputs[0]).Trouble(1, "parse", 0);
  for (int i = 1; i < 145; ++i) trouble.Deliver(1, "parse", inputs[i]);
  ExpectPass(kName, trouble.history());
}

TEST(DuplicatesExplained, QueuesGiveAgainWhatWasUnacknowledged) {
  HistoryBuilder b = TwoStages(/*queues=*/true);
  const auto inputs = Fill(b, 20);
  Plan plan;
  plan.prefetch = 4;
  b.Assign(0, "parse");
  for (uint32_t m : inputs) b.Deliver(0, "parse", m);
  b.Release(0, "parse").Assign(0, "parse");
  for (int i = 0; i < 12; ++i) b.Deliver(0, "parse", inputs[i]);
  ExpectPass(kName, b.history(), nullptr, plan);
  b.Deliver(0, "parse", inputs[12]);
  EXPECT_EQ(Judge(kName, b.history(), nullptr, plan).verdict, Verdict::kFail);
}

TEST(DuplicatesExplained, PublishesAndAppends) {
  HistoryBuilder b = TwoStages();
  const uint32_t in = Fill(b, 1)[0], out = b.Derive(in, "parse", "clean");
  b.Attempt(0, "parse", in, {out});
  const uint32_t made = b.last();
  b.Publish(0, "parse", out).Append(out).Confirm(0, "parse", out, 4).Publish(0, "parse", out).Append(out);
  ExpectPass(kName, b.history());
  HistoryBuilder again = b;
  again.Publish(0, "parse", out);
  ExpectFail(kName, again.history(), "published more often than made", 0, {made, again.last()});
  const uint32_t first = made + 2;
  b.Append(out);
  const uint32_t last = b.last();
  ExpectFail(kName, b.history(), "appended more often than published", 0, {first, last});
  HistoryBuilder before = b;
  b.Fault().Trouble(0, "parse", 14);
  ExpectFail(kName, b.history(), "appended more often than published", 0, {first, last});  // they came after it
  before.history().records.pop_back();
  HistoryBuilder other = before, well = before, own = before, in_vain = before;
  before.Fault().Append(out);  // a client may have repeated it on its own
  ExpectPass(kName, before.history());
  own.Trouble(0, "parse", 14).Append(out);
  ExpectPass(kName, own.history());
  in_vain.FaultInVain().Append(out);
  EXPECT_EQ(Judge(kName, in_vain.history()).verdict, Verdict::kFail);
  other.Trouble(1, "parse", 14).Append(out);
  EXPECT_EQ(Judge(kName, other.history()).verdict, Verdict::kFail) << "it was published by another process";
  well.Trouble(0, "parse", 0).Append(out);
  EXPECT_EQ(Judge(kName, well.history()).verdict, Verdict::kFail) << "that was no trouble";
}

// Seen on a real broker: "parse" publishes ten messages, one after the other, and each is there twice.
class OnARealBroker : public ::testing::Test {
 protected:
  // Each publish has its answer before the next, or none has one before all are out.
  void Publish(bool at_once) {
    const auto inputs = Fill(b, 10);
    for (uint32_t m : inputs) outputs.push_back(b.Derive(m, "parse", "clean"));
    for (size_t i = 0; i < inputs.size(); ++i) {
      b.Attempt(0, "parse", inputs[i], {outputs[i]}).Publish(0, "parse", outputs[i]);
      first = std::min(first, b.last());
      if (!at_once) b.Confirm(0, "parse", outputs[i]);
    }
    last = b.last();
    b.history().observed = true;
  }
  void Answer() {
    for (uint32_t m : outputs) b.Confirm(0, "parse", m);
  }
  void AppendTwice(size_t how_many) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      b.Append(outputs[i]);
      if (i < how_many) b.Append(outputs[i]);
    }
  }
  CheckResult Result() { return Judge(kName, b.history()); }

  HistoryBuilder b = TwoStages();
  std::vector<uint32_t> outputs;
  uint32_t first = UINT32_MAX, last = 0;
};

TEST_F(OnARealBroker, AFaultExplainsAsManyRepeatsAsHadNoAnswer) {
  Publish(/*at_once=*/true);
  b.Fault();
  Answer();
  AppendTwice(10);
  EXPECT_EQ(Result().verdict, Verdict::kPass);
}

TEST_F(OnARealBroker, NoMoreThanThat) {
  Publish(/*at_once=*/false);
  HistoryBuilder before = b;
  b.Fault();
  // It stands near to all of the publishes.
  b.history().strikes[0].at_ns = before.record(first).at_ns;
  AppendTwice(1);
  EXPECT_EQ(Result().verdict, Verdict::kPass);
  b = before;
  b.Fault();
  b.history().strikes[0].at_ns = before.record(first).at_ns;
  AppendTwice(2);
  const CheckResult result = Result();
  ASSERT_EQ(result.verdict, Verdict::kFail);
  EXPECT_EQ(result.findings[0].signature, "more appended again than was in flight");
  EXPECT_NE(
      result.findings[0].text.find("stage parse made was appended 2 times beyond what was published, where 1 are"),
      std::string::npos)
      << result.findings[0].text;
}

TEST_F(OnARealBroker, AFaultAfterAllAnswersExplainsNothing) {
  Publish(/*at_once=*/true);
  Answer();
  b.Fault();
  AppendTwice(1);
  const CheckResult result = Result();
  ASSERT_EQ(result.verdict, Verdict::kFail);
  EXPECT_EQ(result.findings[0].signature, "appended more often than published");
}

TEST_F(OnARealBroker, AFaultLongBeforeExplainsNothing) {
  Publish(/*at_once=*/true);
  b.Fault();
  Answer();
  b.history().strikes[0].at_ns = b.record(first).at_ns - 31'000'000'000;
  AppendTwice(1);
  EXPECT_EQ(Result().verdict, Verdict::kFail);
}

TEST_F(OnARealBroker, TroubleOfWhoPublishes) {
  Publish(/*at_once=*/true);
  b.Trouble(0, "parse", 14);
  Answer();
  AppendTwice(10);
  EXPECT_EQ(Result().verdict, Verdict::kPass);
}

TEST_F(OnARealBroker, TroubleOfAnotherExplainsNothing) {
  Publish(/*at_once=*/true);
  b.Trouble(1, "parse", 14);
  Answer();
  AppendTwice(1);
  EXPECT_EQ(Result().verdict, Verdict::kFail);
}

TEST_F(OnARealBroker, TheFeedRepeatsByItselfWhereSomethingWasDone) {
  const auto inputs = Fill(b, 1);
  b.history().observed = true;
  b.Append(inputs[0]);
  EXPECT_EQ(Result().verdict, Verdict::kFail);
  b.Fault();
  EXPECT_EQ(Result().verdict, Verdict::kPass);
}

}  // namespace
}  // namespace millrace::sim
