// Many runs on many threads: each thread has a simulator of its own, and takes the next plan when it has judged one.
//
//   SimTeam team(setup, &clock, {.threads = 4});
//   if (absl::Status s = team.Begin(); !s.ok()) …
//   SeedPlans seeds(1, 1000);
//   const SimTotals totals = team.Run(seeds, progress);
//
// What a seed gives does not depend on the threads, and totals are merged so that their order does not matter.
//
// Threading: one thread calls; the main worker is that thread's.
#ifndef MILLRACE_OPS_SIM_CAMPAIGN_H_
#define MILLRACE_OPS_SIM_CAMPAIGN_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "ops/sim_setup.h"
#include "ops/sim_watchdog.h"
#include "sim/campaign.h"
#include "sim/guard/stage_finding.h"
#include "sim/guard/stage_marker.h"
#include "sim/simulator.h"

namespace millrace::ops {

// One thread's simulator.
struct SimWorker {
  sim::StageWatch watch;
  sim::Plan running;  // what it runs, for who looks from outside while a stage hangs
  std::unique_ptr<sim::Simulator> simulator;
  std::unique_ptr<sim::Campaign> campaign;
  std::unique_ptr<StageWatchdog> watchdog;
  const SimSetup* setup = nullptr;

  sim::SeedResult RunPlan(const sim::Plan& plan, uint64_t seed);
  // Judges the plan, and says what ran where that ends the process.
  sim::Outcome Judge(const sim::Plan& plan);
  // How to name a plan before it is run.
  std::string Words(const sim::Plan& plan) const;
};

// What is run. Threading: any thread.
class PlanSource {
 public:
  virtual ~PlanSource() = default;
  // Draws the next plan, runs it on `worker`, and gives what came of it; nothing: that was all.
  virtual std::optional<sim::SeedResult> RunNext(SimWorker& worker) = 0;
  // How many there are; nothing: nobody knows.
  virtual std::optional<uint64_t> count() const = 0;
};

// Seeds first, first + step, …
class SeedPlans final : public PlanSource {
 public:
  SeedPlans(uint64_t first, uint64_t count, uint64_t step = 1) : first_(first), count_(count), step_(step) {}
  std::optional<sim::SeedResult> RunNext(SimWorker& worker) override;
  std::optional<uint64_t> count() const override { return count_; }

 private:
  const uint64_t first_, count_, step_;
  std::atomic<uint64_t> next_{0};
};

struct SimTotals {
  uint64_t runs = 0, effective = 0;
  uint64_t broker_events = 0, records = 0;
  uint64_t accepted = 0, settled = 0, dead_lettered = 0;
  // Sums over all runs, so that the order does not matter: equal where all runs are.
  uint64_t schedule_hash = 0, content_hash = 0;
  std::map<std::string_view, uint64_t> fired;        // by kind of fault
  std::map<std::string_view, uint64_t> not_checked;  // by promise
  std::map<std::string, uint64_t> broken;            // by promise
  std::vector<sim::SeedResult> failures;             // by seed
  sim::Coverage coverage;
  double seconds = 0;
  bool stopped = false;  // before its end: by the time, by a signal

  void Add(sim::SeedResult result);
  void Merge(SimTotals other);
};

struct TeamOptions {
  int threads = 1;
  // A plan whose stage does not return, just before the process ends.
  std::function<void(const sim::StageFinding& finding, const sim::Plan& plan)> on_stuck = nullptr;
};

class SimTeam {
 public:
  SimTeam(const SimSetup& setup, const Clock* clock, TeamOptions options)
      : setup_(setup), clock_(*clock), options_(std::move(options)) {}

  // Makes the main worker. Errors: what the factories of stages and ports say.
  absl::Status Begin();
  SimWorker& main() { return *main_; }
  const sim::StageFindings& findings() const { return findings_; }

  // Called now and then by the thread that waits: shows progress, and returns false where no new run is to begin.
  using Tick = std::function<bool(const SimTotals& so_far, MonotonicTime now)>;
  // Runs all that the source has.
  SimTotals Run(PlanSource& source, const Tick& tick);

 private:
  absl::StatusOr<std::unique_ptr<SimWorker>> MakeWorker();
  void Work(PlanSource& source, SimTotals* shared, std::mutex* mutex, const std::atomic<bool>* stop);

  const SimSetup& setup_;
  const Clock& clock_;
  const TeamOptions options_;
  sim::StageFindings findings_;
  std::unique_ptr<SimWorker> main_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_CAMPAIGN_H_
