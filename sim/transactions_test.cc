// Transactions in the simulator: where processes die in them, what the broker makes of them, and what is told.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr char kPipeline[] = R"(
  name: "once"
  topic { name: "in" partitions: 2 }
  topic { name: "out" partitions: 2 }
  topic { name: "dead" dead_letter: true }
  source { name: "jobs" kind: "jobs" topic: "in" option { key: "count" value: "20" } option { key: "keys" value: "10" } }
  stage { name: "relay" kind: "relay" input: "in" output { topic: "out" } dead_letter: "dead" delivery: EXACTLY_ONCE }
)";
constexpr uint32_t kJobs = 20;
constexpr int64_t kSecond = 1'000'000'000;

class TransactionsTest : public ::testing::Test {
 protected:
  TransactionsTest() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    const stages::PipelineFile file = stages::PipelineFile::Parse("once", kPipeline);
    auto made = Subject::Make(*stages::Resolve(file.pipeline()), registry_, {});
    EXPECT_TRUE(made.ok()) << made.status();
    subject_ = *std::move(made);
    subject_.SetInputs(*subject_.ReadSources(kJobs, kJobs));
    simulator_ = *Simulator::Make(subject_);
    plan_.salt = 3;
    for (uint32_t i = 0; i < kJobs; ++i) plan_.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 20'000'000});
  }

  void Run(std::vector<Fault> faults) {
    plan_.faults = std::move(faults);
    Outcome outcome = simulator_->Judge(plan_);
    EXPECT_FALSE(outcome.verdicts.failed()) << outcome.verdicts.first()->text;
    EXPECT_EQ(outcome.settled, kJobs);
    history_ = std::move(outcome.history);
  }

  template <class Matches>
  uint32_t First(Kind kind, const Matches& matches) const {
    for (uint32_t at = 0; at < history_.records.size(); ++at) {
      if (history_.records[at].kind == kind && matches(history_.records[at])) return at;
    }
    return kNoMessage;
  }
  template <class Matches>
  size_t Count(Kind kind, const Matches& matches) const {
    return static_cast<size_t>(std::count_if(history_.records.begin(), history_.records.end(),
                                             [&](const Record& r) { return r.kind == kind && matches(r); }));
  }
  static bool Any(const Record&) { return true; }
  static bool Aborted(const Record& r) { return r.attempt == 0; }
  static bool ToldNot(const Record& r) { return r.attempt == 1 && r.value != 0; }
  // Records that no reader ever sees.
  size_t Unseen() const {
    std::vector<uint64_t> committed;
    for (const Record& r : history_.records) {
      if (r.kind == Kind::kEnded && r.attempt != 0) committed.push_back(r.value);
    }
    return Count(Kind::kAppended, [&](const Record& r) {
      return r.value != 0 && std::find(committed.begin(), committed.end(), r.value) == committed.end();
    });
  }

  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
  Plan plan_;
  History history_;
};

TEST_F(TransactionsTest, WithoutFaultsAllAreCommittedAndToldSo) {
  Run({});
  EXPECT_GT(Count(Kind::kEnded, Any), 1u);
  EXPECT_EQ(Count(Kind::kEnded, Aborted), 0u);
  EXPECT_EQ(Count(Kind::kTransact, Any), Count(Kind::kEnded, Any));
  EXPECT_EQ(Count(Kind::kTransacted, Any), Count(Kind::kEnded, Any));
  EXPECT_EQ(Count(Kind::kTransacted, ToldNot), 0u);
  EXPECT_EQ(Unseen(), 0u);
  // The place of each message in its partition, markers in between: what is settled and committed names it.
  const uint32_t committed = First(Kind::kCommitted, [](const Record& r) { return r.epoch != 0; });
  ASSERT_NE(committed, kNoMessage);
  const uint32_t ended = First(Kind::kEnded, Any);
  EXPECT_LT(ended, committed) << "what a transaction holds is seen before its offsets are told";
  std::vector<std::vector<ActionKind>> trace;
  simulator_->options().trace = &trace;
  simulator_->Run(plan_);
  simulator_->options().trace = nullptr;
  EXPECT_NE(std::find(trace[0].begin(), trace[0].end(), ActionKind::kCommit), trace[0].end());
}

TEST_F(TransactionsTest, WhoDiesBeforeItHasAskedLeavesItsTransactionToItsHeir) {
  Run({{.id = 1,
        .kind = "crash",
        .trigger = {.kind = TriggerKind::kAtJob, .job = 5, .action = ActionKind::kCommit},
        .target = -1,
        .duration_ns = kSecond / 10}});
  const uint32_t crash = First(Kind::kCrash, Any);
  ASSERT_NE(crash, kNoMessage);
  const Record& dead = history_.records[crash];
  EXPECT_EQ(Count(Kind::kEnded,
                  [&](const Record& r) {
                    return r.attempt == 0 && r.process == dead.process && r.incarnation == dead.incarnation &&
                           r.count == static_cast<uint32_t>(TransactionEnd::kFenced);
                  }),
            1u);
  EXPECT_GT(Unseen(), 0u);
}

TEST_F(TransactionsTest, WhoStaysDownHoldsReadersUntilTheTimeOut) {
  Run({{.id = 1,
        .kind = "crash",
        .trigger = {.kind = TriggerKind::kAtJob, .job = 5, .action = ActionKind::kCommit},
        .target = -1,
        .duration_ns = 30 * kSecond}});
  const uint32_t ended = First(Kind::kEnded, Aborted);
  ASSERT_NE(ended, kNoMessage);
  EXPECT_EQ(history_.records[ended].count, static_cast<uint32_t>(TransactionEnd::kTimedOut));
  EXPECT_GT(history_.records[ended].at_ns, 10 * kSecond);
}

TEST_F(TransactionsTest, ACommitIsTakenThoughItsSenderIsDead) {
  // After the action: the request is on its way.
  Run({});
  std::vector<std::vector<ActionKind>> trace;
  simulator_->options().trace = &trace;
  simulator_->Run(plan_);
  simulator_->options().trace = nullptr;
  const auto commit = std::find(trace[0].begin(), trace[0].end(), ActionKind::kCommit);
  ASSERT_NE(commit, trace[0].end());
  Run({{.id = 1,
        .kind = "crash",
        .trigger = {.kind = TriggerKind::kAfterAction,
                    .process = 0,
                    .count = static_cast<uint32_t>(commit - trace[0].begin()) + 1},
        .target = 0,
        .duration_ns = kSecond}});
  const uint32_t crash = First(Kind::kCrash, Any);
  ASSERT_NE(crash, kNoMessage);
  EXPECT_EQ(history_.records[crash - 2].kind, Kind::kTransact) << "the fault stands between";
}

TEST_F(TransactionsTest, AnAnswerThatIsLostIsFoundOut) {
  Run({{.id = 1,
        .kind = "publish-unknown",
        .trigger = {.kind = TriggerKind::kAtJob, .job = 5, .action = ActionKind::kCommit},
        .target = -1,
        .amount = 1}});
  // Of a commit whose answer was lost the process is told after the next connection, and rightly.
  EXPECT_GT(Count(Kind::kTransacted, Any), 0u);
  const uint32_t fault = First(Kind::kFault, Any);
  ASSERT_NE(fault, kNoMessage);
}

TEST_F(TransactionsTest, ATransactionThatRunsOutOfTimeIsRedone) {
  Run({{.id = 1,
        .kind = "transaction-timeout",
        .trigger = {.kind = TriggerKind::kAtJob, .job = 5, .action = ActionKind::kDispatch},
        .target = -1,
        .duration_ns = 15 * kSecond}});
  EXPECT_GE(Count(Kind::kEnded,
                  [](const Record& r) {
                    return r.attempt == 0 && r.count == static_cast<uint32_t>(TransactionEnd::kTimedOut);
                  }),
            1u);
  EXPECT_GE(Count(Kind::kTransacted, ToldNot), 1u);
  EXPECT_GT(Unseen(), 0u);
}

TEST_F(TransactionsTest, TwinsFenceEachOtherUntilOneLeaves) {
  for (const int32_t part : {0, 1}) {
    Run({{.id = 1,
          .kind = "twin",
          .trigger = {.kind = TriggerKind::kAtJob, .job = 3, .action = ActionKind::kDispatch},
          .target = -1,
          .part = part,
          .duration_ns = 8 * kSecond}});
    EXPECT_EQ(Count(Kind::kStart, Any), 3u);
    EXPECT_GE(
        Count(Kind::kEnded, [](const Record& r) { return r.count == static_cast<uint32_t>(TransactionEnd::kFenced); }) +
            Count(Kind::kConfirm, [](const Record& r) { return r.value != 0; }) + Count(Kind::kTransacted, ToldNot),
        1u);
  }
}

TEST_F(TransactionsTest, TheSamePlanIsTheSameRun) {
  Run({{.id = 1,
        .kind = "twin",
        .trigger = {.kind = TriggerKind::kAtTime, .at_ns = kSecond / 5},
        .target = 0,
        .duration_ns = kSecond}});
  const uint64_t hash = history_.schedule_hash;
  Run(plan_.faults);
  EXPECT_EQ(history_.schedule_hash, hash);
}

}  // namespace
}  // namespace millrace::sim
