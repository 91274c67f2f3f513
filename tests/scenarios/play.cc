#include "tests/scenarios/play.h"

#include <algorithm>

#include "tests/scenarios/actors.h"

namespace millrace::scenarios {
namespace {

// How long nothing is told on a model before a barrier believes that nothing comes: longer than a session.
constexpr Duration kSettled = std::chrono::seconds(6);
constexpr Duration kModelLimit = std::chrono::seconds(300);
constexpr size_t kLinesMost = 300;
// On a broker; after the first barrier that differs the rest of the play is of little use.
constexpr Duration kPatience = std::chrono::seconds(60);
constexpr Duration kImpatience = std::chrono::seconds(2);

}  // namespace

class Play {
 public:
  Play(const Scenario& scenario, Ground& ground) : scenario_(scenario), ground_(ground), actors_(scenario, ground) {}

  Outcome Run() {
    for (const Step& step : scenario_.steps) {
      const absl::Status done = step.barrier != 0 ? Barrier(step) : actors_.Do(step);
      if (done.ok()) continue;
      outcome_.error = scenario_.path + ":" + std::to_string(step.line) + ": " + std::string(done.message());
      outcome_.told[0] = actors_.trace().Lines();
      break;
    }
    return outcome_;
  }

 private:
  absl::Status Barrier(const Step& step) {
    Trace& trace = actors_.trace();
    if (!ground_.real()) {
      const MonotonicTime end = actors_.world().Now() + kModelLimit;
      for (size_t before = SIZE_MAX; before != trace.events() && actors_.world().Now() < end;) {
        before = trace.events();
        actors_.RunUntil([&] { return trace.events() != before; }, kSettled);
        if (trace.Lines().size() > kLinesMost) return absl::ResourceExhaustedError("here it goes on for ever");
      }
    } else {
      const Told& expected = ExpectedOfBroker(step, ground_.family());
      if (!actors_.RunUntil([&] { return trace.Lines() == expected; }, differs_ ? kImpatience : kPatience)) {
        differs_ = true;
      }
      if (step.verb == "quiet") actors_.RunUntil([] { return false; }, kTiming.quiet);
    }
    outcome_.told[step.barrier] = trace.Lines();
    trace.Clear();
    return absl::OkStatus();
  }

  const Scenario& scenario_;
  Ground& ground_;
  Actors actors_;
  Outcome outcome_;
  bool differs_ = false;
};

Outcome PlayScenario(const Scenario& scenario, Ground& ground) { return Play(scenario, ground).Run(); }

std::string Difference(const Told& expected, const Told& told) {
  if (expected == told) return "";
  std::string text;
  for (const std::string& line : expected) {
    if (std::find(told.begin(), told.end(), line) == told.end()) text += "  missing: " + line + "\n";
  }
  for (const std::string& line : told) {
    if (std::find(expected.begin(), expected.end(), line) == expected.end()) text += "  besides: " + line + "\n";
  }
  return text.empty() ? "  the same lines in another number or order\n" : text;
}

}  // namespace millrace::scenarios
