// Each kind of fault really happens: one plan with that fault alone, at the busiest time of two processes, on each kind of
// broker that it applies to. The history tells that it has struck, and what came of it; and the run is clean.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/fault.h"
#include "sim/history_index.h"
#include "sim/plan_names.h"
#include "sim/testing/busy_pipeline.h"
#include "stages/stage.h"

namespace millrace::sim {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStrikes = 200 * kMs;
constexpr uint32_t kJobs = 60;
constexpr uint32_t kStruckJob = 20;
constexpr uint16_t kRelay = 0, kPut = 1;  // stages
constexpr uint64_t kInvalidArgument = 3, kUnavailable = 14, kDataLoss = 15;

using Match = std::function<bool(const Record&)>;

Match Of(uint16_t process) {
  return [process](const Record& r) { return r.process == process; };
}
Match Valued(uint64_t value) {
  return [value](const Record& r) { return r.value == value; };
}
Match Life(uint16_t process, uint16_t incarnation) {
  return [=](const Record& r) { return r.process == process && r.incarnation == incarnation; };
}

// What a run with a fault has to tell, beside the same run without it.
class Told {
 public:
  Told(const History& history, const History& calm) : history_(history), calm_(calm) {
    for (uint32_t at = 0; at < history.records.size(); ++at) {
      if (history.records[at].kind == Kind::kFault) fault_ = at;
      if (history.records[at].kind == Kind::kHealed) healed_ns_ = history.records[at].at_ns;
    }
  }
  bool fired() const { return fault_ != kNone; }
  const std::vector<Record>& records() const { return history_.records; }
  uint32_t fault() const { return fault_; }

  size_t Count(Kind kind, const Match& match) const {
    return static_cast<size_t>(std::count_if(records().begin() + fault_, records().end(),
                                             [&](const Record& r) { return r.kind == kind && match(r); }));
  }
  bool After(Kind kind, const Match& match) const { return Count(kind, match) > 0; }
  // Nothing of that while it lasts, where there would have been something.
  bool Silent(Kind kind, const Match& match, int64_t for_ns = 0) const {
    const int64_t from = records()[fault_].at_ns, to = for_ns > 0 ? from + for_ns : healed_ns_;
    const auto any = [&](const History& history) {
      return std::any_of(history.records.begin(), history.records.end(),
                         [&](const Record& r) { return r.kind == kind && r.at_ns > from && r.at_ns < to && match(r); });
    };
    return !any(history_) && any(calm_);
  }
  // The longest that it takes a message from one kind of record to the next of the other kind.
  int64_t Longest(Kind from, Kind to, const Match& match) const { return LongestIn(history_, fault_, from, to, match); }
  // … those included that had begun before.
  int64_t LongestOfAll(Kind from, Kind to, const Match& match) const { return LongestIn(history_, 0, from, to, match); }
  int64_t LongestWithout(Kind from, Kind to, const Match& match) const { return LongestIn(calm_, 0, from, to, match); }
  // A message that lies somewhere twice.
  bool AppendedTwice() const {
    std::set<uint32_t> seen;
    return std::any_of(records().begin(), records().end(),
                       [&](const Record& r) { return r.kind == Kind::kAppended && !seen.insert(r.message).second; });
  }
  // What had been settled by its process comes again.
  bool SettledComesAgain() const {
    std::set<std::pair<uint16_t, uint32_t>> settled;
    return std::any_of(records().begin(), records().end(), [&](const Record& r) {
      if (r.kind == Kind::kSettle) settled.emplace(r.stage, r.message);
      return r.kind == Kind::kDelivered && settled.contains({r.stage, r.message});
    });
  }
  bool ConfirmsScattered() const { return Scattered(history_) && !Scattered(calm_); }
  // Of one process and stage, answers come in another order than what was published.
  static bool Scattered(const History& history) {
    std::map<std::pair<uint16_t, uint32_t>, uint64_t> token;  // by process and message
    std::map<std::pair<uint16_t, uint16_t>, uint64_t> furthest;
    for (const Record& r : history.records) {
      if (r.kind == Kind::kPublish) token[{r.process, r.message}] = r.value;
      if (r.kind != Kind::kConfirm || r.process == kNoProcess) continue;
      uint64_t& last = furthest[{r.process, r.stage}];
      const uint64_t mine = token[{r.process, r.message}];
      if (mine < last) return true;
      last = mine;
    }
    return false;
  }

 private:
  static int64_t LongestIn(const History& history, uint32_t first, Kind from, Kind to, const Match& match) {
    std::map<uint32_t, int64_t> since;
    int64_t longest = 0;
    for (uint32_t at = first; at < history.records.size(); ++at) {
      const Record& r = history.records[at];
      if (r.kind == from && match(r)) since.emplace(r.message, r.at_ns);
      const auto begun = since.find(r.message);
      if (r.kind != to || begun == since.end()) continue;
      longest = std::max(longest, r.at_ns - begun->second);
      since.erase(begun);
    }
    return longest;
  }

  const History& history_;
  const History& calm_;
  uint32_t fault_ = kNone;
  int64_t healed_ns_ = 0;
};

struct KindCase {
  Fault fault;  // of the first process, stage, topic or port where it says nothing else
  std::string_view what;
  std::function<bool(const Told&)> happened;
  bool transactions = false;  // in a pipeline that has some
  uint32_t processes = 2;
};

constexpr auto kAny = [](const Record&) { return true; };
const Match kFailed = [](const Record& r) { return r.value != 0 && (r.flags & kSkipped) == 0; };

bool Stopped(const Told& t, uint16_t process) {
  return t.After(Kind::kDrain, Of(process)) && t.After(Kind::kStopped, Of(process)) &&
         t.After(Kind::kStart, Life(process, 2));
}
bool Told14(const Told& t) {
  return t.After(Kind::kTrouble, [](const Record& r) { return r.process == 0 && r.value == kUnavailable; });
}
bool Ended(const Told& t, TransactionEnd why) {
  return t.After(Kind::kEnded, [why](const Record& r) { return r.count == static_cast<uint32_t>(why); });
}

// One line a kind. Times are of a run that is at work for about a second.
std::vector<KindCase> Cases() {
  return {
      {{.kind = "crash", .duration_ns = 100 * kMs},
       "an incarnation ends, and the next one begins",
       [](const Told& t) {
         return t.After(Kind::kCrash, Life(0, 1)) && t.After(Kind::kStart, Life(0, 2)) &&
                !t.After(Kind::kDispatch, Life(0, 1));
       }},
      {{.kind = "crash", .amount = 1},
       "it stays away until everything is over",
       [](const Told& t) { return t.After(Kind::kCrash, Life(0, 1)) && t.After(Kind::kStart, Life(0, 2)); }},
      {{.kind = "pause", .duration_ns = 500 * kMs},
       "it starts nothing meanwhile",
       [](const Told& t) { return t.Silent(Kind::kDispatch, Of(0), 500 * kMs) && t.After(Kind::kResumed, Of(0)); }},
      {{.kind = "poll-stuck", .duration_ns = 500 * kMs},
       "it starts nothing meanwhile, and its heartbeats go on",
       [](const Told& t) {
         return t.Silent(Kind::kDispatch, Of(0), 500 * kMs) &&
                t.After(Kind::kPaused, [](const Record& r) { return (r.flags & kAlive) != 0; });
       }},
      {{.kind = "net-delay", .duration_ns = 2'000 * kMs, .amount = 300 * kMs},
       "publishes take longer",
       [](const Told& t) {
         return t.Longest(Kind::kPublish, Kind::kAppended, Of(0)) >= 300 * kMs &&
                t.LongestWithout(Kind::kPublish, Kind::kAppended, Of(0)) < 100 * kMs;
       }},
      {{.kind = "net-loss", .amount = 20},
       "publishes are sent again",
       [](const Told& t) { return t.Longest(Kind::kPublish, Kind::kAppended, Of(0)) >= 200 * kMs; }},
      {{.kind = "net-partition", .part = 0, .duration_ns = 1'000 * kMs},
       "nothing arrives, and then it does",
       [](const Told& t) {
         return t.Silent(Kind::kAppended, Of(0)) && t.Longest(Kind::kPublish, Kind::kAppended, Of(0)) >= 800 * kMs;
       }},
      {{.kind = "net-partition", .part = 1, .duration_ns = 1'000 * kMs},
       "nothing arrives at the broker",
       [](const Told& t) { return t.Silent(Kind::kAppended, Of(0)); }},
      {{.kind = "net-partition", .part = 2, .duration_ns = 1'000 * kMs},
       "nothing arrives from the broker",
       [](const Told& t) { return t.Silent(Kind::kConfirm, Of(0)) && !t.Silent(Kind::kAppended, Of(0)); }},
      {{.kind = "net-half-open"}, "the client hears of it", Told14},
      {{.kind = "net-reset"}, "the client hears of it", Told14},
      {{.kind = "rebalance-join"},
       "a new process is given something",
       [](const Told& t) { return t.After(Kind::kStart, Of(1)) && t.After(Kind::kAssigned, Of(1)); },
       /*transactions=*/false,
       /*processes=*/1},
      {{.kind = "rebalance-leave", .duration_ns = 100 * kMs},
       "it drains, leaves and comes back",
       [](const Told& t) { return Stopped(t, 0); }},
      {{.kind = "rebalance-storm", .part = 1, .duration_ns = 50 * kMs, .amount = 2},
       "all leave and come back, and one more",
       [](const Told& t) { return Stopped(t, 0) && Stopped(t, 1) && t.After(Kind::kStart, Of(2)); }},
      {{.kind = "coordinator-moved", .duration_ns = 1'000 * kMs},
       "no commit is taken meanwhile",
       [](const Told& t) { return t.Silent(Kind::kCommitted, kAny); }},
      {{.kind = "broker-restart", .duration_ns = 500 * kMs},
       "nothing is taken meanwhile, and clients hear of it",
       [](const Told& t) { return t.Silent(Kind::kAppended, kAny) && Told14(t); }},
      {{.kind = "broker-stop", .duration_ns = 8'000 * kMs},
       "nothing is taken meanwhile, and clients hear of it",
       [](const Told& t) { return t.Silent(Kind::kAppended, kAny) && Told14(t); }},
      {{.kind = "publish-nack", .target = 1, .duration_ns = 2'000 * kMs, .amount = 3},
       "publishes are refused",
       [](const Told& t) { return t.Count(Kind::kConfirm, kFailed) >= 3; }},
      {{.kind = "publish-returned", .target = 1, .duration_ns = 200 * kMs},
       "publishes come back",
       [](const Told& t) { return t.After(Kind::kConfirm, kFailed); }},
      {{.kind = "publish-unknown", .amount = 2},
       "what was taken without a word is published again",
       [](const Told& t) { return t.AppendedTwice(); }},
      {{.kind = "alarm", .duration_ns = 500 * kMs},
       "no publisher is read meanwhile",
       [](const Told& t) { return t.Silent(Kind::kAppended, kAny); }},
      {{.kind = "retention", .part = 0, .amount = 1'000},
       "it is destroyed, and announced",
       [](const Told& t) { return t.After(Kind::kDestroyed, kAny) && t.After(Kind::kTrouble, Valued(kDataLoss)); }},
      {{.kind = "queue-deleted", .part = 0},
       "it is destroyed, and announced",
       [](const Told& t) { return t.After(Kind::kDestroyed, kAny) && t.After(Kind::kTrouble, Valued(kDataLoss)); }},
      {{.kind = "demote", .part = 0},
       "the broker goes on to another consumer, which is given the same",
       [](const Told& t) {
         std::set<uint32_t> before;
         for (uint32_t at = 0; at < t.fault(); ++at) {
           if (t.records()[at].kind == Kind::kDelivered) before.insert(t.records()[at].message);
         }
         return t.After(Kind::kMoved, kAny) &&
                t.After(Kind::kDelivered, [&](const Record& r) { return before.contains(r.message); });
       }},
      {{.kind = "duplicate-delivery", .part = 0, .amount = 3},
       "what was settled comes again",
       [](const Told& t) { return t.SettledComesAgain(); }},
      {{.kind = "confirms-scattered", .duration_ns = 2'000 * kMs},
       "confirms come in another order",
       [](const Told& t) { return t.ConfirmsScattered(); }},
      {{.kind = "stage-slow", .part = kStruckJob, .duration_ns = 2'000 * kMs, .amount = 1},
       "an attempt takes that long",
       [](const Told& t) { return t.Longest(Kind::kDispatch, Kind::kAttempt, kAny) >= 2'000 * kMs; }},
      {{.kind = "stage-failing", .part = kStruckJob, .amount = 2},
       "as many attempts fail",
       [](const Told& t) { return t.Count(Kind::kAttempt, kFailed) == 2; }},
      {{.kind = "stage-throwing", .part = kStruckJob, .amount = 2},
       "as many attempts fail",
       [](const Told& t) { return t.Count(Kind::kAttempt, kFailed) == 2; }},
      {{.kind = "stage-poison", .part = kStruckJob},
       "the job is a dead letter",
       [](const Told& t) {
         return t.After(Kind::kAttempt, Valued(kInvalidArgument)) &&
                t.After(Kind::kOutput, [](const Record& r) { return (r.flags & kDeadLetter) != 0; });
       }},
      {{.kind = "stage-kill", .part = kStruckJob, .amount = 1},
       "a process dies of it",
       [](const Told& t) { return t.Count(Kind::kCrash, kAny) == 1; }},
      {{.kind = "port-outage", .duration_ns = 500 * kMs},
       "calls are answered so",
       [](const Told& t) { return t.After(Kind::kAttempt, Valued(kUnavailable)); }},
      {{.kind = "port-slow", .duration_ns = 1'000 * kMs, .amount = 300 * kMs},
       "calls take longer",
       [](const Told& t) {
         const Match put = [](const Record& r) { return r.stage == kPut; };
         return t.LongestOfAll(Kind::kDispatch, Kind::kAttempt, put) >=
                t.LongestWithout(Kind::kDispatch, Kind::kAttempt, put) + 300 * kMs;
       }},
      {{.kind = "port-unanswered", .amount = 2},
       "the effect is asked for again, and recognised",
       [](const Told& t) {
         return t.Count(Kind::kEffect, [](const Record& r) { return (r.flags & kRepeat) != 0; }) >= 2;
       }},
      {{.kind = "rolling-deployment", .duration_ns = 100 * kMs},
       "it drains, leaves and comes back",
       [](const Told& t) { return Stopped(t, 0); }},
      {{.kind = "new-version", .duration_ns = 100 * kMs},
       "it comes back as the next version",
       [](const Told& t) {
         return Stopped(t, 0) && t.After(Kind::kStart, [](const Record& r) { return r.process == 0 && r.value == 1; });
       }},
      {{.kind = "transaction-timeout", .duration_ns = 15'000 * kMs},
       "the broker aborts what is open too long",
       [](const Told& t) { return Ended(t, TransactionEnd::kTimedOut); },
       /*transactions=*/true},
      {{.kind = "twin", .duration_ns = 1'000 * kMs},
       "another comes, fences the first, and leaves",
       [](const Told& t) {
         return t.After(Kind::kStart, Of(2)) && Ended(t, TransactionEnd::kFenced) && t.After(Kind::kStopped, Of(2));
       },
       /*transactions=*/true},
      {{.kind = "twin", .part = 1, .duration_ns = 1'000 * kMs},
       "the first stands still meanwhile",
       [](const Told& t) { return t.After(Kind::kStart, Of(2)) && t.Silent(Kind::kDispatch, Of(0), 500 * kMs); },
       /*transactions=*/true},
  };
}

class FaultKindsTest : public ::testing::Test {
 protected:
  BusyPipeline& PipelineOf(const KindCase& c) { return c.transactions ? once_ : plain_; }
  static bool Applies(const KindCase& c, BusyPipeline& pipeline, Semantics semantics) {
    const Plan plan = pipeline.Calm(semantics, kJobs);
    FaultScene scene = {.topology = &pipeline.subject().topology(),
                        .semantics = semantics,
                        .processes = plan.processes,
                        .job_ids = {1},
                        .timing = &plan.timing,
                        .new_version = true};
    return FindFault(c.fault.kind)->applies(scene);
  }
  // Servers confirm as it suits them: here, in a run in which they do so in order.
  static Plan CalmPlan(const KindCase& c, BusyPipeline& pipeline, Semantics semantics, History* calm) {
    Plan plan = pipeline.Calm(semantics, kJobs);
    plan.processes = c.processes;
    for (; plan.salt < 20; ++plan.salt) {
      *calm = pipeline.simulator().Run(plan);
      if (!Told::Scattered(*calm)) break;
    }
    return plan;
  }

  BusyPipeline plain_{""}, once_{"delivery: EXACTLY_ONCE"};
};

TEST_F(FaultKindsTest, EachHappens) {
  std::set<std::string_view> seen;
  for (const KindCase& c : Cases()) {
    const FaultType* type = FindFault(c.fault.kind);
    ASSERT_NE(type, nullptr) << c.fault.kind;
    seen.insert(type->name);
    BusyPipeline& pipeline = PipelineOf(c);
    for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
      if (!Applies(c, pipeline, semantics)) continue;
      SCOPED_TRACE(c.fault.kind + " on a " + std::string(NameOf(semantics)) + ": " + std::string(c.what));
      History calm;
      Plan plan = CalmPlan(c, pipeline, semantics, &calm);
      plan.faults = {c.fault};
      Fault& fault = plan.faults.front();
      fault.id = 1;
      if (fault.target < 0 && type->target != "none") fault.target = 0;
      fault.trigger.at_ns = type->traits.at_job != JobEffect::kNone ? 0 : kStrikes;
      const Outcome outcome = pipeline.simulator().Judge(plan);
      EXPECT_FALSE(outcome.verdicts.failed())
          << outcome.verdicts.first()->promise << ": " << outcome.verdicts.first()->text;
      const Told told(outcome.history, calm);
      ASSERT_TRUE(told.fired());
      EXPECT_FALSE(outcome.history.strikes.empty()) << "it has struck nothing";
      EXPECT_TRUE(c.happened(told));
    }
  }
  seen.insert("wall-jump");  // below: no record tells of wall clocks
  EXPECT_EQ(seen.size(), AllFaults().size());
}

TEST_F(FaultKindsTest, WhatIsNotThereIsNotStruck) {
  for (const KindCase& c : Cases()) {
    BusyPipeline& pipeline = PipelineOf(c);
    if (FindFault(c.fault.kind)->target == "none") continue;
    for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
      if (!Applies(c, pipeline, semantics)) continue;
      SCOPED_TRACE(c.fault.kind + " on a " + std::string(NameOf(semantics)));
      Plan plan = pipeline.Calm(semantics, 10);
      plan.faults = {c.fault, c.fault};
      plan.faults[0].target = 99;
      plan.faults[1].target = 70'000;
      const History history = pipeline.simulator().Run(plan);
      EXPECT_TRUE(std::none_of(history.records.begin(), history.records.end(),
                               [](const Record& r) { return r.kind == Kind::kFault; }));
    }
  }
}

class WatchesClock final : public stages::Stage {
 public:
  WatchesClock(std::unique_ptr<stages::Stage> inner, std::vector<int64_t>* times)
      : inner_(std::move(inner)), times_(*times) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    times_.push_back(context.now().ns);
    return inner_->Process(context, message, outputs);
  }

 private:
  const std::unique_ptr<stages::Stage> inner_;
  std::vector<int64_t>& times_;
};

TEST_F(FaultKindsTest, AWallClockJumps) {
  std::vector<int64_t> times;
  plain_.simulator().options().wrap = [&times](stages::MadeStage made, uint16_t stage, bool) {
    if (stage == kRelay) made.single = std::make_unique<WatchesClock>(std::move(made.single), &times);
    return made;
  };
  for (const int64_t by : {int64_t{0}, 3'600'000 * kMs, -3'600'000 * kMs}) {
    Plan plan = plain_.Calm(Semantics::kLog, kJobs);
    if (by != 0)
      plan.faults = {{.id = 1, .kind = "wall-jump", .trigger = {.at_ns = kStrikes}, .target = 0, .amount = by}};
    times.clear();
    plain_.simulator().Run(plan);
    ASSERT_FALSE(times.empty());
    const auto [least, most] = std::minmax_element(times.begin(), times.end());
    EXPECT_EQ(*most - *least >= 3'600'000 * kMs, by != 0);
    EXPECT_EQ(*least < times.front(), by < 0);
    const Outcome outcome = plain_.simulator().Judge(plan);
    EXPECT_FALSE(outcome.verdicts.failed()) << outcome.verdicts.first()->text;
  }
}

}  // namespace
}  // namespace millrace::sim
