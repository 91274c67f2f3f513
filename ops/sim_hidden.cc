#include "ops/sim_hidden.h"

#include <unistd.h>

#include <memory>

#include "ops/sim_isolate.h"
#include "sim/draw.h"
#include "sim/simulator.h"

namespace millrace::ops {
namespace {

constexpr uint32_t kJobs = 100;

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

HiddenState FindHiddenStateOf(const SimSetup& setup, const std::vector<sim::Plan>& plans) {
  HiddenState hidden;
  for (const sim::Plan& plan : plans) {
    // Each call is one run of the whole plan; a simulator that lives on would be no hidden state of a stage.
    const auto run = [&]() -> RunHashes {
      absl::StatusOr<std::unique_ptr<sim::Simulator>> simulator = sim::Simulator::Make(setup.subject());
      if (!simulator.ok()) _exit(1);
      const sim::History history = (*simulator)->Run(plan);
      return {.schedule = history.schedule_hash, .content = history.content_hash};
    };
    absl::StatusOr<std::optional<sim::StageFinding>> found = FindHiddenState(run);
    if (!found.ok()) {
      hidden.problem = "looking for hidden state of stages: " + std::string(found.status().message()) +
                       "; a stage that ends or hangs its process does so in production, too";
      return hidden;
    }
    if (!found->has_value()) continue;
    hidden.finding = **found;
    return hidden;
  }
  return hidden;
}

}  // namespace millrace::ops
