// `sim`, from its arguments to its exit code.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "ops/progress.h"
#include "ops/signals.h"
#include "ops/sim_campaign.h"
#include "ops/sim_command.h"
#include "ops/sim_coverage.h"
#include "ops/sim_failure.h"
#include "ops/sim_hidden.h"
#include "ops/sim_last_words.h"
#include "ops/sim_plans.h"
#include "ops/sim_report.h"
#include "ops/sim_stage_words.h"
#include "ops/sim_tables.h"
#include "ops/sleeper.h"
#include "ops/text.h"
#include "sim/guard/exit_guard.h"
#include "sim/plan_names.h"
#include "sim/report/page.h"

namespace millrace::ops {
namespace {

constexpr uint32_t kExhaustiveJobs = 3;
constexpr uint32_t kExhaustivePartitions = 2;
constexpr uint32_t kJobsMost = 100'000;
constexpr int kThreadsMost = 1024;
constexpr size_t kSaidMost = 5;
constexpr size_t kAlikePlansMost = 100;

bool AsksForHelp(const std::vector<std::string>& names) { return names.size() == 1 && names.front() == "help"; }

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "1000" or "17..42".
absl::Status ParseSeeds(const SimArguments& arguments, uint64_t* first, uint64_t* count) {
  const std::string& text = arguments.seeds;
  const size_t dots = text.find("..");
  if (dots == std::string::npos) {
    const std::optional<uint64_t> number = Number(text);
    if (!number.has_value())
      return absl::InvalidArgumentError("--seeds: \"" + text + "\" is no number; give a count, or FIRST..LAST");
    if (*number == 0) return absl::InvalidArgumentError("--seeds: 0 seeds show nothing; give at least 1");
    *first = arguments.first_seed.value_or(1);
    *count = *number;
  } else {
    if (arguments.first_seed.has_value())
      return absl::InvalidArgumentError("--seeds " + text + " says already which is the first; leave out --first-seed");
    const std::optional<uint64_t> low = Number(std::string_view(text).substr(0, dots));
    const std::optional<uint64_t> high = Number(std::string_view(text).substr(dots + 2));
    if (!low.has_value() || !high.has_value())
      return absl::InvalidArgumentError("--seeds: \"" + text + "\" is no range; write it as FIRST..LAST");
    if (*low > *high) {
      return absl::InvalidArgumentError("--seeds: the range " + text + " is upside down; write it as " +
                                        std::to_string(*high) + ".." + std::to_string(*low));
    }
    *first = *low;
    *count = *high - *low + 1;
  }
  if (*count == 0 || *count - 1 > UINT64_MAX - *first)
    return absl::InvalidArgumentError("--seeds: there are no seeds beyond " + std::to_string(UINT64_MAX));
  return absl::OkStatus();
}

class SimRun {
 public:
  SimRun(const Program& program, SimArguments arguments)
      : program_(program), args_(std::move(arguments)), json_(args_.format == "json"), clock_(*program.clock) {}

  ExitCode Run() {
    if (AsksForHelp(args_.scope.faults)) return Print(FaultsHelp());
    if (AsksForHelp(args_.scope.promises)) return Print(PromisesHelp());
    if (absl::Status s = CheckArguments(); !s.ok()) return Fail(s);
    absl::StatusOr<std::unique_ptr<SimSetup>> setup = SimSetup::Make(program_, args_.scope, std::cerr);
    if (!setup.ok()) return Fail(setup.status());
    setup_ = *std::move(setup);
    if (args_.plan.has_value()) {
      const absl::StatusOr<sim::PlanFile> file = setup_->ReadPlan(*args_.plan);
      if (!file.ok()) return Fail(file.status());
      given_ = file->plan;
    } else if (args_.seed.has_value()) {
      given_ = sim::Draw(*args_.seed, setup_->campaign().draw);
    }
    log() << HeadAsText(*setup_, report_) << std::flush;
    // Before any thread, and before anything has run here.
    if (args_.isolate) LookForHiddenState();
    const Signals signals(&sleeper_);
    team_ = std::make_unique<SimTeam>(*setup_, &clock_,
                                      TeamOptions{.threads = report_.threads,
                                                  .plans = Plans(),
                                                  .on_stuck = [this](const auto& f, const auto& r) { Stuck(f, r); }});
    if (absl::Status s = team_->Begin(); !s.ok()) return Fail(s);
    team_->Rehearse(PlansForStages());
    if (given_.has_value()) {
      RunGiven();
    } else {
      RunMany(signals);
    }
    return Finish();
  }

 private:
  std::ostream& log() const { return json_ ? std::cerr : std::cout; }
  ExitCode Print(const std::string& text) const {
    std::cout << text;
    return kWell;
  }
  ExitCode Fail(const absl::Status& status) const {
    std::cerr << program_.name << ": " << status.message() << "\n";
    return ExitCodeOf(status);
  }

  absl::Status CheckArguments() {
    const bool one = args_.seed.has_value() || args_.plan.has_value();
    for (const auto& [option, value] : {std::pair("--plan", &args_.plan), std::pair("--report", &args_.report)}) {
      if (value->has_value() && (*value)->empty())
        return absl::InvalidArgumentError(std::string(option) +
                                          ": no file is named; name one, or leave the option out");
    }
    if (args_.renew && !args_.plan.has_value())
      return absl::InvalidArgumentError("--renew writes into a plan's file; name it with --plan");
    if (one && args_.first_seed.has_value())
      return absl::InvalidArgumentError("--first-seed is of many seeds; leave it out with --seed and --plan");
    if (args_.seed.has_value() && args_.plan.has_value())
      return absl::InvalidArgumentError("--seed and --plan are two runs; give one of them");
    if (one && args_.exhaustive)
      return absl::InvalidArgumentError("--exhaustive makes its own plans; leave out --seed and --plan");
    if (args_.shrink && args_.no_shrink)
      return absl::InvalidArgumentError("--shrink and --no-shrink; give one of them");
    if (args_.jobs.has_value() && (*args_.jobs == 0 || *args_.jobs > kJobsMost))
      return absl::InvalidArgumentError("--jobs: so many cannot be run; give a number from 1 to " +
                                        WithCommas(kJobsMost));
    if (args_.threads < 0 || args_.threads > kThreadsMost)
      return absl::InvalidArgumentError("--threads: so many cannot be started; give a number from 1 to " +
                                        std::to_string(kThreadsMost));
    if (args_.budget_seconds.has_value() && !(*args_.budget_seconds > 0 && std::isfinite(*args_.budget_seconds)))
      return absl::InvalidArgumentError("--budget-seconds: in no time nothing can be run; give more than 0");
    if (!(args_.max_dead_share >= 0 && args_.max_dead_share <= 1))
      return absl::InvalidArgumentError("--max-dead-share: no share of a whole; give a number from 0 to 1");
    if (absl::Status s = ParseSeeds(args_, &report_.first_seed, &seeds_); !s.ok()) return s;
    if (args_.report.has_value()) {
      if (absl::Status s = CheckWritable(*args_.report); !s.ok())
        return absl::InvalidArgumentError("--report: " + std::string(s.message()));
    }
    report_.threads =
        args_.threads > 0 ? args_.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    if (args_.exhaustive && args_.scope.partitions_max == 0) args_.scope.partitions_max = kExhaustivePartitions;
    args_.scope.jobs_max = args_.jobs.value_or(args_.exhaustive ? kExhaustiveJobs : SimScope().jobs_max);
    report_.show_coverage = args_.coverage;
    report_.one_run = one;
    report_.what = args_.seed.has_value()   ? "seed " + std::to_string(*args_.seed)
                   : args_.plan.has_value() ? *args_.plan
                   : args_.exhaustive       ? "all schedules with one or two crashes"
                                            : "seeds " + WithCommas(report_.first_seed) + " to " +
                                            WithCommas(report_.first_seed + seeds_ - 1);
    return absl::OkStatus();
  }

  std::vector<sim::Plan> PlansForStages() const {
    return given_.has_value() ? std::vector<sim::Plan>{*given_} : PlansForHiddenState(*setup_, report_.first_seed);
  }

  void LookForHiddenState() {
    HiddenState hidden = FindHiddenStateOf(*setup_, PlansForStages(), Plans());
    if (hidden.finding.has_value()) {
      words_.Add(*hidden.finding);
      report_.stage_findings.emplace_back(*std::move(hidden.finding), 1);
    }
    if (!hidden.problem.empty()) report_.findings.push_back(std::move(hidden.problem));
  }

  // On another thread, while a stage hangs or ends the process: what must not be lost is told, then the process ends.
  void Stuck(const sim::StageFinding& finding, const RunningPlan& running) {
    FailureTeller teller(*setup_, team_->main(), clock_, {.plans = Plans()});
    const std::string path =
        !running.file.empty()
            ? running.file
            : teller.Save(running.plan, {.promise = "", .signature = "", .text = finding.text, .job = ""},
                          StuckName(finding, running.plan));
    SimReport report;
    report.what = report_.what;
    report.threads = report_.threads;
    report.stage_findings.emplace_back(finding, 1);
    log() << StageFindingsAsText(report);
    if (!path.empty()) log() << "replay:  " << setup_->ReplayPlan(path) << "\nplan:    " << path << "\n";
    if (json_) std::cout << ReportAsJson(*setup_, report);
    log().flush();
    std::cout.flush();
  }

  PlanFolder Plans() const { return {.path = args_.out, .in_replay = ""}; }

  TellOptions Telling() const {
    TellOptions options{.plans = Plans(),
                        .report = args_.report.value_or(""),
                        .shrink = !args_.no_shrink,
                        .alike_plans_most = kAlikePlansMost};
    if (given_.has_value()) {
      options.shrink = args_.shrink;
      if (!args_.shrink) options.given_plan = args_.plan.value_or("");
    }
    return options;
  }

  void Say(std::vector<ToldFailure> told) {
    if (!told.empty()) log() << words_.News(team_->findings());
    for (ToldFailure& failure : told) {
      log() << "\n" << words_.Remarked(failure.text);
      log() << AlikeAsText(failure);
      report_.failures.push_back(std::move(failure));
    }
    log() << std::flush;
  }

  void RunGiven() {
    SimWorker& worker = team_->main();
    const MonotonicTime start = clock_.Now();
    const std::string file = args_.plan.value_or("");
    RunDetail detail{.plan = *given_, .plan_file = file, .outcome = worker.Judge(*given_, file), .result = {}};
    detail.result = worker.campaign->ResultOf(*given_, detail.outcome);
    report_.totals.Add(detail.result);
    report_.totals.seconds = static_cast<double>((clock_.Now() - start).count()) / 1e9;
    report_.first_seed = given_->seed;
    log() << words_.News(team_->findings()) << DetailAsText(*setup_, detail);
    FailureTeller teller(*setup_, worker, clock_, Telling());
    if (detail.result.failed) {
      std::string name = "seed-" + std::to_string(given_->seed);
      if (args_.plan.has_value()) name = std::filesystem::path(*args_.plan).stem().string() + "-shrunk";
      std::vector<ToldFailure> told;
      told.push_back(teller.Tell(detail.result, name, file));
      Say(std::move(told));
    } else {
      if (args_.shrink) log() << "nothing to shrink: no promise is broken\n";
      const bool drawn = args_.seed.has_value();
      WritePage(detail.outcome, {.plan = *given_,
                                 .what = drawn ? "seed " + std::to_string(*args_.seed) : *args_.plan,
                                 .replay = drawn ? setup_->ReplaySeed(*args_.seed) : setup_->ReplayPlan(*args_.plan)});
    }
    if (args_.renew) Renew(detail.outcome);
    Take(teller);
    report_.detail = std::move(detail);
  }

  // Writes into the plan's file which of its faults strike.
  void Renew(const sim::Outcome& outcome) {
    const std::vector<std::string> fires = sim::KindsStruck(*given_, outcome.history);
    if (fires.empty() && !given_->faults.empty()) {
      report_.findings.push_back(*args_.plan + ": none of its faults strikes anything, so it shows nothing; " +
                                 "it was not renewed");
      return;
    }
    absl::StatusOr<std::string> text = ReadTextFile(*args_.plan);
    if (text.ok()) text = sim::WithFires(*args_.plan, *text, fires);
    const absl::Status written = text.ok() ? WriteTextFile(*args_.plan, *text) : text.status();
    if (!written.ok()) {
      report_.problems.emplace_back(written.message());
    } else {
      log() << "renewed: " << *args_.plan << "\n";
    }
  }

  // A run that is well, for people to look at.
  struct Shown {
    sim::Plan plan;
    std::string what;    // "seed 17"
    std::string replay;  // empty: no command runs it alone
  };
  void WritePage(const sim::Outcome& outcome, const Shown& shown) {
    if (!args_.report.has_value()) return;
    const absl::Status written =
        WriteTextFile(*args_.report, sim::Page(shown.plan, outcome.history, {},
                                               {.title = setup_->name() + ", " + shown.what, .replay = shown.replay}));
    if (!written.ok()) {
      report_.problems.emplace_back(written.message());
    } else {
      log() << "page:    " << *args_.report << " (" << shown.what << ")\n";
    }
  }

  void Take(const FailureTeller& teller) {
    report_.problems.insert(report_.problems.end(), teller.problems().begin(), teller.problems().end());
  }

  void RunMany(const Signals& signals) {
    FailureTeller teller(*setup_, team_->main(), clock_, Telling());
    SimTotals calm;
    report_.calm = RunCalm(*setup_, team_->main(), args_.max_dead_share, &calm);
    log() << CalmAsText(report_.calm) << std::flush;
    for (const CalmRun& run : report_.calm) {
      if (!run.finding.empty()) report_.findings.push_back(run.finding);
    }
    const bool go_on = calm.failures.empty() && report_.findings.empty();
    if (!calm.failures.empty()) log() << "promises are broken without any fault, so no seed is run\n";
    Say(teller.TellAll(calm.failures, "no-faults-"));
    if (go_on) RunPlans(signals, teller);
    // Whoever asks for a page gets one.
    if (args_.report.has_value() && !teller.reported()) {
      const Shown shown = WhatToShow();
      WritePage(team_->main().Judge(shown.plan), shown);
    }
    report_.totals.Merge(std::move(calm));
    if (go_on && !args_.exhaustive) CheckEffective();
    Take(teller);
  }

  // Where nothing fails: the first run that shows something.
  Shown WhatToShow() const {
    if (first_crash_.has_value())
      return {.plan = *first_crash_, .what = "the first schedule with a crash", .replay = ""};
    if (const std::optional<uint64_t> seed = report_.totals.first_effective; seed.has_value()) {
      return {.plan = sim::Draw(*seed, setup_->campaign().draw),
              .what = "seed " + std::to_string(*seed) + ", the first that was effective",
              .replay = setup_->ReplaySeed(*seed)};
    }
    return {.plan = setup_->CalmPlan(setup_->semantics().front(), args_.scope.jobs_max),
            .what = "without faults, as no seed was effective",
            .replay = ""};
  }

  void RunPlans(const Signals& signals, FailureTeller& teller) {
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
      return now < end && signals.count() == 0;
    });
    progress.Clear();
    if (crashes != nullptr) first_crash_ = crashes->first();
    if (signals.count() > 0) report_.findings.emplace_back("interrupted; what is told here is of the runs before");
    const std::string prefix = args_.exhaustive ? "crashes-" : "seed-";
    Say(teller.TellAll(totals.failures, prefix));
    report_.totals.Merge(std::move(totals));
    if (args_.coverage && signals.count() == 0) Aim(teller);
  }

  void Aim(FailureTeller& teller) {
    SimTotals aimed;
    aimed.coverage.Merge(report_.totals.coverage);
    const uint64_t before = aimed.coverage.share(setup_->campaign().draw).hit;
    const uint64_t plans = AimAtUnhit(*setup_, team_->main(), &aimed);
    const sim::Coverage::Share share = aimed.coverage.share(setup_->campaign().draw);
    log() << "aimed at combinations that no seed had hit: " << WithCommas(plans) << " plans, "
          << WithCommas(share.hit - before) << " combinations newly hit\n";
    for (std::string& finding : CoverageFindings(aimed.coverage.Rows(setup_->campaign().draw)))
      report_.findings.push_back(std::move(finding));
    Say(teller.TellAll(aimed.failures, "aimed-"));
    report_.totals.coverage = aimed.coverage;
    for (sim::SeedResult& failure : aimed.failures) {
      ++report_.totals.broken[failure.failure.promise];
      report_.totals.failures.push_back(std::move(failure));
    }
  }

  void Show(Progress& progress, const SimTotals& so_far, const PlanSource& source, MonotonicTime now,
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

  void CheckEffective() {
    report_.min_effective = args_.min_effective.value_or(LeastEffective(report_.totals.runs));
    if (report_.totals.effective >= report_.min_effective) return;
    report_.findings.push_back(
        "only " + WithCommas(report_.totals.effective) + " of " + WithCommas(report_.totals.runs) +
        " seeds were effective (a fault struck while accepted jobs were unfinished), fewer than " +
        WithCommas(report_.min_effective) +
        "; give more seeds or time, more --jobs, or other --faults, or ask for less with --min-effective");
  }

  ExitCode Finish() {
    for (const sim::StageFinding& finding : team_->findings().all())
      report_.stage_findings.emplace_back(finding, team_->findings().count(finding));
    report_.not_checkable = team_->findings().not_checkable();
    for (const std::string& problem : report_.problems) std::cerr << program_.name << ": " << problem << "\n";
    if (json_) {
      std::cout << ReportAsJson(*setup_, report_);
    } else {
      std::cout << "\n" << ReportAsText(*setup_, report_);
    }
    std::cout.flush();
    if (!report_.well()) return kPromiseBroken;
    return report_.problems.empty() ? kWell : kEnvironment;
  }

  const Program& program_;
  SimArguments args_;
  const bool json_;
  const Clock& clock_;
  std::unique_ptr<SimSetup> setup_;
  std::optional<sim::Plan> given_;        // the one run
  std::optional<sim::Plan> first_crash_;  // of --exhaustive
  uint64_t seeds_ = 0;
  Sleeper sleeper_;
  std::unique_ptr<SimTeam> team_;
  SimReport report_;
  StageWords words_;
};

}  // namespace

ExitCode RunSim(const Program& program, SimArguments arguments) {
  const sim::ExitGuard guard(&LastWords::Say);
  return SimRun(program, std::move(arguments)).Run();
}

}  // namespace millrace::ops
