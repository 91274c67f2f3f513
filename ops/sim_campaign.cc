#include "ops/sim_campaign.h"

#include <algorithm>
#include <condition_variable>
#include <thread>
#include <utility>

#include "bus/check.h"
#include "bus/random.h"
#include "ops/sim_last_words.h"
#include "sim/guard/stage_guard.h"

namespace millrace::ops {
namespace {

constexpr Duration kTickEvery = std::chrono::milliseconds(100);

uint64_t Hash(uint64_t seed, uint64_t hash) { return Random::Mix(seed ^ Random::Mix(hash)); }

stages::MadeStage Guard(const sim::Subject& subject, const sim::GuardContext& guard, stages::MadeStage made,
                        uint16_t index) {
  const std::string& name = subject.pipeline().stages[index].name;
  const bool uses_ports = subject.uses_ports(index);
  stages::MadeStage guarded;
  if (made.single != nullptr)
    guarded.single = std::make_unique<sim::GuardedStage>(name, std::move(made.single), uses_ports, guard);
  if (made.batch != nullptr)
    guarded.batch = std::make_unique<sim::GuardedBatchStage>(name, std::move(made.batch), uses_ports, guard);
  return guarded;
}

}  // namespace

std::string SimWorker::Words(const sim::Plan& plan) const {
  if (plan.seed == 0) return "a plan that was not drawn from a seed";
  return "seed " + std::to_string(plan.seed) + "; run it alone with\n  " + setup->ReplaySeed(plan.seed);
}

sim::Outcome SimWorker::Judge(const sim::Plan& plan) {
  running = plan;
  const LastWords words(Words(plan));
  return simulator->Judge(plan);
}

sim::SeedResult SimWorker::RunPlan(const sim::Plan& plan, uint64_t seed) {
  running = plan;
  const LastWords words(Words(plan));
  sim::SeedResult result = campaign->RunPlan(plan);
  result.seed = seed;
  return result;
}

std::optional<sim::SeedResult> SeedPlans::RunNext(SimWorker& worker) {
  const uint64_t index = next_.fetch_add(1);
  if (index >= count_) return std::nullopt;
  const uint64_t seed = first_ + index * step_;
  return worker.RunPlan(worker.campaign->PlanOf(seed), seed);
}

void SimTotals::Add(sim::SeedResult result) {
  ++runs;
  effective += result.effective ? 1 : 0;
  broker_events += result.broker_events;
  records += result.records;
  accepted += result.accepted;
  settled += result.settled;
  dead_lettered += result.dead_lettered;
  schedule_hash += Hash(result.seed, result.schedule_hash);
  content_hash += Hash(result.seed, result.content_hash);
  for (const std::string_view kind : result.fired) ++fired[kind];
  for (const std::string_view promise : result.not_checked) ++not_checked[promise];
  if (!result.failed) return;
  ++broken[result.failure.promise];
  failures.push_back(std::move(result));
}

void SimTotals::Merge(SimTotals other) {
  runs += other.runs;
  effective += other.effective;
  broker_events += other.broker_events;
  records += other.records;
  accepted += other.accepted;
  settled += other.settled;
  dead_lettered += other.dead_lettered;
  schedule_hash += other.schedule_hash;
  content_hash += other.content_hash;
  for (const auto& [kind, count] : other.fired) fired[kind] += count;
  for (const auto& [promise, count] : other.not_checked) not_checked[promise] += count;
  for (const auto& [promise, count] : other.broken) broken[promise] += count;
  for (sim::SeedResult& failure : other.failures) failures.push_back(std::move(failure));
  coverage.Merge(other.coverage);
  seconds += other.seconds;
  stopped = stopped || other.stopped;
}

absl::StatusOr<std::unique_ptr<SimWorker>> SimTeam::MakeWorker() {
  auto worker = std::make_unique<SimWorker>();
  worker->setup = &setup_;
  const sim::GuardContext guard{.sink = &findings_, .watch = &worker->watch};
  sim::RunOptions options;
  options.wrap = [subject = &setup_.subject(), guard](stages::MadeStage made, uint16_t index) {
    return Guard(*subject, guard, std::move(made), index);
  };
  absl::StatusOr<std::unique_ptr<sim::Simulator>> simulator =
      sim::Simulator::Make(setup_.subject(), std::move(options));
  if (!simulator.ok()) return simulator.status();
  worker->simulator = *std::move(simulator);
  worker->campaign = std::make_unique<sim::Campaign>(setup_.subject(), *worker->simulator, setup_.campaign());
  WatchdogOptions watchdog;
  if (options_.on_stuck != nullptr) {
    watchdog.on_stuck = [this, worker = worker.get()](const sim::StageFinding& finding) {
      options_.on_stuck(finding, worker->running);
    };
  }
  worker->watchdog = std::make_unique<StageWatchdog>(&worker->watch, std::move(watchdog));
  return worker;
}

absl::Status SimTeam::Begin() {
  LastWords::Install();
  absl::StatusOr<std::unique_ptr<SimWorker>> worker = MakeWorker();
  if (!worker.ok()) return worker.status();
  main_ = *std::move(worker);
  return absl::OkStatus();
}

void SimTeam::Work(PlanSource& source, SimTotals* shared, std::mutex* mutex, const std::atomic<bool>* stop) {
  // Fibers are of the thread that runs them, and so is a simulator.
  absl::StatusOr<std::unique_ptr<SimWorker>> worker = MakeWorker();
  MR_CHECK(worker.ok()) << "a second simulator cannot be made: " << worker.status().ToString();
  while (!stop->load(std::memory_order_acquire)) {
    std::optional<sim::SeedResult> result = source.RunNext(**worker);
    if (!result.has_value()) break;
    std::lock_guard lock(*mutex);
    shared->Add(*std::move(result));
  }
  std::lock_guard lock(*mutex);
  shared->coverage.Merge((*worker)->campaign->coverage());
}

SimTotals SimTeam::Run(PlanSource& source, const Tick& tick) {
  SimTotals totals;
  std::mutex mutex;
  std::condition_variable signal;
  std::atomic<bool> stop{false};
  int working = options_.threads;
  const MonotonicTime start = clock_.Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < options_.threads; ++i) {
    threads.emplace_back([&] {
      Work(source, &totals, &mutex, &stop);
      std::lock_guard lock(mutex);
      --working;
      signal.notify_one();
    });
  }
  {
    std::unique_lock lock(mutex);
    while (!signal.wait_for(lock, kTickEvery, [&] { return working == 0; })) {
      if (!stop && !tick(totals, clock_.Now())) {
        stop = true;
        totals.stopped = true;
      }
    }
  }
  for (std::thread& thread : threads) thread.join();
  totals.seconds = static_cast<double>((clock_.Now() - start).count()) / 1e9;
  std::sort(totals.failures.begin(), totals.failures.end(),
            [](const sim::SeedResult& a, const sim::SeedResult& b) { return a.seed < b.seed; });
  return totals;
}

}  // namespace millrace::ops
