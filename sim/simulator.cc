#include "sim/simulator.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/checkers/fired.h"
#include "sim/fault.h"
#include "sim/history_index.h"
#include "sim/sim_clock.h"
#include "sim/world.h"
#include "stages/port_world.h"

namespace millrace::sim {
namespace {

// For trying factories: nothing ever happens.
class NoWorld final : public stages::PortWorld {
 public:
  absl::Status Enter(std::string_view) override { return absl::UnavailableError("there is no world"); }
  void Effect(const stages::PortEffect&) override {}
  absl::Status Leave() override { return absl::OkStatus(); }
};

absl::Status Named(const char* what, const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, " \"", name, "\": ", std::string(status.message())));
}

absl::Status TryFactories(const Subject& subject) {
  NoWorld world;
  const int64_t now = 0, offset = 0;
  const SimClock clock(now, offset);
  stages::Ports ports;
  for (const stages::PortSettings& settings : subject.pipeline().ports) {
    stages::PortConfig config;
    config.name = settings.name;
    config.base_dir = subject.base_dir();
    config.options = settings.options;
    absl::StatusOr<std::unique_ptr<stages::Port>> port =
        subject.registry(false).FindPort(settings.kind)->make_simulated(config, &world);
    if (!port.ok()) return Named("port", settings.name, port.status());
    ports.Add(settings.name, *std::move(port));
  }
  for (const bool next : {false, true}) {
    for (const stages::StageSettings& settings : subject.pipeline().stages) {
      stages::StageConfig config;
      config.name = settings.name;
      config.base_dir = subject.base_dir();
      config.options = settings.options;
      config.ports = &ports;
      config.clock = &clock;
      const stages::StageKind* kind = subject.registry(next).FindStage(settings.kind);
      if (kind == nullptr)
        return Named("stage", settings.name, absl::InvalidArgumentError("its next version knows no such kind"));
      const absl::Status made = stages::MakeStage(*kind, config).status();
      if (!made.ok()) return Named("stage", settings.name, made);
    }
  }
  return absl::OkStatus();
}

}  // namespace

Simulator::Simulator(const Subject& subject, RunOptions options) : subject_(subject), options_(std::move(options)) {
  options_.fibers = &fibers_;
}

absl::StatusOr<std::unique_ptr<Simulator>> Simulator::Make(const Subject& subject, RunOptions options) {
  if (absl::Status s = TryFactories(subject); !s.ok()) return s;
  return std::unique_ptr<Simulator>(new Simulator(subject, std::move(options)));
}

History Simulator::Run(const Plan& plan) {
  World world(subject_, plan, options_);
  return world.Run();
}

Outcome Simulator::Judge(const Plan& plan, bool faultless) {
  Outcome outcome;
  outcome.history = Run(plan);
  outcome.effective = Effective(outcome.history);
  std::vector<Suspension> suspensions;
  std::set<std::string_view> kinds;
  for (const Record& record : outcome.history.records) {
    if (record.kind != Kind::kFault) continue;
    const FaultType* type = FindFault(plan.faults[record.value].kind);
    if (type == nullptr || !kinds.insert(type->name).second) continue;
    for (const Suspension& suspension : type->suspends) {
      if (!suspension.queues_only || plan.semantics == Semantics::kQueue) suspensions.push_back(suspension);
    }
  }
  std::optional<History> without;
  if (faultless && !kinds.empty()) {
    // Without the jobs too that faults have made impossible: the rest must come to the same.
    Plan calm = plan;
    calm.faults.clear();
    const HistoryIndex index(outcome.history);
    const std::vector<uint8_t> excused = ExcusedJobs({.plan = plan, .history = outcome.history, .index = index});
    std::vector<uint32_t> left_out;
    for (size_t job = 0; job < excused.size(); ++job) {
      if (excused[job] != 0) left_out.push_back(outcome.history.jobs[job].id);
    }
    std::erase_if(calm.jobs, [&](const Job& job) {
      return std::find(left_out.begin(), left_out.end(), job.id) != left_out.end();
    });
    StrikeSink* const strikes = std::exchange(options_.strikes, nullptr);
    auto* const trace = std::exchange(options_.trace, nullptr);
    without = Run(calm);
    options_.strikes = strikes;
    options_.trace = trace;
  }
  outcome.verdicts = CheckAll({.plan = plan,
                               .history = outcome.history,
                               .faultless = without.has_value() ? &*without
                                            : kinds.empty()     ? &outcome.history
                                                                : nullptr,
                               .suspensions = suspensions});
  return outcome;
}

bool Effective(const History& history) {
  return std::any_of(history.records.begin(), history.records.end(),
                     [](const Record& r) { return r.kind == Kind::kFault && (r.flags & kInFlight) != 0; });
}

}  // namespace millrace::sim
