// Plans that are not drawn from seeds: the run without faults, all crash schedules, and plans aimed at what luck has not hit.
//
// Threading: as said.
#ifndef MILLRACE_OPS_SIM_PLANS_H_
#define MILLRACE_OPS_SIM_PLANS_H_

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ops/sim_campaign.h"
#include "ops/sim_report.h"
#include "ops/sim_setup.h"
#include "sim/exhaustive.h"

namespace millrace::ops {

// Runs the pipeline over its inputs without faults, on each kind of broker: what is to be proved about a pipeline that
// does nothing? Breaks of promises go to `totals`. The worker's thread.
std::vector<CalmRun> RunCalm(const SimSetup& setup, SimWorker& worker, double dead_share_max, SimTotals* totals);

// All schedules with one or two crashes over a few jobs, on each kind of broker. Any thread.
class CrashPlans final : public PlanSource {
 public:
  CrashPlans(const SimSetup& setup, uint32_t jobs);
  std::optional<sim::SeedResult> RunNext(SimWorker& worker) override;
  std::optional<uint64_t> count() const override { return std::nullopt; }
  // The first that was run. After the run.
  const std::optional<sim::Plan>& first() const { return first_; }
  // Whether all have been run. After the run.
  bool complete() const { return complete_; }

 private:
  // The next kind of broker; false: that was the last. Runs without faults, to count actions.
  bool Begin(SimWorker& worker);

  const SimSetup& setup_;
  const uint32_t jobs_;
  std::mutex mutex_;
  size_t next_semantics_ = 0;
  std::optional<sim::Exhaustive> plans_;
  std::optional<sim::Plan> first_;
  uint64_t given_ = 0;
  bool complete_ = false;
};

struct Aimed {
  uint64_t plans = 0;
  bool cut_short = false;  // there was more to aim at
};

// Plans for each combination of fault and action that can be hit and was not, until one hits it. The worker's thread.
Aimed AimAtUnhit(const SimSetup& setup, SimWorker& worker, SimTotals* totals, const GoOn& go_on);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_PLANS_H_
