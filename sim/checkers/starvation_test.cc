#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "starvation";

TEST(Starvation, EverybodyHasATurn) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw"), parked = b.Job("b", "raw"), letter = b.DeadLetter(b.Input(parked), "parse");
  b.Feed(job).Feed(parked).Assign(0, "parse").Work(0, "parse", b.Input(job));
  b.Deliver(0, "parse", b.Input(parked)).Die(0, "parse", letter).Sent(0, "parse", letter).Quiet();
  ExpectPass(kName, b.history());
}

TEST(Starvation, DeliveredAndNeverRun) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Assign(0, "parse").Deliver(0, "parse", b.Input(job));
  const uint32_t delivered = b.last();
  b.Stuck("");
  ExpectFail(kName, b.history(), "delivered and never run", job, {1, delivered});
}

TEST(Starvation, APartitionThatIsNotRead) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw", "", 0), other = b.Job("b", "raw", "", 1);
  b.Feed(job).Feed(other).Assign(0, "parse", 0).Work(0, "parse", b.Input(job));
  HistoryBuilder held = b;
  b.Stuck("");
  ExpectFail(kName, b.history(), "partition never assigned", other, {4});
  held.Assign(1, "parse", 1);
  const uint32_t assigned = held.last();
  held.Stuck("");
  ExpectFail(kName, held.history(), "partition assigned and never read", other, {4, assigned});
}

TEST(Starvation, NotJudgedWithFaultsOrWhenCutOff) {
  HistoryBuilder b = TwoStages();
  const uint32_t job = b.Job("a", "raw");
  b.Feed(job).Assign(0, "parse").Deliver(0, "parse", b.Input(job));
  HistoryBuilder cut = b;
  cut.Limit("600 s");
  ExpectNotCheckable(kName, cut.history());
  HistoryBuilder in_vain = b;
  in_vain.FaultInVain().Quiet();
  EXPECT_EQ(Judge(kName, in_vain.history()).verdict, Verdict::kFail) << "nobody had to wait for it";
  b.Fault().Quiet();
  ExpectNotCheckable(kName, b.history());
}

}  // namespace
}  // namespace millrace::sim
