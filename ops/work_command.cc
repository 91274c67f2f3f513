#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/process_name.h"
#include "ops/backends.h"
#include "ops/load_pipeline.h"
#include "ops/pipeline_run.h"
#include "ops/program.h"
#include "ops/progress.h"
#include "ops/report.h"
#include "ops/signals.h"
#include "ops/sleeper.h"
#include "ops/text.h"
#include "ops/topology_report.h"
#include "stages/pipeline_config.h"
#include "stages/suggest.h"

namespace millrace::ops {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr Duration kLeaveGrace = std::chrono::seconds(5);

struct WorkArguments {
  std::string pipeline;
  std::string bus;
  std::vector<std::string> bus_options;
  std::vector<std::string> stages;
  std::string out = "out";
  std::string name;
  std::string history;
  double drain_seconds = 20;
};

// One call of `work`, from its arguments to its exit code.
class WorkCommand {
 public:
  WorkCommand(const Program& program, const WorkArguments& arguments)
      : program_(program), arguments_(arguments), clock_(*program.clock) {}

  ExitCode Run() {
    if (ExitCode code =
            LoadPipeline(program_, "work", arguments_.pipeline, {arguments_.bus, arguments_.bus_options}, {}, &loaded_);
        code != kWell)
      return code;
    if (ExitCode code = ChooseStages(); code != kWell) return code;
    if (ExitCode code = OpenBusAndFolder(); code != kWell) return code;
    return Work();
  }

 private:
  ExitCode Fail(ExitCode code, const std::string& message) const {
    std::cerr << program_.name << ": " << message << "\n";
    return code;
  }
  ExitCode Fail(const absl::Status& status) const { return Fail(ExitCodeOf(status), std::string(status.message())); }

  ExitCode ChooseStages() {
    const std::vector<std::string> all = AllStages(loaded_.pipeline);
    stages_ = arguments_.stages.empty() ? all : arguments_.stages;
    for (const std::string& name : stages_) {
      if (std::find(all.begin(), all.end(), name) != all.end()) continue;
      return Fail(kUsage, "the pipeline has no stage \"" + name + "\"; " + stages::Suggest(name, all));
    }
    return kWell;
  }

  ExitCode OpenBusAndFolder() {
    absl::StatusOr<OpenedBus> bus = OpenBus(loaded_.pipeline.bus, clock_);
    if (!bus.ok()) return Fail(bus.status());
    bus_ = *std::move(bus);
    if (bus_.memory != nullptr) {
      return Fail(kUsage, "nobody else can put anything on " + PrintableBus(loaded_.pipeline.bus) +
                              ", which lives in this process; give a broker: --bus URL, or use `run`");
    }
    std::error_code error;
    std::filesystem::create_directories(arguments_.out, error);
    if (error || access(arguments_.out.c_str(), W_OK) != 0) {
      return Fail(kEnvironment, "cannot write to the folder " + arguments_.out + (error ? ": " + error.message() : "") +
                                    "; give one that can be written to: --out DIR");
    }
    if (!arguments_.history.empty()) std::filesystem::create_directories(arguments_.history, error);
    if (error) {
      return Fail(kEnvironment, "cannot make the folder " + arguments_.history + ": " + error.message() +
                                    "; give one that can be written to: --history DIR");
    }
    if (ExitCode code = CheckTopology(); code != kWell) return code;
    if (absl::Status s = bus_.bus->Apply(stages::TopologyOf(loaded_.pipeline)); !s.ok()) {
      return Fail(
          absl::IsFailedPrecondition(s) ? kUsage : ExitCodeOf(s),
          "the bus " + PrintableBus(loaded_.pipeline.bus) + " does not fit the pipeline: " + std::string(s.message()));
    }
    return kWell;
  }

  // A transactional id that nobody will have again: what it leaves open when it dies ends by the broker's time-out only.
  void WarnOfNames() const {
    if (!arguments_.name.empty()) return;
    for (const stages::StageSettings& stage : loaded_.pipeline.stages) {
      if (!stage.exactly_once || std::find(stages_.begin(), stages_.end(), stage.name) == stages_.end()) continue;
      std::cerr << program_.name << ": warning: stage \"" << stage.name
                << "\" is EXACTLY_ONCE, and this process has no name that it would have again after a restart: when it "
                   "dies, readers wait for its transactions to time out; give it one that no other process has: --name "
                   "NAME\n";
      return;
    }
  }

  // As `run` does.
  ExitCode CheckTopology() const {
    if (bus_.bus->admin() == nullptr) return kWell;
    const auto items = bus_.bus->admin()->Compare(stages::TopologyOf(loaded_.pipeline), bus::Admin::Look::kTopology);
    if (!items.ok()) return Fail(items.status());
    std::vector<std::string> warnings;
    const absl::Status ready = ReadyToWork(*items, &warnings);
    for (const std::string& warning : warnings) std::cerr << program_.name << ": warning: " << warning << "\n";
    if (ready.ok()) return kWell;
    return Fail(kUsage, "the bus " + PrintableBus(loaded_.pipeline.bus) +
                            " does not fit the pipeline: " + std::string(ready.message()));
  }

  ExitCode Work() {
    Signals signals(&sleeper_);
    run_ = std::make_unique<PipelineRun>(
        loaded_.pipeline, *program_.registry, bus_.bus.get(), &clock_,
        PipelineRunOptions{.out_dir = arguments_.out,
                           .base_dir = loaded_.base_dir,
                           .durable = true,
                           .work = stages_,
                           .process = arguments_.name.empty() ? bus::DrawProcessName() : arguments_.name,
                           .history = arguments_.history,
                           .history_failed = [this](const std::string& problem) { EndAtOnce(problem); }});
    absl::Status opened = run_->OpenPorts();
    if (opened.ok()) opened = run_->Open(stages::Feeder::From::kCheckpoint, nullptr);
    if (!opened.ok()) {
      run_->ports().Close().IgnoreError();
      return Fail(opened);
    }
    WarnOfNames();
    run_->Start();
    std::cout << "at work on " << PrintableBus(loaded_.pipeline.bus) << " until SIGTERM\n" << std::flush;
    const MonotonicTime end = Watch(signals);
    run_->Stop(end);
    return Finish();
  }

  // What it did from here on would stand in no history, and be judged as if nobody had done it. So it ends as if killed, which
  // loses nothing.
  void EndAtOnce(const std::string& problem) const {
    Fail(kEnvironment, problem +
                           "; nothing is done that it does not tell of: this process ends at once. Make room there, or "
                           "work without --history");
    std::cerr.flush();
    _exit(kEnvironment);
  }

  // Until a signal, or a part failed; returns when everything has to have stopped.
  MonotonicTime Watch(const Signals& signals) {
    Progress progress(std::cout, isatty(STDOUT_FILENO) != 0, clock_.Now());
    while (signals.count() == 0 && !run_->Failed()) {
      const MonotonicTime now = clock_.Now();
      if (progress.Due(now)) Observe(now, progress);
      sleeper_.SleepUntil(now + kTick, clock_);
    }
    progress.Clear();
    for (const std::string& trouble : run_->TakeTroubles()) progress.Say(trouble);
    if (run_->Failed()) return clock_.Now() + kLeaveGrace;
    const auto drain = Duration(static_cast<int64_t>(arguments_.drain_seconds * 1e9));
    std::cout << "stopping: what runs is finished within " << ForPeople(drain.count())
              << ", the rest given back (another signal, a second later or more, ends at once)\n"
              << std::flush;
    return clock_.Now() + drain;
  }

  void Observe(MonotonicTime now, Progress& progress) {
    uint64_t in = 0, out = 0, dead = 0;
    for (const StageReport& stage : run_->Stages()) {
      in += stage.in;
      out += stage.out;
      dead += stage.dead;
    }
    progress.Draw(now, std::nullopt,
                  WithCommas(in) + " in, " + WithCommas(out) + " out, " + WithCommas(dead) + " dead-lettered");
    for (const std::string& trouble : run_->TakeTroubles()) progress.Say(trouble);
  }

  ExitCode Finish() {
    const bool stuck = run_->stuck();
    ExitCode code = ExitCodeOf(run_->problem());
    if (!stuck) {
      if (const absl::Status closed = run_->ports().Close(); !closed.ok())
        code = Fail(kEnvironment, "closing the ports: " + std::string(closed.message()));
    }
    for (const std::string& problem : run_->Problems()) std::cerr << program_.name << ": " << problem << "\n";
    std::cout << StageTable(run_->Stages()) << std::flush;
    // An attempt that never returns still uses what its stage was given: the process ends under it.
    if (stuck) {
      std::cerr.flush();
      _exit(code);
    }
    run_.reset();
    return code;
  }

  const Program& program_;
  const WorkArguments& arguments_;
  const Clock& clock_;
  LoadedPipeline loaded_;
  std::vector<std::string> stages_;
  OpenedBus bus_;
  Sleeper sleeper_;
  std::unique_ptr<PipelineRun> run_;
};

}  // namespace

void AddWorkCommand(const Program& program, CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<WorkArguments>();
  CLI::App* work = app.add_subcommand("work", "Run stages of a pipeline as one process among several, until SIGTERM");
  work->add_option("PIPELINE", arguments->pipeline,
                   std::string("Pipeline file (text-format Protobuf)") +
                       (program.default_config.empty() ? "" : "; default: the one this program was built with"));
  work->add_option("--bus", arguments->bus, "Broker to work on instead of the pipeline's own")->type_name("URL");
  AddBusOption(*work, &arguments->bus_options);
  work->add_option("--stage", arguments->stages, "A stage to work on; may be repeated; default all")->type_name("NAME");
  work->add_option("--out", arguments->out,
                   "Folder for what ports write and for bodies of dead letters that do not fit, default out; processes "
                   "of one pipeline may share it")
      ->type_name("DIR");
  work->add_option(
          "--name", arguments->name,
          "Name of this process: no other's, and the same after a restart, as the ordinal of a stateful set is; "
          "default one that nobody has twice, from host, number and a draw (EXACTLY_ONCE then waits for "
          "time-outs)")
      ->type_name("NAME");
  work->add_option(
          "--history", arguments->history,
          "Folder into which each instance writes what it sees and does, a file each, for `judge`; default none")
      ->type_name("DIR");
  work->add_option("--drain-seconds", arguments->drain_seconds,
                   "After SIGTERM or SIGINT: how long what runs may take to finish, default 20")
      ->check(CLI::Range(0.0, 86400.0) & CLI::Validator(IsANumber, "", ""))
      ->type_name("SECONDS");
  work->footer(
      "Start as many as there are partitions; the group shares them out. `run --elsewhere` feeds the sources and "
      "accounts "
      "for the jobs.\n"
      "Exit code: 0 stopped as asked, 2 usage or configuration, 3 environment.\n"
      "Example, on three machines:\n  " +
      program.name + " work orders.textproto --bus kafka://broker:9092 --stage price");
  work->callback([&program, arguments, exit_code] { *exit_code = WorkCommand(program, *arguments).Run(); });
}

}  // namespace millrace::ops
