// Many runs of one subject: seeds are drawn, run and judged; what fails is shrunk.
//
//   Campaign campaign(subject, *simulator, facts);
//   for (uint64_t seed = 1; seed <= 1000; ++seed) {
//     const SeedResult result = campaign.RunSeed(seed);
//     if (result.failed) …campaign.ShrinkPlan(result.plan, result.finding)…
//   }
//
// Threading: one thread at a time; a campaign for each thread, merged by who runs them (ops/sim_command.cc).
#ifndef MILLRACE_SIM_CAMPAIGN_H_
#define MILLRACE_SIM_CAMPAIGN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/checker.h"
#include "sim/coverage.h"
#include "sim/draw.h"
#include "sim/plan.h"
#include "sim/shrink.h"
#include "sim/simulator.h"
#include "sim/subject.h"

namespace millrace::sim {

struct CampaignOptions {
  DrawFacts draw;
  // Promises that are checked; empty: all.
  std::vector<std::string> promises;
};

// A finding that outlives its history.
struct Failure {
  std::string promise, signature, text;
  std::string job;  // name; empty: of no one job
};

struct SeedResult {
  uint64_t seed = 0;
  bool effective = false;
  bool failed = false;
  Failure failure;  // the gravest
  Plan plan;        // where it failed
  uint64_t broker_events = 0;
  uint64_t records = 0;
  uint64_t messages = 0;  // jobs, and what was made of them
  uint64_t accepted = 0, settled = 0, dead_lettered = 0;
  uint64_t schedule_hash = 0, content_hash = 0;
  std::vector<std::string_view> not_checked;  // promises that this run says nothing about
  std::vector<std::string_view> fired;        // kinds of the faults that struck, one for each fault
};

class Campaign final : private FiringSink {
 public:
  // The simulator is the campaign's while it lives.
  Campaign(const Subject& subject, Simulator& simulator, CampaignOptions options);
  ~Campaign() override;

  Plan PlanOf(uint64_t seed) const { return Draw(seed, options_.draw); }
  SeedResult RunSeed(uint64_t seed);
  // Like a seed's, for any valid plan.
  SeedResult RunPlan(const Plan& plan);
  // Smaller, failing with the same promise and signature. `go_on` is asked before each run, with the plan of it: false, and
  // it stops with what it has.
  absl::StatusOr<ShrinkResult> ShrinkPlan(const Plan& plan, const Failure& failure, uint64_t runs_max = 20'000,
                                          const std::function<bool(const Plan&)>& go_on = nullptr);
  // Like RunPlan's result, of an outcome that is there already.
  SeedResult ResultOf(const Plan& plan, const Outcome& outcome) const;
  // The first failing finding of an outcome among the promises that are checked; nullptr where none failed.
  const Finding* FailureOf(const Outcome& outcome) const;

  const Coverage& coverage() const { return coverage_; }
  const CampaignOptions& options() const { return options_; }

 private:
  void Fired(uint32_t fault, ActionKind action) override;
  bool Checked(std::string_view promise) const;

  const Subject& subject_;
  Simulator& simulator_;
  const CampaignOptions options_;
  Coverage coverage_;
  const Plan* running_ = nullptr;
  std::vector<std::pair<uint32_t, ActionKind>> aimed_;  // what fired in the run, and at what
};

// What seeds are drawn from, for this subject.
DrawFacts FactsOf(const Subject& subject);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CAMPAIGN_H_
