#include "ops/sim_campaign.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "bus/check.h"
#include "bus/random.h"
#include "ops/sim_guards.h"
#include "ops/sim_hidden.h"
#include "sim/plan_file.h"

namespace millrace::ops {
namespace {

constexpr Duration kTickEvery = std::chrono::milliseconds(100);

uint64_t Hash(uint64_t seed, uint64_t hash) { return Random::Mix(seed ^ Random::Mix(hash)); }

}  // namespace

std::string PlanFolder::PathOf(const std::string& name) const {
  return (std::filesystem::path(path) / (name + ".plan")).string();
}

std::string PlanFolder::PathInReplay(const std::string& name) const {
  return (std::filesystem::path(in_replay.empty() ? path : in_replay) / (name + ".plan")).string();
}

RunWords WordsOf(const SimSetup& setup, const PlanFolder& folder, const sim::Plan& plan, const std::string& what) {
  const std::string name = "died-" + std::to_string(plan.seed);
  const std::string replay = setup.ReplayPlan(folder.PathInReplay(name));
  sim::PlanFile file{.plan = plan, .promise = "", .signature = "", .fires = {}, .note = what, .lines = {}};
  file.plan.seed = 0;
  return {.words = what + "; run it alone with\n  " + replay,
          .plan_path = folder.PathOf(name),
          .plan_text = sim::WritePlanFile(file, {.replay = replay})};
}

RunWords SimWorker::BeginOwn(sim::Plan plan, const std::string& what) {
  RunWords words = WordsOf(*setup, plans, plan, what);
  plan.seed = 0;
  running = {.plan = std::move(plan), .file = ""};
  return words;
}

RunWords SimWorker::Begin(const sim::Plan& plan, const std::string& file) {
  running = {.plan = plan, .file = file};
  if (!file.empty()) return {"the plan " + file + "; run it alone with\n  " + setup->ReplayPlan(file), "", ""};
  if (plan.seed == 0) return WordsOf(*setup, plans, plan, "a plan that was not drawn from a seed");
  return {"seed " + std::to_string(plan.seed) + "; run it alone with\n  " + setup->ReplaySeed(plan.seed), "", ""};
}

sim::Outcome SimWorker::Judge(const sim::Plan& plan, const std::string& file) {
  const LastWords words(Begin(plan, file));
  return simulator->Judge(plan);
}

void SimWorker::Run(const sim::Plan& plan) {
  const LastWords words(Begin(plan, ""));
  simulator->Run(plan);
}

sim::SeedResult SimWorker::RunPlan(const sim::Plan& plan, uint64_t seed, const std::string& file) {
  const LastWords words(Begin(plan, file));
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
  if (result.effective) first_effective = std::min(first_effective.value_or(result.seed), result.seed);
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
  if (other.first_effective.has_value())
    first_effective = std::min(first_effective.value_or(*other.first_effective), *other.first_effective);
}

absl::StatusOr<std::unique_ptr<SimWorker>> SimTeam::MakeWorker(sim::GuardContext guard) {
  auto worker = std::make_unique<SimWorker>();
  worker->setup = &setup_;
  worker->plans = options_.plans;
  guard.sink = &findings_;
  guard.watch = &worker->watch;
  sim::RunOptions options;
  options.wrap = GuardsOf(setup_.subject(), guard);
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
  absl::StatusOr<std::unique_ptr<SimWorker>> worker = MakeWorker({});
  if (!worker.ok()) return worker.status();
  main_ = *std::move(worker);
  return absl::OkStatus();
}

void SimTeam::Rehearse(std::span<const sim::Plan> plans, const GoOn& go_on) {
  const sim::Subject& subject = setup_.subject();
  std::vector<std::string> with_ports;
  for (uint16_t stage = 0; stage < subject.topology().stages.size(); ++stage) {
    if (subject.uses_ports(stage, /*next_version=*/false)) with_ports.push_back(subject.pipeline().stages[stage].name);
  }
  if (with_ports.empty()) return;
  std::set<std::string> compared;
  const absl::StatusOr<std::unique_ptr<SimWorker>> worker = MakeWorker({.ports_twice = true, .compared = &compared});
  MR_CHECK(worker.ok()) << "a second simulator cannot be made: " << worker.status().ToString();
  for (const sim::Plan& plan : plans) {
    if (go_on != nullptr && !go_on()) return;
    sim::Plan calm = plan;
    calm.faults.clear();
    {
      const LastWords words(
          (*worker)->BeginOwn(calm, "a run without faults, in which stages that use ports are called twice"));
      (*worker)->simulator->Run(calm);
    }
    if (!findings_.all().empty()) continue;
    const LastWords words((*worker)->BeginOwn(plan, "one of two runs of a plan that are compared"));
    if (std::optional<sim::StageFinding> found =
            FindDifferenceOfTwoRuns(setup_, plan, {.sink = &findings_, .watch = &(*worker)->watch, .twice = false}))
      findings_.Add(*std::move(found));
  }
  for (const std::string& stage : with_ports) {
    if (!compared.contains(stage))
      findings_.NotCheckable(stage, "whether it is deterministic: it is never called without faults");
  }
}

void SimTeam::Work(PlanSource& source, SimTotals* shared, std::mutex* mutex, const std::atomic<bool>* stop) {
  // Fibers are of the thread that runs them, and so is a simulator.
  absl::StatusOr<std::unique_ptr<SimWorker>> worker = MakeWorker({});
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
