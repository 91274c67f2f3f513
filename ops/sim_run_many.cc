// SimRun: many seeds, or all schedules with one or two crashes.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "ops/sim_coverage.h"
#include "ops/sim_run.h"
#include "ops/text.h"

namespace millrace::ops {
namespace {

constexpr size_t kSaidMost = 5;
constexpr double kDeadShareMost = 0.5;

}  // namespace

void SimRun::RunMany() {
  FailureTeller teller(*setup_, team_->main(), clock_, Telling());
  SimTotals calm;
  report_.calm = RunCalm(*setup_, team_->main(), args_.max_dead_share.value_or(kDeadShareMost), &calm);
  log() << CalmAsText(report_.calm) << std::flush;
  for (const CalmRun& run : report_.calm) {
    if (!run.finding.empty()) report_.findings.push_back(run.finding);
  }
  const bool go_on = calm.failures.empty() && report_.findings.empty();
  if (!calm.failures.empty()) log() << "promises are broken without any fault, so no seed is run\n";
  Say(teller.TellAll(calm.failures, "no-faults-"));
  if (go_on) RunPlans(teller);
  // Whoever asks for a page gets one.
  if (args_.report.has_value() && !teller.reported()) {
    const Shown shown = WhatToShow();
    WritePage(team_->main().Judge(shown.plan), shown);
  }
  report_.totals.Merge(std::move(calm));
  if (go_on && !args_.exhaustive) CheckEffective();
  if (interrupted()) report_.findings.emplace_back("interrupted; what is told here is of the runs before");
  Take(teller);
}

SimRun::Shown SimRun::WhatToShow() const {
  if (first_crash_.has_value()) return {.plan = *first_crash_, .what = "the first schedule with a crash", .replay = ""};
  if (const std::optional<uint64_t> seed = report_.totals.first_effective; seed.has_value()) {
    return {.plan = sim::Draw(*seed, setup_->campaign().draw),
            .what = "seed " + std::to_string(*seed) + ", the first that was effective",
            .replay = setup_->ReplaySeed(*seed)};
  }
  return {.plan = setup_->CalmPlan(setup_->semantics().front(), args_.scope.jobs_max),
          .what = "without faults, as no seed was effective",
          .replay = ""};
}

void SimRun::RunPlans(FailureTeller& teller) {
  std::unique_ptr<PlanSource> source;
  CrashPlans* crashes = nullptr;
  if (args_.exhaustive) {
    auto plans = std::make_unique<CrashPlans>(*setup_, args_.scope.jobs_max);
    crashes = plans.get();
    source = std::move(plans);
  } else {
    source = std::make_unique<SeedPlans>(report_.first_seed, seeds_);
  }
  const MonotonicTime start = clock_.Now();
  const MonotonicTime end = args_.budget_seconds.has_value()
                                ? start + Duration(static_cast<int64_t>(std::min(*args_.budget_seconds, 1e9) * 1e9))
                                : MonotonicTime::Infinite();
  const GoOn go_on = [&] { return clock_.Now() < end && !interrupted(); };
  Progress progress(log(), isatty(json_ ? STDERR_FILENO : STDOUT_FILENO) != 0, start);
  size_t said = 0;
  SimTotals totals = team_->Run(*source, [&](const SimTotals& so_far, MonotonicTime now) {
    for (; said < std::min(so_far.failures.size(), kSaidMost); ++said) {
      const sim::SeedResult& failure = so_far.failures[said];
      std::string news = words_.News(team_->findings());
      if (!news.empty()) {
        news.pop_back();
        progress.Say(news);
      }
      progress.Say("seed " + std::to_string(failure.seed) + ": " + failure.failure.promise +
                   " is broken: " + failure.failure.text);
    }
    if (progress.Due(now)) Show(progress, so_far, *source, now, now - start);
    return now < end && !interrupted();
  });
  progress.Clear();
  if (crashes != nullptr) {
    first_crash_ = crashes->first();
    totals.stopped = !crashes->complete();
    if (totals.stopped) {
      report_.findings.push_back("only " + WithCommas(totals.runs) +
                                 " of the schedules with one or two crashes have run: " + WhyStopped() +
                                 "; give it more time, or fewer --jobs");
    }
  }
  const std::string prefix = args_.exhaustive ? "crashes-" : "seed-";
  Say(teller.TellAll(totals.failures, prefix));
  report_.totals.Merge(std::move(totals));
  if (args_.coverage) Aim(teller, go_on);
}

std::string SimRun::WhyStopped() const {
  if (interrupted()) return "a signal came";
  char seconds[64];
  std::snprintf(seconds, sizeof(seconds), "the %g s of --budget-seconds were over", args_.budget_seconds.value_or(0));
  return seconds;
}

void SimRun::Aim(FailureTeller& teller, const GoOn& go_on) {
  SimTotals aimed;
  aimed.coverage.Merge(report_.totals.coverage);
  const uint64_t before = aimed.coverage.share(setup_->campaign().draw).hit;
  const Aimed done = AimAtUnhit(*setup_, team_->main(), &aimed, go_on);
  const sim::Coverage::Share share = aimed.coverage.share(setup_->campaign().draw);
  log() << "aimed at combinations that no seed had hit: " << WithCommas(done.plans) << " plans, "
        << WithCommas(share.hit - before) << " combinations newly hit"
        << (done.cut_short ? "; cut short, as " + WhyStopped() : "") << "\n";
  const std::string cut_short = done.cut_short ? WhyStopped() : "";
  for (std::string& finding : CoverageFindings(aimed.coverage.Rows(setup_->campaign().draw), cut_short))
    report_.findings.push_back(std::move(finding));
  Say(teller.TellAll(aimed.failures, "aimed-"));
  report_.totals.coverage = aimed.coverage;
  for (sim::SeedResult& failure : aimed.failures) {
    ++report_.totals.broken[failure.failure.promise];
    report_.totals.failures.push_back(std::move(failure));
  }
}

void SimRun::Show(Progress& progress, const SimTotals& so_far, const PlanSource& source, MonotonicTime now,
                  Duration passed) const {
  const std::optional<uint64_t> count = source.count();
  const double seconds = static_cast<double>(passed.count()) / 1e9;
  std::optional<double> part;
  if (count.has_value()) part = static_cast<double>(so_far.runs) / static_cast<double>(*count);
  progress.Draw(now, part,
                WithCommas(so_far.runs) + " runs (" +
                    WithCommas(seconds > 0 ? static_cast<uint64_t>(static_cast<double>(so_far.runs) / seconds) : 0) +
                    "/s)  effective " + WithCommas(so_far.effective) + "  failures " +
                    WithCommas(so_far.failures.size()));
}

void SimRun::CheckEffective() {
  report_.min_effective = args_.min_effective.value_or(LeastEffective(report_.totals.runs));
  if (report_.totals.effective >= report_.min_effective) return;
  report_.findings.push_back(
      "only " + WithCommas(report_.totals.effective) + " of " + WithCommas(report_.totals.runs) +
      " seeds were effective (a fault struck while accepted jobs were unfinished), fewer than " +
      WithCommas(report_.min_effective) +
      "; give more seeds or time, more --jobs, or other --faults, or ask for less with --min-effective");
}

}  // namespace millrace::ops
