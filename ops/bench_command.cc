#include <CLI/CLI.hpp>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>

#include "ops/backends.h"
#include "ops/bench_feed.h"
#include "ops/bench_stage.h"
#include "ops/program.h"

namespace millrace::ops {
namespace {

struct BenchArguments {
  std::string bus;
  bool fill = false;
  BenchOptions options;
};

ExitCode Fail(const Program& program, const absl::Status& status) {
  std::cerr << program.name << ": " << status.message() << "\n";
  return ExitCodeOf(status);
}

absl::StatusOr<OpenedBus> OpenForBench(const Program& program, const BenchArguments& arguments) {
  absl::StatusOr<OpenedBus> bus = OpenBus(arguments.bus, *program.clock);
  if (!bus.ok()) return bus.status();
  if (absl::Status s = bus->bus->Apply(BenchTopology(arguments.options)); !s.ok()) return s;
  return bus;
}

ExitCode MakeTopics(const Program& program, const BenchArguments& arguments) {
  const absl::StatusOr<OpenedBus> bus = OpenForBench(program, arguments);
  return bus.ok() ? kWell : Fail(program, bus.status());
}

ExitCode Fill(const Program& program, const BenchArguments& arguments) {
  const absl::StatusOr<OpenedBus> bus = OpenForBench(program, arguments);
  if (!bus.ok()) return Fail(program, bus.status());
  const absl::Status filled = FillBenchTopic(arguments.options, bus->bus.get(), program.clock);
  if (!filled.ok()) return Fail(program, filled);
  std::cout << "confirmed=" << arguments.options.count << "\n";
  return kWell;
}

ExitCode Probe(const Program& program, const BenchArguments& arguments) {
  const absl::StatusOr<OpenedBus> bus = OpenForBench(program, arguments);
  if (!bus.ok()) return Fail(program, bus.status());
  const absl::StatusOr<ProbeResult> result = ProbeBench(arguments.options, bus->bus.get(), program.clock);
  if (!result.ok()) return Fail(program, result.status());
  std::cout << std::fixed << std::setprecision(3) << "p50_ms=" << static_cast<double>(result->p50_ns) * 1e-6
            << " p99_ms=" << static_cast<double>(result->p99_ns) * 1e-6 << " records=" << result->records << "\n";
  return kWell;
}

ExitCode Stage(const Program& program, const BenchArguments& arguments) {
  const absl::StatusOr<OpenedBus> bus = OpenForBench(program, arguments);
  if (!bus.ok()) return Fail(program, bus.status());
  if (bus->memory != nullptr && !arguments.fill) {
    return Fail(program, absl::InvalidArgumentError("there is nothing on " + arguments.bus +
                                                    " but what this process puts there; add --fill"));
  }
  if (arguments.fill) {
    const absl::Status filled = FillBenchTopic(arguments.options, bus->bus.get(), program.clock);
    if (!filled.ok()) return Fail(program, filled);
  }
  const absl::StatusOr<BenchResult> result = RunBenchStage(arguments.options, bus->bus.get(), program.clock);
  if (!result.ok()) return Fail(program, result.status());
  std::cout << std::fixed << std::setprecision(3) << "elapsed_s=" << result->elapsed_seconds
            << " cpu_s=" << result->cpu_seconds << std::setprecision(0)
            << " messages_per_second=" << static_cast<double>(result->settled) / result->elapsed_seconds
            << " settled=" << result->settled << " dead=" << result->dead << "\n";
  return result->dead == 0 ? kWell : kPromiseBroken;
}

void AddShared(CLI::App* command, BenchArguments* arguments) {
  command->add_option("--bus", arguments->bus, "Bus to measure")->type_name("URL")->required();
  command->add_option("--in", arguments->options.in, "Topic to read, default bench-in")->type_name("TOPIC");
  command->add_option("--out", arguments->options.out, "Topic to write, default bench-out")->type_name("TOPIC");
  command->add_option("--group", arguments->options.group, "Group that reads, default bench")->type_name("GROUP");
  command->add_option("--count", arguments->options.count, "Records (default: 1000000; of a probe: 5000)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->type_name("N");
  command->add_option("--partitions", arguments->options.partitions, "Partitions of both topics, default 8")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  command->add_option("--keys", arguments->options.keys, "Keys of what is filled in, default 1000")
      ->check(CLI::Range(1, 1'000'000'000))
      ->type_name("N");
  command->add_option("--bytes", arguments->options.bytes, "Bytes of a body that is filled in, default 256")
      ->check(CLI::Range(1, 900'000))
      ->type_name("N");
}

}  // namespace

void AddBenchCommand(const Program& program, CLI::App& app, int* exit_code) {
  CLI::App* bench =
      app.add_subcommand("bench", "Measure the worker over a bus, beside another program that does the same");
  bench->require_subcommand(1);

  auto stage_arguments = std::make_shared<BenchArguments>();
  CLI::App* stage = bench->add_subcommand("stage", "Take N records through one stage: consume, mark, publish, commit");
  AddShared(stage, stage_arguments.get());
  stage->add_flag("--fill", stage_arguments->fill, "Put the records on the input topic first; always needed on mem:");
  stage
      ->add_option_function<int64_t>(
          "--patience",
          [arguments = stage_arguments.get()](int64_t s) { arguments->options.patience = std::chrono::seconds(s); },
          "Seconds without a record after which it gives up, default 30")
      ->check(CLI::Range(1, 86'400))
      ->type_name("S");
  stage->footer(
      "The work: consume, set the last byte of the body to 'X', add the header `stage`, publish, commit behind the "
      "confirm.\n"
      "Prints elapsed_s= (from the first record to the end of the last commit), cpu_s= (of the process) and "
      "messages_per_second=.\n"
      "Example:\n  " +
      program.name + " bench stage --bus mem: --fill --count 2000000");
  stage->callback([&program, arguments = stage_arguments, exit_code] { *exit_code = Stage(program, *arguments); });

  auto fill_arguments = std::make_shared<BenchArguments>();
  CLI::App* fill =
      bench->add_subcommand("fill", "Put N records on the input topic, for `bench stage` or another program");
  AddShared(fill, fill_arguments.get());
  fill->add_option("--rate", fill_arguments->options.rate, "Records a second, default as fast as it goes")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}))
      ->type_name("N");
  fill->footer("Example:\n  " + program.name + " bench fill --bus kafka://127.0.0.1:9092 --count 1000000");
  fill->callback([&program, arguments = fill_arguments, exit_code] { *exit_code = Fill(program, *arguments); });

  auto topics_arguments = std::make_shared<BenchArguments>();
  CLI::App* topics = bench->add_subcommand("topics", "Make the topics that are missing, for a program that makes none");
  AddShared(topics, topics_arguments.get());
  topics->footer("Example:\n  " + program.name + " bench topics --bus kafka://127.0.0.1:9092 --in orders --out marked");
  topics->callback(
      [&program, arguments = topics_arguments, exit_code] { *exit_code = MakeTopics(program, *arguments); });

  auto probe_arguments = std::make_shared<BenchArguments>();
  probe_arguments->options.rate = 500;
  probe_arguments->options.count = 5000;
  CLI::App* probe = bench->add_subcommand("probe", "Send N records at a rate through a stage at work, and time them");
  AddShared(probe, probe_arguments.get());
  probe->add_option("--rate", probe_arguments->options.rate, "Records a second, default 500")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000}))
      ->type_name("N");
  probe->footer(
      "Prints p50_ms= and p99_ms=, from handing a record to the producer to its coming out of the consumer of the "
      "output "
      "topic. The first tenth warms up.\n"
      "Example, with a `bench stage` or another program at work on the same topics:\n  " +
      program.name + " bench probe --bus kafka://127.0.0.1:9092 --count 5000");
  probe->callback([&program, arguments = probe_arguments, exit_code] { *exit_code = Probe(program, *arguments); });
}

}  // namespace millrace::ops
