#include "sim/simulator.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/checkers/struck.h"
#include "sim/fault.h"
#include "sim/history_index.h"
#include "sim/ledger.h"
#include "sim/sim_clock.h"
#include "sim/world.h"
#include "stages/port_world.h"

namespace millrace::sim {
namespace {

// For trying factories: nothing ever happens.
class NoWorld final : public stages::PortWorld {
 public:
  absl::Status Enter(std::string_view) override {
    return absl::InvalidArgumentError(
        "a factory calls a port, which the simulator has for attempts only; call it in Process");
  }
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
  for (size_t p = 0; p < subject.pipeline().ports.size(); ++p) {
    const std::string& name = subject.pipeline().ports[p].name;
    absl::StatusOr<std::unique_ptr<stages::Port>> port = subject.MakePort(static_cast<uint16_t>(p), &world);
    if (!port.ok()) return Named("port", name, port.status());
    ports.Add(name, *std::move(port));
  }
  for (const bool next : {false, true}) {
    for (size_t s = 0; s < subject.pipeline().stages.size(); ++s) {
      const absl::Status made = subject.MakeStage(static_cast<uint16_t>(s), next, ports, clock).status();
      if (!made.ok()) return Named("stage", subject.pipeline().stages[s].name, made);
    }
  }
  return absl::OkStatus();
}

// What the kinds of the faults that struck suspend.
std::vector<Suspension> SuspensionsOf(const Plan& plan, const History& history) {
  std::vector<Suspension> suspensions;
  for (const std::string& kind : KindsStruck(plan, history)) {
    const FaultType* type = FindFault(kind);
    if (type == nullptr) continue;
    for (const Suspension& suspension : type->suspends) {
      if (!suspension.queues_only || plan.semantics == Semantics::kQueue) suspensions.push_back(suspension);
    }
  }
  return suspensions;
}

}  // namespace

Simulator::Simulator(const Subject& subject, RunOptions options)
    : subject_(subject), options_(std::move(options)), oracle_(subject_, options_) {
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

History Simulator::WithoutFaults(const Plan& plan, std::span<const uint32_t> left_out) {
  Plan calm = plan;
  calm.faults.clear();
  std::erase_if(calm.jobs,
                [&](const Job& job) { return std::binary_search(left_out.begin(), left_out.end(), job.id); });
  // Nobody is told about this run.
  FiringSink* const firings = std::exchange(options_.firings, nullptr);
  auto* const trace = std::exchange(options_.trace, nullptr);
  History history = Run(calm);
  options_.firings = firings;
  options_.trace = trace;
  return history;
}

Outcome Simulator::Judge(const Plan& plan, bool faultless) {
  Outcome outcome;
  outcome.history = Run(plan);
  outcome.effective = Effective(outcome.history);
  const std::vector<Suspension> suspensions = SuspensionsOf(plan, outcome.history);
  const HistoryIndex index(outcome.history);
  for (const Fate fate : FatesOf(index)) {
    outcome.accepted += fate != Fate::kNotAccepted ? 1 : 0;
    outcome.settled += fate == Fate::kSettled ? 1 : 0;
    outcome.dead_lettered += fate == Fate::kDeadLettered ? 1 : 0;
  }
  std::optional<History> without;
  std::string why_not;
  if (faultless) {
    // Without the jobs too that faults have made impossible: the rest must come to the same.
    const std::vector<uint8_t> excused = ExcusedJobs({.plan = plan, .history = outcome.history, .index = index});
    std::vector<uint32_t> left_out;
    for (size_t job = 0; job < excused.size(); ++job) {
      if (excused[job] != 0) left_out.push_back(outcome.history.jobs[job].id);
    }
    std::sort(left_out.begin(), left_out.end());
    absl::StatusOr<History> expected = oracle_.Run(plan, left_out);
    // One that fired and struck nobody suspends nothing, and what is left without it is worth a run of its own. Where none
    // has fired such a run would be this one again.
    if (expected.ok()) {
      outcome.compared_with = ComparedWith::kOracle;
      without = *std::move(expected);
    } else if (index.Has(Kind::kFault)) {
      outcome.compared_with = ComparedWith::kFaultlessRun;
      without = WithoutFaults(plan, left_out);
    } else {
      why_not = absl::StrCat("no fault fired, and what the stages alone would leave cannot be said: ",
                             std::string(expected.status().message()));
    }
  }
  CheckInput input{.plan = plan,
                   .history = outcome.history,
                   .faultless = without.has_value() ? &*without : nullptr,
                   .suspensions = suspensions,
                   .index = &index};
  if (!why_not.empty()) input.why_not = why_not;
  outcome.verdicts = CheckAll(input);
  return outcome;
}

bool Effective(const History& history) {
  return std::any_of(history.strikes.begin(), history.strikes.end(), [](const Strike& s) { return s.in_flight; });
}

std::vector<std::string> KindsStruck(const Plan& plan, const History& history) {
  std::set<uint32_t> struck;
  for (const Strike& strike : history.strikes) struck.insert(strike.fault);
  std::vector<std::string> kinds;
  for (const uint32_t fault : struck) kinds.push_back(plan.faults[fault].kind);
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

}  // namespace millrace::sim
