// `fault-test`: what a test target of fault_injection_test (ops/pipeline.bzl) runs.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/fault_test_environment.h"
#include "ops/premature_exit.h"
#include "ops/program.h"
#include "ops/progress.h"
#include "ops/seed_share.h"
#include "ops/sim_campaign.h"
#include "ops/sim_failure.h"
#include "ops/sim_hidden.h"
#include "ops/sim_last_words.h"
#include "ops/sim_plans.h"
#include "ops/sim_report.h"
#include "ops/sim_setup.h"
#include "ops/sim_stage_words.h"
#include "ops/text.h"
#include "sim/guard/exit_guard.h"

namespace millrace::ops {
namespace {

constexpr Duration kShrinkLimit = std::chrono::seconds(20);
constexpr size_t kAlikePlansMost = 100;

struct TestArguments {
  SimScope scope;
  uint64_t min_seeds = 500;
  double budget_seconds = 60;
  double max_dead_share = 0.5;
  std::vector<std::string> corpus;
};

// Seeds until enough of them were effective.
class EnoughSeeds final : public PlanSource {
 public:
  EnoughSeeds(SeedPlans* seeds, uint64_t effective) : seeds_(*seeds), wanted_(effective) {}
  std::optional<sim::SeedResult> RunNext(SimWorker& worker) override {
    if (effective_.load() >= wanted_) return std::nullopt;
    std::optional<sim::SeedResult> result = seeds_.RunNext(worker);
    if (result.has_value() && result->effective) ++effective_;
    return result;
  }
  std::optional<uint64_t> count() const override { return std::nullopt; }

 private:
  SeedPlans& seeds_;
  const uint64_t wanted_;
  std::atomic<uint64_t> effective_{0};
};

class FaultTest {
 public:
  FaultTest(const Program& program, const TestArguments& arguments)
      : program_(program), args_(arguments), clock_(*program.clock) {}

  ExitCode Run() {
    if (!(args_.budget_seconds > 0 && std::isfinite(args_.budget_seconds)) || args_.min_seeds == 0)
      return Fail(absl::InvalidArgumentError("--min-seeds and --budget-seconds: nothing is shown; give more than 0"));
    if (!(args_.max_dead_share >= 0 && args_.max_dead_share <= 1))
      return Fail(absl::InvalidArgumentError("--max-dead-share: no share of a whole; give a number from 0 to 1"));
    absl::StatusOr<TestEnvironment> environment = ReadTestEnvironment();
    if (!environment.ok()) return Fail(environment.status());
    env_ = *std::move(environment);
    start_ = clock_.Now();
    budget_seconds_ = std::min(
        env_.budget_seconds.has_value() ? static_cast<double>(*env_.budget_seconds) : args_.budget_seconds, 1e9);
    absl::StatusOr<std::unique_ptr<SimSetup>> setup = SimSetup::Make(program_, args_.scope, std::cerr);
    if (!setup.ok()) return Fail(setup.status());
    setup_ = *std::move(setup);
    report_.first_seed = env_.first_seed;
    report_.what = "seeds from " + std::to_string(env_.first_seed) + " on";
    if (env_.shards > 1)
      report_.what += ", shard " + std::to_string(env_.shard + 1) + " of " + std::to_string(env_.shards);
    std::cout << HeadAsText(*setup_, report_) << std::flush;
    const std::vector<sim::Plan> for_stages = PlansForHiddenState(*setup_, env_.first_seed);
    LookForHiddenState(for_stages);
    team_ = std::make_unique<SimTeam>(
        *setup_, &clock_,
        TeamOptions{.threads = 1, .plans = Plans(), .on_stuck = [this](const auto& f, const auto& r) { Stuck(f, r); }});
    if (absl::Status s = team_->Begin(); !s.ok()) return Fail(s);
    teller_ = std::make_unique<FailureTeller>(*setup_, team_->main(), clock_, Telling());
    if (InTime("making the simulator"))
      team_->Rehearse(for_stages, [this] { return InTime("comparing runs of stages that use ports"); });
    if (InTime("comparing runs of stages that use ports")) RunCalmFirst();
    if (InTime("the runs without faults")) {
      if (absl::Status s = RunCorpus(); !s.ok()) return Fail(s);
    }
    if (report_.findings.empty() && report_.totals.failures.empty()) RunSeeds();
    return Finish();
  }

 private:
  ExitCode Fail(const absl::Status& status) const {
    std::cerr << program_.name << ": " << status.message() << "\n";
    return ExitCodeOf(status);
  }

  // Whether there is time for more of what comes before the seeds. Where there is not, that is a finding, once.
  bool InTime(const std::string& doing) {
    const Duration passed = clock_.Now() - start_, most = env_.PreparationsMost(budget_seconds_);
    if (!late_ && passed > most) {
      late_ = true;
      report_.findings.push_back(TooLate(passed, most, doing));
    }
    return !late_;
  }

  void LookForHiddenState(const std::vector<sim::Plan>& plans) {
    for (const sim::Plan& plan : plans) {
      HiddenState hidden = FindHiddenStateOf(*setup_, {plan}, Plans());
      const bool found = hidden.finding.has_value() || !hidden.problem.empty();
      if (hidden.finding.has_value()) {
        words_.Add(*hidden.finding);
        report_.stage_findings.emplace_back(*std::move(hidden.finding), 1);
      }
      if (!hidden.problem.empty()) report_.findings.push_back(std::move(hidden.problem));
      if (!InTime("looking for hidden state of stages") || found) return;
    }
  }

  // Plans are written among the test's outputs; whoever replays has them in the folder where he stands.
  PlanFolder Plans() const { return {.path = env_.outputs, .in_replay = "."}; }

  TellOptions Telling() const {
    return {.plans = Plans(), .shrink_limit = kShrinkLimit, .plan_inline = true, .alike_plans_most = kAlikePlansMost};
  }

  void Stuck(const sim::StageFinding& finding, const RunningPlan& running) {
    FailureTeller teller(*setup_, team_->main(), clock_, Telling());
    const std::string name = StuckName(finding, running.plan);
    teller.Save(running.plan, {.promise = "", .signature = "", .text = finding.text, .job = ""}, name);
    SimReport report;
    report.stage_findings.emplace_back(finding, 1);
    std::cout << StageFindingsAsText(report) << "replay:  " << setup_->ReplayPlan(Plans().PathInReplay(name))
              << "\nplan:    " << Plans().PathOf(name) << std::endl;
  }

  void Say(std::vector<ToldFailure> told) {
    if (!told.empty()) std::cout << words_.News(team_->findings());
    for (ToldFailure& failure : told) {
      std::cout << "\n" << words_.Remarked(failure.text);
      std::cout << AlikeAsText(failure);
      report_.failures.push_back(std::move(failure));
    }
    std::cout << std::flush;
  }

  void RunCalmFirst() {
    SimTotals calm;
    report_.calm = RunCalm(*setup_, team_->main(), args_.max_dead_share, &calm);
    std::cout << CalmAsText(report_.calm) << std::flush;
    for (const CalmRun& run : report_.calm) {
      if (!run.finding.empty()) report_.findings.push_back(run.finding);
    }
    Say(teller_->TellAll(calm.failures, "no-faults-"));
    report_.totals.Merge(std::move(calm));
  }

  // What once failed must hold now, and still be struck by the faults that it is about.
  absl::Status RunCorpus() {
    SimTotals totals;
    for (size_t i = env_.shard; i < args_.corpus.size() && InTime("the plans of the corpus"); i += env_.shards) {
      const std::string& path = args_.corpus[i];
      const absl::StatusOr<sim::PlanFile> file = setup_->ReadPlan(path);
      if (!file.ok()) return file.status();
      sim::SeedResult result = team_->main().RunPlan(file->plan, file->plan.seed, path);
      const bool same = result.failure.promise == file->promise && result.failure.signature == file->signature;
      if (result.failed) std::cout << words_.News(team_->findings());
      std::cout << path << ": ";
      if (!result.failed) {
        std::cout << "holds" << (file->promise.empty() ? "" : "; once broken was " + file->promise) << "\n";
        if (const std::string strikes = setup_->WhatStrikes(path, *file, result); !strikes.empty())
          std::cout << path << ": " << strikes << "\n";
        if (std::string stale = setup_->WhyStale(path, *file, result); !stale.empty())
          report_.findings.push_back(std::move(stale));
      } else {
        std::cout << result.failure.promise << " is broken" << (same ? ", as it was once" : "") << "\n";
        std::vector<ToldFailure> told;
        told.push_back(teller_->Tell(result, std::filesystem::path(path).stem().string(), path));
        Say(std::move(told));
        ++totals.broken[result.failure.promise];
        totals.failures.push_back(std::move(result));
      }
    }
    InTime("the plans of the corpus");
    report_.totals.Merge(std::move(totals));
    return absl::OkStatus();
  }

  void RunSeeds() {
    // Where nobody says how many, as many as there are.
    const SeedShare share{.first = env_.first_seed,
                          .count = env_.seeds.value_or(std::max<uint64_t>(UINT64_MAX - env_.first_seed, 1)),
                          .shards = env_.shards,
                          .shard = env_.shard};
    SeedPlans all(share.First(), share.Count(), share.shards);
    const uint64_t wanted = (args_.min_seeds + env_.shards - 1) / env_.shards;
    EnoughSeeds enough(&all, wanted);
    const MonotonicTime start = clock_.Now();
    Progress progress(std::cout, /*terminal=*/false, start);
    SimTotals totals =
        team_->Run(env_.seeds.has_value() ? static_cast<PlanSource&>(all) : enough,
                   [&](const SimTotals& so_far, MonotonicTime now) {
                     if (progress.Due(now)) {
                       progress.Draw(now, std::nullopt,
                                     WithCommas(so_far.runs) + " seeds  effective " + WithCommas(so_far.effective) +
                                         "  failures " + WithCommas(so_far.failures.size()));
                     }
                     return now - start < Duration(static_cast<int64_t>(budget_seconds_ * 1e9));
                   });
    Say(teller_->TellAll(totals.failures, "seed-"));
    if (std::string few = TooFewEffective(totals, wanted, env_.seeds.has_value()); !few.empty())
      report_.findings.push_back(std::move(few));
    // Whoever asks for so many must not take fewer for them, and of a test that passes nobody reads what it prints.
    if (std::string rest = env_.seeds.has_value() ? NotAllSeeds(totals, share) : ""; !rest.empty())
      report_.findings.push_back(std::move(rest));
    report_.totals.Merge(std::move(totals));
  }

  ExitCode Finish() {
    for (const sim::StageFinding& finding : team_->findings().all())
      report_.stage_findings.emplace_back(finding, team_->findings().count(finding));
    report_.not_checkable = team_->findings().not_checkable();
    for (const std::string& problem : teller_->problems()) std::cerr << program_.name << ": " << problem << "\n";
    std::cout << "\n" << ReportAsText(*setup_, report_);
    if (!report_.failures.empty()) {
      std::cout << "plans and pages are among the test's outputs (" << env_.outputs
                << "); a plan goes on failing in a folder of plans that the test is given as its corpus\n";
    }
    std::cout.flush();
    if (!report_.well()) return kPromiseBroken;
    return teller_->problems().empty() ? kWell : kEnvironment;
  }

  const Program& program_;
  const TestArguments& args_;
  const Clock& clock_;
  TestEnvironment env_;
  MonotonicTime start_;
  double budget_seconds_ = 0;
  bool late_ = false;
  std::unique_ptr<SimSetup> setup_;
  std::unique_ptr<SimTeam> team_;
  std::unique_ptr<FailureTeller> teller_;
  SimReport report_;
  StageWords words_;
};

}  // namespace

void AddFaultTestCommand(const Program& program, CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<TestArguments>();
  TestArguments* a = arguments.get();
  CLI::App* test = app.add_subcommand("fault-test", "What a test of fault_injection_test runs (ops/pipeline.bzl)");
  test->add_option("PIPELINE", a->scope.pipeline, "Pipeline file; default: the one this program was built with");
  test->add_option("--min-seeds", a->min_seeds, "As many seeds must be effective, over all shards; default 500")
      ->check(CLI::Validator(IsNatural, "", ""));
  test->add_option("--budget-seconds", a->budget_seconds, "… within that time, default 60");
  test->add_option("--max-dead-share", a->max_dead_share, "As for sim, default 0.5");
  test->add_option("--inputs", a->scope.inputs, "As for sim");
  test->add_option("--inputs-in-replay", a->scope.inputs_in_replay, "Where these lie for whoever replays");
  test->add_option("--faults", a->scope.faults, "As for sim")->delimiter(',');
  test->add_option("--promises", a->scope.promises, "As for sim")->delimiter(',');
  test->add_option("--corpus", a->corpus, "A plan that once failed; may be repeated");
  test->add_option("--replay-command", a->scope.command, "What starts sim for a replay, before its options");
  test->footer(
      "Environment: MILLRACE_FIRST_SEED, MILLRACE_SEEDS (exactly so many), MILLRACE_BUDGET_SECONDS; and what Bazel "
      "says to tests about shards and outputs.");
  test->callback([&program, arguments, exit_code] {
    const PrematureExit premature;
    const sim::ExitGuard guard(&LastWords::Say);
    *exit_code = FaultTest(program, *arguments).Run();
  });
}

}  // namespace millrace::ops
