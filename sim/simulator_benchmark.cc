// What a seed costs: one-stage pipeline, 200 jobs, 8 crashes, the real worker, all checkers.
//
//   bazel run -c opt //sim:simulator_benchmark
//
// Counters: broker events (appends, deliveries, confirms, settlements) and seeds a second, on one core.
#include <benchmark/benchmark.h>

#include <memory>

#include "bus/check.h"
#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr char kPipeline[] = R"(
  name: "one"
  topic { name: "in" partitions: 2 }
  topic { name: "out" partitions: 2 }
  topic { name: "dead" dead_letter: true }
  source { name: "jobs" kind: "jobs" topic: "in" option { key: "count" value: "100000" } option { key: "keys" value: "20" } }
  stage { name: "relay" kind: "relay" input: "in" output { topic: "out" } dead_letter: "dead" }
)";

struct Setting {
  stages::Registry registry;
  Subject subject;
  explicit Setting(size_t jobs) {
    MR_CHECK(RegisterOneStage(registry).ok());
    const stages::PipelineFile file = stages::PipelineFile::Parse("one", kPipeline);
    auto made = Subject::Make(*stages::Resolve(file.pipeline()), registry, {});
    MR_CHECK(made.ok()) << made.status().ToString();
    subject = *std::move(made);
    subject.SetInputs(*subject.ReadSources(jobs, jobs));
  }
};

Plan PlanOf(uint64_t salt, Semantics semantics, uint32_t jobs, uint32_t crashes) {
  Plan plan;
  plan.salt = salt;
  plan.semantics = semantics;
  for (uint32_t i = 0; i < jobs; ++i) plan.jobs.push_back({.id = i, .input = i, .at_ns = int64_t{i} * 2'000'000});
  const int64_t busy = int64_t{jobs} * 2'000'000;
  for (uint32_t i = 0; i < crashes; ++i) {
    plan.faults.push_back({.id = i,
                           .kind = "crash",
                           .trigger = {.kind = TriggerKind::kAtTime, .at_ns = busy * (i + 1) / (crashes + 1)},
                           .target = static_cast<int32_t>(i % plan.processes)});
  }
  return plan;
}

void Seeds(benchmark::State& state, Semantics semantics, uint32_t jobs, uint32_t crashes, bool faultless) {
  const Setting setting(jobs);
  auto simulator = *Simulator::Make(setting.subject);
  uint64_t salt = 1;
  uint64_t events = 0;
  for (auto _ : state) {
    const Outcome outcome = simulator->Judge(PlanOf(salt++, semantics, jobs, crashes), faultless);
    MR_CHECK(!outcome.verdicts.failed()) << outcome.verdicts.first()->text;
    events += outcome.history.broker_events;
  }
  state.counters["broker_events_per_second"] =
      benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
  state.counters["seeds_per_second"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(Seeds, log_200_jobs_8_crashes, Semantics::kLog, 200, 8, true);
BENCHMARK_CAPTURE(Seeds, queue_200_jobs_8_crashes, Semantics::kQueue, 200, 8, true);
BENCHMARK_CAPTURE(Seeds, log_100_jobs, Semantics::kLog, 100, 0, false);
BENCHMARK_CAPTURE(Seeds, log_100000_jobs, Semantics::kLog, 100'000, 0, false);

}  // namespace
}  // namespace millrace::sim
