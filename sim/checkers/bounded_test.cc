#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "bounded";

std::vector<uint32_t> Fill(HistoryBuilder& b, int count) {
  std::vector<uint32_t> inputs;
  for (int i = 0; i < count; ++i) {
    inputs.push_back(b.Input(b.Job("j" + std::to_string(i), "raw")));
    b.Feed(static_cast<uint32_t>(i));
  }
  return inputs;
}

TEST(Bounded, WindowOnLogs) {
  HistoryBuilder b = TwoStages();
  const auto inputs = Fill(b, 140);
  b.Assign(0, "parse");
  const uint32_t assigned = b.last();
  for (int i = 0; i < 136; ++i) b.Deliver(0, "parse", inputs[i]);  // 8 + 2 * 64
  b.Settle(0, "parse", inputs[0]).Deliver(0, "parse", inputs[136]);
  ExpectPass(kName, b.history());
  b.Deliver(0, "parse", inputs[137]);
  ExpectFail(kName, b.history(), "window", 137, {assigned, b.last()});
}

TEST(Bounded, WindowAndPrefetchOnQueues) {
  HistoryBuilder b = TwoStages(/*queues=*/true);
  const auto inputs = Fill(b, 20);
  Plan plan;
  plan.prefetch = 4;
  b.Assign(0, "parse");
  const uint32_t assigned = b.last();
  for (int i = 0; i < 12; ++i) b.Deliver(0, "parse", inputs[i]);
  ExpectPass(kName, b.history(), nullptr, plan);
  b.Deliver(0, "parse", inputs[12]);
  ExpectFail(kName, b.history(), "window", 12, {assigned, b.last()}, nullptr, plan);
}

TEST(Bounded, PublishesUnanswered) {
  HistoryBuilder b = TwoStages(/*queues=*/true);
  const uint32_t in = Fill(b, 1)[0], out = b.Derive(in, "parse", "clean");
  Plan plan;
  plan.prefetch = 4;
  for (int i = 0; i < 48; ++i) b.Publish(0, "parse", out);  // 2 * (8 + 4) of 2 partitions
  ExpectPass(kName, b.history(), nullptr, plan);
  HistoryBuilder answered = b;
  answered.Confirm(0, "parse", out).Publish(0, "parse", out);
  ExpectPass(kName, answered.history(), nullptr, plan);
  HistoryBuilder died = b;
  died.Crash(0).Start(0).Publish(0, "parse", out);
  ExpectPass(kName, died.history(), nullptr, plan);
  b.Publish(0, "parse", out);
  ExpectFail(kName, b.history(), "publishes", 0, {b.last()}, nullptr, plan);
}

TEST(Bounded, Attempts) {
  HistoryBuilder b = TwoStages();
  const uint32_t in = Fill(b, 1)[0];
  b.Assign(0, "parse").Deliver(0, "parse", in);
  const uint32_t first = b.last() + 1;
  for (int i = 0; i < 3; ++i) b.Dispatch(0, "parse", in).Attempt(0, "parse", in, {}, 2);
  ExpectPass(kName, b.history());
  HistoryBuilder uncounted = b;
  b.Dispatch(0, "parse", in);
  ExpectFail(kName, b.history(), "attempts", 0, {first, b.last()});
  for (int i = 0; i < 4; ++i) uncounted.Attempt(0, "parse", in, {}, 2);
  ExpectFail(kName, uncounted.history(), "attempts", 0, {first, uncounted.last()});
}

// A broker that has taken a message back from an owner, and made that the owner again, gives it once more.
TEST(Bounded, WhatIsGivenAgainIsTriedAnew) {
  HistoryBuilder b = TwoStages();
  const uint32_t in = Fill(b, 1)[0];
  b.Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in);
  const uint32_t first = b.last();
  b.Deliver(0, "parse", in);
  for (int i = 0; i < 12; ++i) b.Attempt(0, "parse", in, {}, 2);
  ExpectPass(kName, b.history());
  b.Attempt(0, "parse", in, {}, 2);
  ExpectFail(kName, b.history(), "attempts", 0, {first, b.last()});
}

TEST(Bounded, OutagesAreNoAttempts) {
  HistoryBuilder b = TwoStages();
  const uint32_t in = Fill(b, 1)[0];
  b.Assign(0, "parse").Deliver(0, "parse", in).Dispatch(0, "parse", in);
  for (int i = 0; i < 50; ++i) b.Attempt(0, "parse", in, {}, 14);
  ExpectPass(kName, b.history());
}

}  // namespace
}  // namespace millrace::sim
