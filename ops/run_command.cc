#include <sys/statvfs.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/backends.h"
#include "ops/books.h"
#include "ops/destroyed_log.h"
#include "ops/load_pipeline.h"
#include "ops/pipeline_run.h"
#include "ops/program.h"
#include "ops/progress.h"
#include "ops/report.h"
#include "ops/run_folder.h"
#include "ops/signals.h"
#include "ops/sleeper.h"
#include "ops/text.h"
#include "ops/topology_report.h"
#include "stages/pipeline_config.h"

namespace millrace::ops {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(20);
constexpr Duration kStalledAfter = std::chrono::seconds(15);
constexpr Duration kLeaveGrace = std::chrono::seconds(5);
constexpr size_t kCollectedBacklogBytes = 4 << 20;
constexpr uint64_t kDiskFullBytes = 64 << 10;

struct RunArguments {
  std::string pipeline;
  std::string bus;
  std::vector<std::string> bus_options;
  std::vector<std::string> inputs;
  std::string out = "out";
  std::string format = "text";
  double drain_seconds = 20;
  bool elsewhere = false;
};

// Free bytes where `path` lies; as many as there can be where that cannot be told.
uint64_t FreeBytes(const std::string& path) {
  struct statvfs info;
  if (statvfs(path.c_str(), &info) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

// One call of `run`, from its arguments to its exit code.
class RunCommand {
 public:
  RunCommand(const Program& program, const RunArguments& arguments)
      : program_(program), arguments_(arguments), json_(arguments.format == "json"), clock_(*program.clock) {}

  ExitCode Run() {
    ExitCode code = Load();
    if (code == kWell) code = OpenFolderAndBus();
    if (code == kWell) code = Work();
    return code;
  }

 private:
  std::ostream& log() const { return json_ ? std::cerr : std::cout; }

  ExitCode Fail(const absl::Status& status) const { return Fail(ExitCodeOf(status), std::string(status.message())); }
  ExitCode Fail(ExitCode code, const std::string& message) const {
    std::cerr << program_.name << ": " << message << "\n";
    return code;
  }

  ExitCode Load() {
    LoadedPipeline loaded;
    const ExitCode code = LoadPipeline(program_, "run", arguments_.pipeline, {arguments_.bus, arguments_.bus_options},
                                       arguments_.inputs, &loaded);
    pipeline_ = std::move(loaded.pipeline);
    base_dir_ = std::move(loaded.base_dir);
    return code;
  }

  ExitCode OpenFolderAndBus() {
    absl::StatusOr<std::unique_ptr<RunFolder>> folder = RunFolder::Open(arguments_.out, pipeline_.name);
    if (!folder.ok()) return Fail(kEnvironment, std::string(folder.status().message()));
    folder_ = *std::move(folder);
    absl::StatusOr<OpenedBus> bus = OpenBus(pipeline_.bus, clock_);
    if (!bus.ok()) return Fail(bus.status());
    bus_ = *std::move(bus);
    if (bus_.memory != nullptr && arguments_.elsewhere) {
      return Fail(kUsage, "no other process can reach " + PrintableBus(pipeline_.bus) +
                              "; leave --elsewhere out, or give a bus that is a broker of its own");
    }
    if (bus_.memory != nullptr) {
      if (ExitCode code = RestoreMemory(); code != kWell) return code;
    }
    if (bus_.memory != nullptr) {
      destroyed_ = std::make_unique<DestroyedLog>(pipeline_, folder_->destroyed(), bus_.memory);
    }
    bus::Topology topology = stages::TopologyOf(pipeline_);
    // Dead letters and receipts are taken off this bus into the folder: nothing is gained by keeping them in memory
    // too, and where that is slower than they come, whoever makes them waits.
    for (bus::TopicSpec& topic : topology.topics) {
      if (bus_.memory == nullptr) break;
      topic.keep = false;
      if (topic.backlog_bytes_max == 0) topic.backlog_bytes_max = kCollectedBacklogBytes;
    }
    if (ExitCode code = CheckTopology(topology); code != kWell) return code;
    if (absl::Status s = bus_.bus->Apply(topology); !s.ok()) {
      return Fail(absl::IsFailedPrecondition(s) ? kUsage : ExitCodeOf(s),
                  "the bus " + PrintableBus(pipeline_.bus) + " does not fit the pipeline: " + std::string(s.message()));
    }
    return kWell;
  }

  // What would lose messages or their order is refused with have, want and the way out; what merely differs is said.
  ExitCode CheckTopology(const bus::Topology& topology) const {
    if (bus_.bus->admin() == nullptr) return kWell;
    const auto items = bus_.bus->admin()->Compare(topology, bus::Admin::Look::kTopology);
    if (!items.ok()) return Fail(items.status());
    std::vector<std::string> warnings;
    const absl::Status ready = ReadyToWork(*items, &warnings);
    for (const std::string& warning : warnings) log() << "warning: " << warning << "\n";
    if (ready.ok()) return kWell;
    return Fail(kUsage, "the bus " + PrintableBus(pipeline_.bus) +
                            " does not fit the pipeline: " + std::string(ready.message()));
  }

  // The bus of the run before, where that was stopped in good order; else all is fed again.
  ExitCode RestoreMemory() {
    const std::string path = folder_->bus_snapshot();
    if (folder_->previous() == RunFolder::Previous::kStopped) {
      const absl::Status loaded = bus_.memory->LoadFrom(path);
      if (loaded.ok()) return ResumeRefeed();
      if (!absl::IsDataLoss(loaded) && !absl::IsNotFound(loaded)) {
        return Fail(ExitCodeOf(loaded),
                    "cannot take up the bus that the last run left: " + std::string(loaded.message()));
      }
      log() << "the bus that the last run left cannot be read (" << loaded.message()
            << "): feeding again from the beginning\n";
    } else if (folder_->previous() == RunFolder::Previous::kNone) {
      return kWell;
    } else {
      log() << "the last run on " << folder_->path()
            << " did not end in good order, and what was on mem: went with it: feeding again from the beginning\n";
    }
    refeed_ = true;
    from_beginning_ = true;
    return kWell;
  }

  // A run that was feeding again may have been stopped in the middle of it: then this one goes on with that.
  ExitCode ResumeRefeed() {
    for (const stages::SourceSettings& source : pipeline_.sources) {
      const absl::StatusOr<std::optional<uint64_t>> pending = folder_->ReadRefeed(source.name);
      if (!pending.ok()) return Fail(pending.status());
      refeed_ = refeed_ || pending->has_value();
    }
    if (refeed_) log() << "going on to feed again what was on a bus that is gone\n";
    return WorkForNobody();
  }

  // Work that was left for a group which the pipeline has no more would never be done, and never end the run.
  ExitCode WorkForNobody() {
    const auto known = [this](const std::string& group, const std::string& topic) {
      if (group == pipeline_.ledger_group) return true;
      return std::any_of(pipeline_.stages.begin(), pipeline_.stages.end(), [&](const stages::StageSettings& stage) {
        return stage.group == group && stage.input == topic;
      });
    };
    for (const bus::TopicSpec& topic : bus_.memory->Topics().topics) {
      for (const std::string& group : topic.groups) {
        if (known(group, topic.name)) continue;
        bool work = false;
        const absl::Status looked = bus_.memory->ForEachUnsettled(group, topic.name, [&work](const bus::Resting&) {
          work = true;
          return false;
        });
        if (!looked.ok()) return Fail(looked);
        if (!work) continue;
        return Fail(kUsage, "the run before left work on topic \"" + topic.name + "\" for group \"" + group +
                                "\", which the pipeline has no more; finish it with the pipeline as it was, or start "
                                "anew in another folder: --out DIR");
      }
    }
    return kWell;
  }

  ExitCode Work() {
    Signals signals(&sleeper_);
    start_ = clock_.Now();
    work_at_ = start_;
    run_ = std::make_unique<PipelineRun>(
        pipeline_, *program_.registry, bus_.bus.get(), &clock_,
        PipelineRunOptions{.out_dir = folder_->path(),
                           .base_dir = base_dir_,
                           .durable = bus_.memory == nullptr,
                           .work = arguments_.elsewhere ? std::vector<std::string>() : AllStages(pipeline_),
                           .folder = folder_.get()});
    if (absl::Status s = run_->OpenPorts(); !s.ok()) return Fail(s);
    if (absl::Status s = Open(); !s.ok()) {
      run_->ports().Close().IgnoreError();
      return Fail(s);
    }
    run_->Start();
    Watch(signals);
    const bool stuck = run_->stuck();
    const ExitCode code = Finish();
    // An attempt that never returns still uses what its stage was given: the process ends under it.
    if (stuck) {
      std::cout.flush();
      std::cerr.flush();
      _exit(code);
    }
    run_.reset();
    return code;
  }

  absl::Status Open() {
    std::function<bool(std::string_view)> settled;
    if (refeed_) {
      absl::StatusOr<IdSet> ended = EndedJobs(pipeline_, *folder_, run_->ports());
      if (!ended.ok()) return ended.status();
      if (ended->size() > 0) log() << WithCommas(ended->size()) << " jobs have ended and are not fed again\n";
      settled = [ended = *std::move(ended)](std::string_view id) { return ended.Contains(id); };
    }
    const auto from = from_beginning_ ? stages::Feeder::From::kBeginning : stages::Feeder::From::kCheckpoint;
    if (absl::Status s = run_->Open(from, std::move(settled)); !s.ok()) return s;
    // From here until the end in good order the run counts as killed; only then is what the run before left given up.
    if (absl::Status s = folder_->Begin(); !s.ok()) return s;
    if (bus_.memory != nullptr) std::filesystem::remove(folder_->bus_snapshot());
    return absl::OkStatus();
  }

  // Until everything is done, or a part failed, or the time after a signal is over. Then everything has stopped.
  void Watch(const Signals& signals) {
    Progress progress(log(), isatty(json_ ? STDERR_FILENO : STDOUT_FILENO) != 0, start_);
    MonotonicTime end = MonotonicTime::Infinite();
    while (!run_->Failed()) {
      const MonotonicTime now = clock_.Now();
      if (signals.count() > 0 && !interrupted_) {
        interrupted_ = true;
        end = now + DrainTime();
        progress.Say("stopping: nothing more is read, what is on the bus is finished within " +
                     ForPeople(DrainTime().count()) + " (another, a second later or more, ends at once)");
        run_->StopFeeds(end);
      }
      if (now >= end || run_->Finished()) break;
      Observe(now, progress);
      if (disk_full_) break;
      sleeper_.SleepUntil(now + kTick, clock_);
    }
    progress.Clear();
    run_->Stop(std::max(std::min(end, clock_.Now() + DrainTime()), clock_.Now() + kLeaveGrace));
  }

  Duration DrainTime() const { return Duration(static_cast<int64_t>(arguments_.drain_seconds * 1e9)); }

  void Observe(MonotonicTime now, Progress& progress) {
    if (!progress.Due(now)) return;
    const stages::FeederStats feed = run_->FeedTotals();
    ProgressState state{
        .read = feed.progress, .accepted = feed.accepted, .on_bus = run_->OnBus(), .dead = 0, .note = ""};
    uint64_t work = feed.accepted;
    const std::vector<StageReport> stages = run_->Stages();
    for (const StageReport& stage : stages) {
      state.dead += stage.dead;
      // Not what comes in: a message that never returns comes again and again.
      work += stage.done + stage.out + stage.retried;
    }
    if (interrupted_) state.note = "stopping";
    progress.Show(now, state);
    for (const std::string& trouble : run_->TakeTroubles()) progress.Say(trouble);
    if (work != work_) {
      work_ = work;
      work_at_ = now;
    } else if (now - work_at_ >= kStalledAfter) {
      work_at_ = now;
      Stalled(stages, progress);
    }
  }

  void Stalled(const std::vector<StageReport>& stages, Progress& progress) {
    if (FreeBytes(folder_->path()) < kDiskFullBytes) {
      disk_full_ = true;
      return;
    }
    for (const StageReport& stage : stages) {
      for (const std::string& line : stage.pending) progress.Say("waiting: " + stage.name + ": " + line);
    }
  }

  // What is left is saved, the books are closed, the report is written.
  ExitCode Finish() {
    ExitCode code = ExitCodeOf(run_->problem());
    RunReport report;
    report.problems = run_->Problems();
    const auto note = [&](const absl::Status& status, const std::string& what) {
      if (status.ok()) return;
      report.problems.push_back(what + ": " + std::string(status.message()));
      code = kEnvironment;
    };
    if (disk_full_) {
      report.problems.push_back("the disk of " + folder_->path() +
                                " is full; make room and run again: it goes on where it stopped");
      code = kEnvironment;
    }
    if (destroyed_ != nullptr) note(destroyed_->Close(), "writing down what the bus destroyed");
    const absl::StatusOr<Books> books = CloseBooks(pipeline_, *folder_, run_->ports(), bus_.memory);
    if (!run_->stuck()) note(run_->ports().Close(), "closing the ports");
    absl::Status saved;
    if (bus_.memory != nullptr) saved = bus_.memory->SaveTo(folder_->bus_snapshot());
    note(saved, "saving what is on the bus");
    report.bus_saved = saved.ok();
    if (saved.ok()) note(folder_->End(), "marking the run as stopped");
    if (!books.ok()) {
      for (const std::string& problem : report.problems) std::cerr << program_.name << ": " << problem << "\n";
      return Fail(kEnvironment, "the ledger cannot be closed: " + std::string(books.status().message()));
    }
    if (books->balance.destroyed > 0) {
      report.problems.push_back("the bus destroyed " + WithCommas(books->balance.destroyed) +
                                " jobs before they were finished; they are listed in " + folder_->destroyed());
      code = kEnvironment;
    }
    if (books->balance.to_feed_again == 0) {
      for (const stages::SourceSettings& source : pipeline_.sources) {
        note(folder_->EndRefeed(source.name), "ending the re-feed");
      }
    }
    Tell(*books, &report);
    return books->balance.Kept() ? code : kPromiseBroken;
  }

  void Tell(const Books& books, RunReport* report) {
    const stages::FeederStats feed = run_->FeedTotals();
    report->pipeline = pipeline_.name;
    report->bus = PrintableBus(pipeline_.bus);
    report->folder = folder_->path();
    report->dead_letters_file = folder_->dead_letters();
    report->crash_model = bus_.bus->capabilities().crash_model;
    report->interrupted = interrupted_;
    report->elapsed_seconds = static_cast<double>((clock_.Now() - start_).count()) / 1e9;
    report->accepted_now = feed.accepted;
    report->skipped = feed.skipped;
    report->stages = run_->Stages();
    report->books = books;
    if (json_) {
      for (const std::string& problem : report->problems) std::cerr << program_.name << ": " << problem << "\n";
      std::cout << ReportAsJson(*report);
    } else {
      std::cout << ReportAsText(*report);
    }
    std::cout.flush();
  }

  const Program& program_;
  const RunArguments& arguments_;
  const bool json_;
  const Clock& clock_;
  stages::ResolvedPipeline pipeline_;
  std::string base_dir_;
  std::unique_ptr<RunFolder> folder_;
  OpenedBus bus_;
  std::unique_ptr<DestroyedLog> destroyed_;
  Sleeper sleeper_;
  std::unique_ptr<PipelineRun> run_;
  MonotonicTime start_;
  bool refeed_ = false;          // leaving out what has ended
  bool from_beginning_ = false;  // and it begins now
  bool interrupted_ = false;
  bool disk_full_ = false;
  uint64_t work_ = 0;
  MonotonicTime work_at_;
};

}  // namespace

void AddRunCommand(const Program& program, CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* run = app.add_subcommand("run", "Run a pipeline until its sources end, and account for every job");
  run->add_option("PIPELINE", arguments->pipeline,
                  std::string("Pipeline file (text-format Protobuf)") +
                      (program.default_config.empty() ? "" : "; default: the one this program was built with"));
  run->add_option("--bus", arguments->bus, "Bus to run on instead of the pipeline's own, e.g. mem:")->type_name("URL");
  AddBusOption(*run, &arguments->bus_options);
  run->add_option("--input", arguments->inputs, "Option of a source instead of the pipeline's own; may be repeated")
      ->type_name("[SOURCE.]KEY=VALUE");
  run->add_option("--out", arguments->out,
                  "Folder for results, default out; a run on the folder of a stopped one goes on with it")
      ->type_name("DIR");
  run->add_option("--format", arguments->format,
                  "text or json (one object on standard output, progress on standard error)")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  run->add_option("--drain-seconds", arguments->drain_seconds,
                  "After SIGTERM or SIGINT: how long to finish what is on the bus, default 20")
      ->check(CLI::Range(0.0, 86400.0) & CLI::Validator(IsANumber, "", ""))
      ->type_name("SECONDS");
  run->add_flag("--elsewhere", arguments->elsewhere,
                "The stages are at work in other processes (`work`): only feed, collect and account");
  run->footer(
      "At the end: a table of the stages, dead letters by reason, and the ledger: accepted = settled + dead-lettered + "
      "lost, by sets of ids.\n"
      "In DIR: dead_letters.jsonl, receipts.jsonl, what the pipeline's stores write, and what the next run needs to go "
      "on.\n"
      "Exit code: 0 well, 1 a promise is broken (jobs lost, or one id with two contents), 2 usage or configuration, 3 "
      "environment (jobs that the bus destroyed, and announced, included).\n"
      "Examples:\n  " +
      program.name + " run orders.textproto\n  " + program.name +
      " run orders.textproto --input file=today.csv --out /tmp/today --format json");
  run->callback([&program, arguments, exit_code] { *exit_code = RunCommand(program, *arguments).Run(); });
}

}  // namespace millrace::ops
