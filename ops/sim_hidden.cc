#include "ops/sim_hidden.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "bus/check.h"
#include "ops/finding_note.h"
#include "ops/sim_guards.h"
#include "ops/sim_isolate.h"
#include "ops/sim_last_words.h"
#include "ops/sim_watchdog.h"
#include "sim/draw.h"
#include "sim/guard/call_log.h"
#include "sim/guard/exit_guard.h"
#include "sim/simulator.h"

namespace millrace::ops {
namespace {

constexpr uint32_t kJobs = 100;
constexpr std::string_view kPortPlace = "port:";

// A plan over and over again.
struct Repeated {
  const SimSetup& setup;
  const sim::Plan& plan;
  const sim::GuardContext& guard;
};

// Each call is one run of the whole plan; a simulator that lives on would be no hidden state of a stage.
sim::History Run(const Repeated& of, sim::CallLog* log) {
  const auto& [setup, plan, guard] = of;
  sim::RunOptions options;
  options.wrap = [guarded = GuardsOf(setup.subject(), guard), &setup, log](stages::MadeStage made, uint16_t stage,
                                                                           bool next_version) {
    made = guarded(std::move(made), stage, next_version);
    if (log == nullptr) return made;
    const std::string& name = setup.subject().pipeline().stages[stage].name;
    if (made.single != nullptr) made.single = sim::Logged(name, std::move(made.single), log);
    if (made.batch != nullptr) made.batch = sim::Logged(name, std::move(made.batch), log);
    return made;
  };
  absl::StatusOr<std::unique_ptr<sim::Simulator>> simulator = sim::Simulator::Make(setup.subject(), std::move(options));
  MR_CHECK(simulator.ok()) << "a second simulator cannot be made: " << simulator.status().ToString();
  return (*simulator)->Run(plan);
}

RunHashes Hashes(const Repeated& of) {
  const sim::History history = Run(of, nullptr);
  return {.schedule = history.schedule_hash, .content = history.content_hash};
}

// All calls of a run, and behind them what is left at the end, as calls of no stage.
sim::CallLog Calls(const Repeated& of) {
  sim::CallLog log;
  const sim::History history = Run(of, &log);
  for (const sim::SinkEntry& entry : history.final_state)
    log.calls.push_back({.stage = "", .input = entry.key, .attempt = 1, .parts = {{entry.place, entry.state}}});
  return log;
}

// The stages that can have written what lies in `place`.
std::string WritersOf(const SimSetup& setup, std::string_view place) {
  std::string writers;
  if (!place.starts_with(kPortPlace)) return writers;
  const std::string port(place.substr(kPortPlace.size()));
  const std::vector<stages::StageSettings>& of = setup.subject().pipeline().stages;
  for (uint16_t stage = 0; stage < of.size(); ++stage) {
    const std::vector<std::string>& ports = setup.subject().kind(stage, /*next_version=*/false).ports;
    if (std::find(ports.begin(), ports.end(), port) != ports.end())
      writers += (writers.empty() ? "" : ", ") + of[stage].name;
  }
  return writers;
}

struct Runs {
  sim::StageFindingKind kind = sim::StageFindingKind::kStaticState;
  std::string what;           // what is wrong with the stage
  std::string first, second;  // "in a fresh process"
};

// The finding about the first call that differs; nullopt where none does.
std::optional<sim::StageFinding> FirstOf(const SimSetup& setup, const Runs& runs, const sim::CallLog& first,
                                         const sim::CallLog& second) {
  std::optional<sim::CallDifference> difference = sim::FirstDifference(first, second);
  if (!difference.has_value()) return std::nullopt;
  const bool at_the_end = difference->stage.empty();
  if (at_the_end) {
    difference->stage = WritersOf(setup, difference->what);
    difference->what = "what " + difference->what + " keeps under " + difference->input;
    difference->input.clear();
  }
  sim::StageFinding finding{.kind = runs.kind,
                            .stage = std::move(difference->stage),
                            .input = std::move(difference->input),
                            .what = std::move(difference->what),
                            .first = std::move(difference->first),
                            .second = std::move(difference->second),
                            .text = {}};
  finding.text = "the stage " + finding.stage + " " + runs.what + ": " +
                 (at_the_end ? "at the end, " : "called for input " + finding.input + ", ") + finding.what + " was " +
                 finding.first + " " + runs.first + ", and " + finding.second + " " + runs.second;
  return finding;
}

// Runs of a plan in a process of its own: as guarded as those in this one.
class Isolated {
 public:
  Isolated(const SimSetup& setup, const sim::Plan& plan, const PlanFolder& folder)
      : setup_(setup), plan_(plan), folder_(folder) {}

  // For the other process: calls `run` there, and leaves a note where a stage does not let it end.
  template <class Call>
  auto Guarded(const Call& run) {
    return [this, run] {
      // What factories say is told by whoever makes the first simulator here.
      if (!sim::Simulator::Make(setup_.subject()).ok()) _exit(1);
      LastWords::Install();
      const sim::ExitGuard no_exit(&LastWords::Say);
      const LastWords words(WordsOf(setup_, folder_, plan_, "a run in a process of its own"));
      sim::StageFindings ignored;
      sim::StageWatch watch;
      const StageWatchdog watchdog(&watch, {.on_stuck = [this](const auto& finding) { note_.Write(finding); }});
      return run(Repeated{setup_, plan_, {.sink = &ignored, .watch = &watch, .twice = false}});
    };
  }
  // What was noted, in this process.
  std::optional<sim::StageFinding> Noted() const { return note_.Read(); }

  // Both runs once more, with all that the stages did. nullopt where they cannot be made to differ again.
  std::optional<sim::StageFinding> WhoseState();

 private:
  template <class Call>
  std::optional<sim::CallLog> CallsOf(const Call& run) {
    const absl::StatusOr<std::string> bytes = TellFromFreshProcess(Guarded(run));
    return bytes.ok() ? sim::CallLog::FromBytes(*bytes) : std::nullopt;
  }

  const SimSetup& setup_;
  const sim::Plan& plan_;
  const PlanFolder& folder_;
  FindingNote note_;
};

std::optional<sim::StageFinding> Isolated::WhoseState() {
  const std::optional<sim::CallLog> fresh = CallsOf([](const Repeated& of) { return Calls(of).ToBytes(); });
  const std::optional<sim::CallLog> warm = CallsOf([](const Repeated& of) {
    Run(of, nullptr);
    return Calls(of).ToBytes();
  });
  if (!fresh.has_value() || !warm.has_value()) return std::nullopt;
  return FirstOf(setup_,
                 {.kind = sim::StageFindingKind::kStaticState,
                  .what = "keeps state outside of its object (a static, a global, a file)",
                  .first = "in a fresh process",
                  .second = "in one that has run the same before"},
                 *fresh, *warm);
}

}  // namespace

std::vector<sim::Plan> PlansForHiddenState(const SimSetup& setup, uint64_t seed) {
  std::vector<sim::Plan> plans;
  for (const sim::Semantics semantics : setup.semantics()) {
    plans.push_back(setup.CalmPlan(semantics, kJobs));
    sim::DrawFacts facts = setup.campaign().draw;
    facts.semantics = semantics;
    plans.push_back(sim::Draw(seed, facts));
  }
  return plans;
}

HiddenState FindHiddenStateOf(const SimSetup& setup, const std::vector<sim::Plan>& plans, const PlanFolder& folder) {
  HiddenState hidden;
  for (const sim::Plan& plan : plans) {
    Isolated isolated(setup, plan, folder);
    absl::StatusOr<std::optional<sim::StageFinding>> found = FindHiddenState(isolated.Guarded(Hashes));
    if (!found.ok()) {
      hidden.finding = isolated.Noted();
      if (!hidden.finding.has_value()) {
        hidden.problem = "looking for hidden state of stages: " + std::string(found.status().message()) +
                         "; a stage that ends or hangs its process does so in production, too";
      }
      return hidden;
    }
    if (!found->has_value()) continue;
    hidden.finding = isolated.WhoseState();
    if (!hidden.finding.has_value()) hidden.finding = **found;
    return hidden;
  }
  return hidden;
}

std::optional<sim::StageFinding> FindDifferenceOfTwoRuns(const SimSetup& setup, const sim::Plan& plan,
                                                         const sim::GuardContext& guard) {
  const Repeated of{setup, plan, guard};
  if (Hashes(of) == Hashes(of)) return std::nullopt;
  const sim::CallLog first = Calls(of), second = Calls(of);
  std::optional<sim::StageFinding> found =
      FirstOf(setup,
              {.kind = sim::StageFindingKind::kNotDeterministic,
               .what = "is not deterministic, or keeps state outside of its object",
               .first = "in one run of a plan",
               .second = "in the next run of the same"},
              first, second);
  if (found.has_value()) return found;
  // Once different and then alike: whoever warms up does that.
  return sim::StageFinding{
      .kind = sim::StageFindingKind::kNotDeterministic,
      .what = "two runs of one plan",
      .text =
          "two runs of one plan differ, and the next two do not: some stage keeps state outside of "
          "its object, or is not deterministic; no call was caught at it"};
}

}  // namespace millrace::ops
