#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ops/audit.h"
#include "ops/judgement.h"
#include "ops/line_file.h"
#include "ops/operator.h"
#include "ops/operator_commands.h"
#include "ops/pipeline_run.h"
#include "ops/run_folder.h"
#include "sim/observed/observation.h"
#include "sim/subject.h"
#include "stages/journal.h"
#include "stages/receipts.h"

namespace millrace::ops {
namespace {

constexpr int kLagTries = 5;
constexpr Duration kLagAgain = std::chrono::milliseconds(200);

struct JudgeArguments {
  OperatorArguments common;
  std::string out = "out";
  std::string history;
  std::string faults;
  bool begin = false;
};

class JudgeCommand {
 public:
  JudgeCommand(const Program& program, const JudgeArguments& arguments)
      : op_(program, "judge", arguments.common), arguments_(arguments) {}

  ExitCode Run() {
    if (ExitCode code = op_.Open(); code != kWell) return code;
    if (arguments_.begin) {
      if (absl::Status s = op_.bus().Apply(AuditTopology(op_.pipeline())); !s.ok()) return op_.Fail(s);
      std::cout << "from here on group " << AuditGroup(op_.pipeline()) << " is given all that comes onto "
                << op_.printable_bus() << "\n";
      return kWell;
    }
    absl::StatusOr<sim::Topology> topology = sim::HistoryTopologyOf(op_.pipeline(), *op_.program().registry);
    if (!topology.ok()) return op_.Fail(topology.status());
    topology->queue = op_.bus().capabilities().settlement != bus::Settlement::kPrefix;
    sim::Observation seen(*topology);
    for (const absl::Status& s : {AddJobs(&seen), AddRecords(&seen), AddProcesses(&seen), AddFaults(&seen),
                                  AddEffects(&seen), AddEnd(*topology, &seen)}) {
      if (!s.ok()) return op_.Fail(s);
    }
    const sim::Observed observed = seen.Take();
    const sim::Verdicts verdicts = sim::JudgeObserved(observed);
    std::cout << (op_.json() ? JudgementAsJson(observed, verdicts) : JudgementAsText(observed, verdicts)) << std::flush;
    return verdicts.failed() ? kPromiseBroken : kWell;
  }

 private:
  absl::Status AddJobs(sim::Observation* seen) const {
    const stages::ResolvedPipeline& pipeline = op_.pipeline();
    uint64_t jobs = 0;
    for (const stages::SourceSettings& source : pipeline.sources) {
      const auto topic = std::find_if(pipeline.topics.begin(), pipeline.topics.end(),
                                      [&](const stages::TopicSettings& t) { return t.name == source.topic; });
      const auto index = static_cast<uint16_t>(topic - pipeline.topics.begin());
      const absl::StatusOr<stages::JournalExtent> read =
          stages::ReadJournal(arguments_.out + "/" + source.name + ".journal", [&](std::string_view id) {
            seen->Job(index, id);
            ++jobs;
          });
      if (!read.ok() && !absl::IsNotFound(read.status())) return read.status();
    }
    if (jobs > 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "no source has a journal in " + arguments_.out +
        ", so nobody says which jobs were accepted; give the folder of the run: --out DIR");
  }

  absl::Status AddRecords(sim::Observation* seen) const {
    // Where queues keep it, who reads has to say which; they are there since --begin.
    if (absl::Status s = op_.bus().Apply(AuditTopology(op_.pipeline())); !s.ok()) return s;
    uint64_t records = 0;
    const absl::Status read = ReadAudit(op_.pipeline(), &op_.bus(), op_.clock(), [&](const AuditRecord& record) {
      seen->Copy(record.topic, record.partition, record.sequence, record.message);
      ++records;
    });
    if (!read.ok() || records > 0) return read;
    return absl::InvalidArgumentError("the broker has kept nothing for group " + AuditGroup(op_.pipeline()) +
                                      ": say judge --begin before the run; what was kept is read once");
  }

  absl::Status AddProcesses(sim::Observation* seen) const {
    const std::string folder = arguments_.history.empty() ? arguments_.out + "/history" : arguments_.history;
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".history") files.push_back(entry.path().string());
    }
    if (files.empty()) {
      return absl::InvalidArgumentError("there are no histories in " + folder +
                                        "; processes write them with: work --history DIR");
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
      if (absl::Status s = seen->Process(file); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  // Lines of "nanoseconds what".
  absl::Status AddFaults(sim::Observation* seen) const {
    if (arguments_.faults.empty()) return absl::OkStatus();
    return ReadLines(arguments_.faults, [&](std::string_view line) -> absl::Status {
      int64_t at_ns = 0;
      const auto [end, wrong] = std::from_chars(line.data(), line.data() + line.size(), at_ns);
      if (wrong != std::errc() || end == line.data() + line.size() || *end != ' ') {
        return absl::InvalidArgumentError(arguments_.faults + ": \"" + std::string(line) +
                                          "\" is no time in nanoseconds and what was done then");
      }
      seen->Fault(at_ns, line.substr(static_cast<size_t>(end - line.data()) + 1));
      return absl::OkStatus();
    });
  }

  absl::Status AddEffects(sim::Observation* seen) const {
    const stages::ResolvedPipeline& pipeline = op_.pipeline();
    PipelineRun ports(pipeline, *op_.program().registry, &op_.bus(), &op_.clock(),
                      {.out_dir = arguments_.out, .base_dir = op_.base_dir(), .work = {}});
    if (absl::Status s = ports.OpenPorts(); !s.ok()) return s;
    for (uint16_t port = 0; port < pipeline.ports.size(); ++port) {
      auto* source = ports.ports().Find<stages::ReceiptSource>(pipeline.ports[port].name);
      if (source == nullptr) continue;
      const absl::Status read =
          source->ForEachReceipt([&](const stages::Receipt& receipt) { seen->Effect(port, receipt.id); });
      if (!read.ok()) return read;
    }
    return ports.ports().Close();
  }

  static uint64_t Sum(const std::vector<bus::PartitionLag>& lags) {
    uint64_t sum = 0;
    for (const bus::PartitionLag& lag : lags) sum += static_cast<uint64_t>(std::max<int64_t>(lag.lag, 0));
    return sum;
  }

  // A Kafka knows markers of transactions from messages only once it was asked again and nothing had moved; a RabbitMQ counts a
  // little later than it does.
  absl::StatusOr<std::vector<bus::PartitionLag>> LagOf(const std::string& group, const std::string& topic) const {
    for (int left = kLagTries; true; --left) {
      absl::StatusOr<std::vector<bus::PartitionLag>> lags = op_.bus().Lag(group, topic);
      if (!lags.ok() || left == 1 || Sum(*lags) == 0) return lags;
      std::this_thread::sleep_for(kLagAgain);
    }
  }

  absl::Status AddEnd(const sim::Topology& topology, sim::Observation* seen) const {
    uint64_t all = 0;
    for (uint16_t stage = 0; stage < topology.stages.size(); ++stage) {
      const sim::StageInfo& info = topology.stages[stage];
      const absl::StatusOr<std::vector<bus::PartitionLag>> lags = LagOf(info.group, topology.topics[info.input].name);
      if (!lags.ok()) return lags.status();
      const uint64_t left = Sum(*lags);
      for (const bus::PartitionLag& lag : *lags) {
        if (!topology.queue && lag.settled >= 0)
          seen->Committed(stage, static_cast<uint16_t>(lag.partition), static_cast<uint64_t>(lag.settled));
      }
      seen->Left(stage, left);
      all += left;
    }
    if (all == 0) {
      seen->AtRest();
    } else {
      seen->NotAtRest(std::to_string(all) + " messages are not settled");
    }
    return absl::OkStatus();
  }

  Operator op_;
  const JudgeArguments& arguments_;
};

}  // namespace

void AddJudgeCommand(const Program& program, CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<JudgeArguments>();
  CLI::App* judge = app.add_subcommand(
      "judge", "Judge a run on a broker by what its processes, the broker and the stores have written down");
  AddOperatorOptions(program, *judge, &arguments->common);
  judge->add_option("--out", arguments->out, "Folder of the run (`run --elsewhere`), default out")->type_name("DIR");
  judge
      ->add_option("--history", arguments->history,
                   "Folder that the processes have written to (`work --history`), default DIR/history below --out")
      ->type_name("DIR");
  judge
      ->add_option("--faults", arguments->faults,
                   "What was done to the run: lines of a monotonic time in nanoseconds, a blank and some words")
      ->type_name("FILE");
  judge->add_flag("--begin", arguments->begin,
                  "Before the run: have the broker keep all that comes for `judge` to read, and judge nothing");
  judge->footer(
      "All processes on one machine, as their clocks must be one. The broker's record is read once.\n"
      "Exit code: 0 nothing is broken, 1 a promise is broken, 2 usage or configuration, 3 environment.\n"
      "Example:\n  " +
      program.name + " judge --begin orders.textproto --bus URL\n  " + program.name +
      " work orders.textproto --bus URL --out out --history out/history …\n  " + program.name +
      " judge orders.textproto --bus URL --out out");
  judge->callback([&program, arguments, exit_code] { *exit_code = JudgeCommand(program, *arguments).Run(); });
}

}  // namespace millrace::ops
