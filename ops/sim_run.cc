#include "ops/sim_run.h"

#include <algorithm>
#include <iostream>
#include <thread>
#include <utility>

#include "ops/sim_command.h"
#include "ops/sim_hidden.h"
#include "ops/sim_last_words.h"
#include "ops/sim_tables.h"
#include "ops/text.h"
#include "sim/guard/exit_guard.h"
#include "sim/report/page.h"

namespace millrace::ops {
namespace {

constexpr uint32_t kExhaustiveJobs = 3;
constexpr uint32_t kExhaustivePartitions = 2;
constexpr size_t kAlikePlansMost = 100;

bool AsksForHelp(const std::vector<std::string>& names) { return names.size() == 1 && names.front() == "help"; }

}  // namespace

SimRun::SimRun(const Program& program, SimArguments arguments)
    : program_(program), args_(std::move(arguments)), json_(args_.format == "json"), clock_(*program.clock) {}

ExitCode SimRun::Run() {
  if (AsksForHelp(args_.scope.faults)) return Print(FaultsHelp());
  if (AsksForHelp(args_.scope.promises)) return Print(PromisesHelp());
  const absl::StatusOr<SeedRange> seeds = CheckArguments(args_);
  if (!seeds.ok()) return Fail(seeds.status());
  Prepare(*seeds);
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
  signals_ = &signals;
  team_ = std::make_unique<SimTeam>(*setup_, &clock_,
                                    TeamOptions{.threads = report_.threads,
                                                .plans = Plans(),
                                                .on_stuck = [this](const auto& f, const auto& r) { Stuck(f, r); }});
  if (absl::Status s = team_->Begin(); !s.ok()) return Fail(s);
  team_->Rehearse(PlansForStages());
  if (given_.has_value()) {
    RunGiven();
  } else {
    RunMany();
  }
  signals_ = nullptr;
  return Finish();
}

std::ostream& SimRun::log() const { return json_ ? std::cerr : std::cout; }

ExitCode SimRun::Print(const std::string& text) const {
  std::cout << text;
  return kWell;
}

ExitCode SimRun::Fail(const absl::Status& status) const {
  std::cerr << program_.name << ": " << status.message() << "\n";
  return ExitCodeOf(status);
}

void SimRun::Prepare(const SeedRange& seeds) {
  seeds_ = seeds.count;
  report_.first_seed = seeds.first;
  report_.threads =
      args_.threads > 0 ? args_.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  args_.scope.jobs_max = args_.jobs.value_or(args_.exhaustive ? kExhaustiveJobs : SimScope().jobs_max);
  if (args_.exhaustive) {
    if (args_.scope.partitions_max == 0) args_.scope.partitions_max = kExhaustivePartitions;
    args_.scope.faults = {"crash"};
  }
  report_.show_coverage = args_.coverage;
  report_.one_run = args_.one_run();
  report_.what = args_.seed.has_value()   ? "seed " + std::to_string(*args_.seed)
                 : args_.plan.has_value() ? *args_.plan
                 : args_.exhaustive
                     ? "all schedules with one or two crashes"
                     : "seeds " + WithCommas(seeds.first) + " to " + WithCommas(seeds.first + seeds.count - 1);
}

std::vector<sim::Plan> SimRun::PlansForStages() const {
  return given_.has_value() ? std::vector<sim::Plan>{*given_} : PlansForHiddenState(*setup_, report_.first_seed);
}

void SimRun::LookForHiddenState() {
  HiddenState hidden = FindHiddenStateOf(*setup_, PlansForStages(), Plans());
  if (hidden.finding.has_value()) {
    words_.Add(*hidden.finding);
    report_.stage_findings.emplace_back(*std::move(hidden.finding), 1);
  }
  if (!hidden.problem.empty()) report_.findings.push_back(std::move(hidden.problem));
}

void SimRun::Stuck(const sim::StageFinding& finding, const RunningPlan& running) {
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

TellOptions SimRun::Telling() const {
  TellOptions options{.plans = Plans(),
                      .report = args_.report.value_or(""),
                      .shrink = !args_.no_shrink,
                      .go_on = [this] { return !interrupted(); },
                      .alike_plans_most = kAlikePlansMost};
  if (given_.has_value()) {
    options.shrink = args_.shrink;
    if (!args_.shrink) options.given_plan = args_.plan.value_or("");
  }
  return options;
}

void SimRun::Say(std::vector<ToldFailure> told) {
  if (!told.empty()) log() << words_.News(team_->findings());
  for (ToldFailure& failure : told) {
    log() << "\n" << words_.Remarked(failure.text);
    log() << AlikeAsText(failure);
    report_.failures.push_back(std::move(failure));
  }
  log() << std::flush;
}

void SimRun::WritePage(const sim::Outcome& outcome, const Shown& shown) {
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

void SimRun::Take(const FailureTeller& teller) {
  report_.problems.insert(report_.problems.end(), teller.problems().begin(), teller.problems().end());
}

ExitCode SimRun::Finish() {
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

ExitCode RunSim(const Program& program, SimArguments arguments) {
  const sim::ExitGuard guard(&LastWords::Say);
  return SimRun(program, std::move(arguments)).Run();
}

}  // namespace millrace::ops
