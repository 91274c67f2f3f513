#include "ops/sim_plans.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "ops/text.h"
#include "sim/coverage_plan.h"
#include "sim/history_index.h"
#include "sim/ledger.h"
#include "sim/plan_names.h"

namespace millrace::ops {
namespace {

constexpr uint32_t kCalmJobsMost = 500;
constexpr uint64_t kAimTries = 8;  // on each kind of broker, with other salts and inputs

using Trace = std::vector<std::vector<sim::ActionKind>>;

// While it lives, runs of the worker's simulator leave their actions in `trace`.
class Traced {
 public:
  Traced(SimWorker& worker, Trace* trace) : worker_(worker) { worker_.simulator->options().trace = trace; }
  ~Traced() { worker_.simulator->options().trace = nullptr; }

 private:
  SimWorker& worker_;
};

std::vector<uint32_t> Counts(const Trace& trace) {
  std::vector<uint32_t> counts;
  for (const auto& actions : trace) counts.push_back(static_cast<uint32_t>(actions.size()));
  return counts;
}

std::string CommonestReason(const sim::History& history) {
  std::map<std::string, uint64_t> reasons;
  for (const sim::MessageInfo& message : history.messages) {
    if (message.role == sim::MessageRole::kDeadLetter) ++reasons[message.reason];
  }
  const auto commonest = std::max_element(reasons.begin(), reasons.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
  return commonest == reasons.end() ? "" : Shortened(commonest->first, 200);
}

std::string CalmFinding(const CalmRun& run, double dead_share_max) {
  const std::string where = "without any fault, on " + std::string(sim::NameOf(run.semantics)) + "s, ";
  const std::string why = run.reason.empty() ? "" : " (most often: " + run.reason + ")";
  const std::string advice = "; give it inputs that it accepts: other options of its sources, or --inputs FILE";
  const std::string all = WithCommas(run.accepted);
  if (run.settled == 0 && run.dead_lettered == run.accepted)
    return where + "the pipeline refuses all " + all + " inputs" + why +
           ", and a run in which nothing settles proves nothing" + advice;
  if (run.settled == 0) return where + "none of " + all + " jobs settles, so nothing is proved" + advice;
  if (static_cast<double>(run.dead_lettered) > dead_share_max * static_cast<double>(run.accepted)) {
    char share[32];
    std::snprintf(share, sizeof(share), "%.2f", dead_share_max);
    return where + WithCommas(run.dead_lettered) + " of " + all + " jobs are dead-lettered" + why +
           ", more than the share of " + share + " that --max-dead-share allows" + advice;
  }
  return "";
}

}  // namespace

std::vector<CalmRun> RunCalm(const SimSetup& setup, SimWorker& worker, double dead_share_max, SimTotals* totals) {
  std::vector<CalmRun> runs;
  for (const sim::Semantics semantics : setup.semantics()) {
    const sim::Plan plan = setup.CalmPlan(semantics, kCalmJobsMost);
    const sim::Outcome outcome = worker.Judge(plan);
    sim::SeedResult result = worker.campaign->ResultOf(plan, outcome);
    CalmRun run{.semantics = semantics,
                .accepted = result.accepted,
                .settled = result.settled,
                .dead_lettered = result.dead_lettered,
                .reason = CommonestReason(outcome.history)};
    if (result.failed) {
      ++totals->broken[result.failure.promise];
      totals->failures.push_back(std::move(result));
    } else {
      run.finding = CalmFinding(run, dead_share_max);
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

CrashPlans::CrashPlans(const SimSetup& setup, uint32_t jobs) : setup_(setup), jobs_(jobs) {}

bool CrashPlans::Begin(SimWorker& worker) {
  const std::vector<sim::Semantics> semantics = setup_.semantics();
  if (next_semantics_ == semantics.size()) return false;
  sim::Plan base = setup_.CalmPlan(semantics[next_semantics_++], jobs_);
  base.processes = 2;
  Trace trace;
  {
    const Traced traced(worker, &trace);
    worker.Run(base);
  }
  plans_.emplace(std::move(base), Counts(trace));
  return true;
}

std::optional<sim::SeedResult> CrashPlans::RunNext(SimWorker& worker) {
  std::unique_lock lock(mutex_);
  std::optional<sim::Plan> plan;
  while (!plan.has_value()) {
    if (plans_.has_value()) plan = plans_->Next();
    if (plan.has_value() || Begin(worker)) continue;
    complete_ = true;
    return std::nullopt;
  }
  const uint64_t number = ++given_;
  if (number == 1) first_ = *plan;
  // What a run with one crash reaches is where the second strikes: nobody can go on before.
  if (plan->faults.size() == 1) {
    Trace trace;
    const Traced traced(worker, &trace);
    sim::SeedResult result = worker.RunPlan(*plan, number);
    plans_->Reached(Counts(trace));
    return result;
  }
  lock.unlock();
  return worker.RunPlan(*plan, number);
}

namespace {

// A plan whose fault should strike at that action; nothing: none comes to mind.
std::optional<sim::Plan> PlanAt(const sim::CoverageRow& row, const sim::DrawFacts& facts, uint64_t seed,
                                const sim::Coverage& coverage, SimWorker& worker) {
  absl::StatusOr<sim::CellPlan> cell = sim::PlanForCell(row.fault, row.action, facts, coverage, seed);
  if (!cell.ok()) return std::nullopt;
  if (cell->needs_trace) {
    Trace trace;
    {
      const Traced traced(worker, &trace);
      worker.Run(cell->Unarmed());
    }
    if (cell->process >= trace.size() || !sim::Aim(*cell, trace[cell->process])) return std::nullopt;
  }
  return cell->plan;
}

}  // namespace

Aimed AimAtUnhit(const SimSetup& setup, SimWorker& worker, SimTotals* totals, const GoOn& go_on) {
  const sim::DrawFacts& facts = setup.campaign().draw;
  std::set<std::pair<std::string_view, sim::ActionKind>> tried;
  Aimed aimed;
  const auto over = [&] { return aimed.cut_short = aimed.cut_short || !go_on(); };
  const auto aim = [&](const sim::CoverageRow& row, const sim::Coverage& before) {
    for (const sim::Semantics semantics : setup.semantics()) {
      sim::DrawFacts on = facts;
      on.semantics = semantics;
      for (uint64_t seed = 1; seed <= kAimTries; ++seed) {
        // To make a plan may take a run, too.
        if (worker.campaign->coverage().hits(row.fault, row.action) > 0 || over()) return;
        const std::optional<sim::Plan> plan = PlanAt(row, on, seed, before, worker);
        if (!plan.has_value()) continue;
        if (over()) return;
        totals->Add(worker.RunPlan(*plan, ++aimed.plans));
      }
    }
  };
  // A hit on the way may show that others are possible too.
  for (bool more = true; more && !aimed.cut_short;) {
    more = false;
    sim::Coverage so_far = totals->coverage;
    so_far.Merge(worker.campaign->coverage());
    for (const sim::CoverageRow& row : so_far.Rows(facts)) {
      if (row.hits > 0 || !row.possible() || !tried.emplace(row.fault, row.action).second) continue;
      more = true;
      aim(row, so_far);
      if (aimed.cut_short) break;
    }
  }
  totals->coverage.Merge(worker.campaign->coverage());
  return aimed;
}

}  // namespace millrace::ops
