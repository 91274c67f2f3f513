// What checking costs: a right run of two stages over four partitions, with a crash in the middle.
//   bazel run //sim:check_benchmark
#include <benchmark/benchmark.h>

#include <string>
#include <utility>

#include "bus/check.h"
#include "sim/checker.h"
#include "sim/testing/history_builder.h"

namespace millrace::sim {
namespace {

constexpr uint16_t kPartitions = 4;

HistoryBuilder RunOf(uint32_t jobs) {
  HistoryBuilder b;
  b.Topic("raw", kPartitions).Topic("clean", kPartitions).Topic("dead").DeadLetters();
  b.Stage("parse", "raw", {"clean"}, "dead").Window(64).Stage("store", "clean", {}, "dead").Window(64).Sink();
  b.Start(0).Start(1);
  for (uint16_t p = 0; p < kPartitions; ++p) b.Assign(p % 2, "parse", p).Assign(p % 2, "store", p);
  for (uint32_t i = 0; i < jobs; ++i) {
    if (i == jobs / 2) {
      b.Crash(0).Start(0).Fault();
      for (uint16_t p = 0; p < kPartitions; p += 2) b.Assign(0, "parse", p).Assign(0, "store", p);
    }
    const auto partition = static_cast<uint16_t>(i % kPartitions);
    const uint16_t process = partition % 2;
    const uint32_t job = b.Job("job" + std::to_string(i), "raw", "k" + std::to_string(i % 100), partition);
    b.Feed(job);
    const uint32_t out = b.Derive(b.Input(job), "parse", "clean");
    b.Work(process, "parse", b.Input(job), {out}).Work(process, "store", out);
  }
  b.Quiet();
  return b;
}

void Report(benchmark::State& state, const History& history) {
  state.counters["records"] = static_cast<double>(history.records.size());
  state.counters["per_record"] =
      benchmark::Counter(static_cast<double>(history.records.size()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void BM_CheckAll(benchmark::State& state) {
  const HistoryBuilder b = RunOf(static_cast<uint32_t>(state.range(0)));
  const Plan plan;
  for (auto _ : state) {
    const Verdicts verdicts = CheckAll({.plan = plan, .history = b.history(), .faultless = &b.history()});
    MR_CHECK(!verdicts.failed()) << verdicts.first()->text;
  }
  Report(state, b.history());
}
BENCHMARK(BM_CheckAll)->Arg(100)->Arg(200)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void BM_Index(benchmark::State& state) {
  const HistoryBuilder b = RunOf(static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) {
    const HistoryIndex index(b.history());
    benchmark::DoNotOptimize(index.pairs().data());
  }
  Report(state, b.history());
}
BENCHMARK(BM_Index)->Arg(100)->Arg(200)->Arg(100'000)->Unit(benchmark::kMicrosecond);

// Each checker by itself, without the index.
void BM_Checker(benchmark::State& state) {
  const Checker& checker = *AllCheckers()[static_cast<size_t>(state.range(0))];
  const HistoryBuilder b = RunOf(static_cast<uint32_t>(state.range(1)));
  const HistoryIndex index(b.history());
  const Plan plan;
  const CheckContext context{.plan = plan, .history = b.history(), .index = index, .faultless = &b.history()};
  for (auto _ : state) {
    CheckResult result = checker.check(context);
    benchmark::DoNotOptimize(result);
  }
  state.SetLabel(std::string(checker.name));
  Report(state, b.history());
}
BENCHMARK(BM_Checker)
    ->Apply([](benchmark::internal::Benchmark* each) {
      for (size_t i = 0; i < AllCheckers().size(); ++i) each->Args({static_cast<int64_t>(i), 200});
    })
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace millrace::sim
