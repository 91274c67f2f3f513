// `sim`, from its arguments to its exit code: what runs of one plan and of many have in common is in sim_run.cc, the one in
// sim_run_one.cc, the many in sim_run_many.cc.
//
// Threading: one thread, but for Stuck.
#ifndef MILLRACE_OPS_SIM_RUN_H_
#define MILLRACE_OPS_SIM_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "ops/program.h"
#include "ops/progress.h"
#include "ops/signals.h"
#include "ops/sim_arguments.h"
#include "ops/sim_campaign.h"
#include "ops/sim_failure.h"
#include "ops/sim_plans.h"
#include "ops/sim_report.h"
#include "ops/sim_setup.h"
#include "ops/sim_stage_words.h"
#include "ops/sleeper.h"

namespace millrace::ops {

class SimRun {
 public:
  SimRun(const Program& program, SimArguments arguments);

  ExitCode Run();

 private:
  // A run that is well, for people to look at.
  struct Shown {
    sim::Plan plan;
    std::string what;    // "seed 17"
    std::string replay;  // empty: no command runs it alone
  };

  // sim_run.cc
  std::ostream& log() const;
  ExitCode Print(const std::string& text) const;
  ExitCode Fail(const absl::Status& status) const;
  // What follows from arguments that were found good.
  void Prepare(const SeedRange& seeds);
  std::vector<sim::Plan> PlansForStages() const;
  void LookForHiddenState();
  // On another thread, while a stage hangs or ends the process: what must not be lost is told, then the process ends.
  void Stuck(const sim::StageFinding& finding, const RunningPlan& running);
  PlanFolder Plans() const { return {.path = args_.out, .in_replay = ""}; }
  TellOptions Telling() const;
  void Say(std::vector<ToldFailure> told);
  void WritePage(const sim::Outcome& outcome, const Shown& shown);
  void Take(const FailureTeller& teller);
  bool interrupted() const { return signals_ != nullptr && signals_->count() > 0; }
  ExitCode Finish();

  // sim_run_one.cc
  void RunGiven();
  // Writes into the plan's file which of its faults strike.
  void Renew(const sim::Outcome& outcome);

  // sim_run_many.cc
  void RunMany();
  // Where nothing fails: the first run that shows something.
  Shown WhatToShow() const;
  void RunPlans(FailureTeller& teller);
  void Aim(FailureTeller& teller, const GoOn& go_on);
  // Neither hit nor listed as impossible. `cut_short`: nor, perhaps, aimed at.
  void Show(Progress& progress, const SimTotals& so_far, const PlanSource& source, MonotonicTime now,
            Duration passed) const;
  // What has ended the runs before their end: "a signal came", "the 5 seconds of --budget-seconds were over".
  std::string WhyStopped() const;
  void CheckEffective();

  const Program& program_;
  SimArguments args_;
  const bool json_;
  const Clock& clock_;
  std::unique_ptr<SimSetup> setup_;
  std::optional<sim::Plan> given_;        // the one run
  std::optional<sim::Plan> first_crash_;  // of --exhaustive
  uint64_t seeds_ = 0;
  Sleeper sleeper_;
  const Signals* signals_ = nullptr;  // while plans are run
  std::unique_ptr<SimTeam> team_;
  SimReport report_;
  StageWords words_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_RUN_H_
