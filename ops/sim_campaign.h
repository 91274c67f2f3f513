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
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "ops/sim_last_words.h"
#include "ops/sim_setup.h"
#include "ops/sim_watchdog.h"
#include "sim/campaign.h"
#include "sim/guard/stage_finding.h"
#include "sim/guard/stage_guard.h"
#include "sim/guard/stage_marker.h"
#include "sim/simulator.h"

namespace millrace::ops {

// Asked before each run: false where none is to begin any more.
using GoOn = std::function<bool()>;

// Where plans are written down, and how commands for a replay name that folder.
struct PlanFolder {
  std::string path;       // made when the first is written
  std::string in_replay;  // empty: as it is
  std::string PathOf(const std::string& name) const;
  std::string PathInReplay(const std::string& name) const;
};

// What a worker runs, for who looks from outside while a stage hangs.
struct RunningPlan {
  sim::Plan plan;
  std::string file;  // it lies there; empty: it was drawn from its seed, or is nobody's but this program's
};

// One thread's simulator.
struct SimWorker {
  sim::StageWatch watch;
  RunningPlan running;
  std::unique_ptr<sim::Simulator> simulator;
  std::unique_ptr<sim::Campaign> campaign;
  std::unique_ptr<StageWatchdog> watchdog;
  const SimSetup* setup = nullptr;
  PlanFolder plans;

  // All three say what ran where that ends the process, and how to run it again. `file`: that the plan was read from.
  sim::SeedResult RunPlan(const sim::Plan& plan, uint64_t seed, const std::string& file = "");
  sim::Outcome Judge(const sim::Plan& plan, const std::string& file = "");
  // Judges nothing: for what the simulator's options look at.
  void Run(const sim::Plan& plan);
  // Before others run a plan on this thread which is not what its seed gives: what to say then. `what` it is.
  RunWords BeginOwn(sim::Plan plan, const std::string& what);
  // … and before it is what its seed gives, or what is in that file.
  RunWords Begin(const sim::Plan& plan, const std::string& file);
};

// For the plan of a run that is nobody's but this program's: it is written down where the process dies.
RunWords WordsOf(const SimSetup& setup, const PlanFolder& folder, const sim::Plan& plan, const std::string& what);

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

// How many of so many seeds have to be effective where nobody says: one in twenty, and one in any case.
constexpr uint64_t LeastEffective(uint64_t runs) { return runs < 20 ? 1 : runs / 20; }

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
  bool stopped = false;                     // before its end: by the time, by a signal
  std::optional<uint64_t> first_effective;  // the lowest seed that was

  void Add(sim::SeedResult result);
  void Merge(SimTotals other);
};

struct TeamOptions {
  int threads = 1;
  PlanFolder plans = {.path = "sim-failures", .in_replay = ""};
  // A plan whose stage does not return, or ends the process, just before the process ends.
  std::function<void(const sim::StageFinding& finding, const RunningPlan& running)> on_stuck = nullptr;
};

class SimTeam {
 public:
  SimTeam(const SimSetup& setup, const Clock* clock, TeamOptions options)
      : setup_(setup), clock_(*clock), options_(std::move(options)) {}

  // Makes the main worker. Errors: what the factories of stages and ports say.
  absl::Status Begin();
  SimWorker& main() { return *main_; }
  // Runs the plans for what judged runs cannot show of stages that use ports: without their faults, each attempt of those
  // stages is made twice, with its effects; as they are, the runs are made twice and compared. Nobody judges them. `go_on`: is
  // asked before each plan; nullptr: all are run.
  void Rehearse(std::span<const sim::Plan> plans, const GoOn& go_on = nullptr);
  const sim::StageFindings& findings() const { return findings_; }

  // Called now and then by the thread that waits: shows progress, and returns false where no new run is to begin.
  using Tick = std::function<bool(const SimTotals& so_far, MonotonicTime now)>;
  // Runs all that the source has.
  SimTotals Run(PlanSource& source, const Tick& tick);

 private:
  // `guard` as it is to be, but for whom it tells.
  absl::StatusOr<std::unique_ptr<SimWorker>> MakeWorker(sim::GuardContext guard);
  void Work(PlanSource& source, SimTotals* shared, std::mutex* mutex, const std::atomic<bool>* stop);

  const SimSetup& setup_;
  const Clock& clock_;
  const TeamOptions options_;
  sim::StageFindings findings_;
  std::unique_ptr<SimWorker> main_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_CAMPAIGN_H_
