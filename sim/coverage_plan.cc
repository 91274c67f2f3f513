#include "sim/coverage_plan.h"

#include <algorithm>
#include <string>

#include "sim/coverage_estimate.h"
#include "sim/fault.h"
#include "sim/faults/drawing.h"
#include "sim/plan_names.h"
#include "stages/suggest.h"

namespace millrace::sim {
namespace {

constexpr uint32_t kJobs = 24;
// Actions after which a process holds partitions and the topics have something in them.
constexpr uint32_t kUnderWay = 16;

// What gives again what was settled needs something that was: most jobs come when the first ones are done.
constexpr uint32_t kEarly = 4;
constexpr int64_t kLateNs = kSecond;

// A plain run: two processes, some jobs at once, nothing drawn but inputs and salt. What fills a window takes all jobs that
// may be, and what becomes `large` is there to be spooled; both in one process, whose actions are traced.
Plan Base(const DrawFacts& facts, const FaultType& type, ActionKind action, uint32_t large, uint64_t seed) {
  Plan plan;
  const Random random(seed);
  plan.salt = random.Bits(1, {});
  plan.inputs_digest = facts.inputs.digest;
  plan.semantics = facts.semantics.value_or(Semantics::kLog);
  const uint32_t bound = static_cast<uint32_t>(std::min<uint64_t>(facts.inputs.count, UINT32_MAX));
  const bool many = action == ActionKind::kFlow;
  if (many || action == ActionKind::kSpool || action == ActionKind::kAbort) plan.processes = 1;
  const uint32_t count = std::min({many ? UINT32_MAX : kJobs, bound, std::max(facts.jobs_max, 1u)});
  for (const uint32_t input : Choose(random, 2, count, bound)) {
    const uint32_t id = static_cast<uint32_t>(plan.jobs.size()) + 1;
    // A group that somebody joins is told with the next heartbeats: there must be work until then.
    const int64_t at_ns = action == ActionKind::kRelease           ? int64_t{id} * kSecond / 8
                          : type.traits.gives_again && id > kEarly ? kLateNs
                                                                   : 0;
    plan.jobs.push_back({.id = id, .input = input, .at_ns = at_ns});
  }
  if (action == ActionKind::kSpool) {
    // An input is one job.
    uint32_t& middle = plan.jobs[plan.jobs.size() / 2].input;
    for (Job& job : plan.jobs) {
      if (job.input == large) job.input = middle;
    }
    middle = large;
  }
  if (!type.applies(SceneOf(plan, facts)) && !facts.semantics.has_value()) plan.semantics = Semantics::kQueue;
  return plan;
}

// What brings an action about that a quiet run need not have, at that stage where it matters. It comes before the fault.
void Induce(Plan& plan, ActionKind action, uint32_t job, uint16_t at_stage, const DrawFacts& facts, int64_t from_ns) {
  Fault cause = {.id = 1};
  switch (action) {
    case ActionKind::kLeave:
      cause.kind = "rebalance-leave";
      cause.trigger = {.kind = TriggerKind::kAfterAction, .process = 0, .count = kUnderWay};
      cause.duration_ns = kSecond;
      break;
    case ActionKind::kRelease:
      cause.kind = "rebalance-join";
      cause.trigger = {.kind = TriggerKind::kAfterAction, .process = 0, .count = kUnderWay};
      cause.target = 0;
      break;
    case ActionKind::kFlow:
      // A job that holds its key up until the window is full.
      cause.kind = "stage-slow";
      cause.target = at_stage;
      cause.part = static_cast<int32_t>(job);
      cause.duration_ns = 5 * kSecond;
      cause.amount = 1;
      break;
    case ActionKind::kAbort: {
      // A publish that is refused takes its transaction with it.
      const std::vector<StageInfo>& stages = facts.topology->stages;
      const auto stage = std::find_if(stages.begin(), stages.end(),
                                      [](const StageInfo& s) { return s.exactly_once && !s.outputs.empty(); });
      if (stage == stages.end()) return;
      cause.kind = "publish-nack";
      cause.trigger = {.kind = TriggerKind::kAtTime, .at_ns = from_ns};
      cause.target = stage->outputs.front();
      cause.duration_ns = 10 * kSecond;
      cause.amount = 1;
      break;
    }
    case ActionKind::kSpool:
      // Dead letters that are too large are spooled; whether this one is depends on the input.
      cause.kind = "stage-poison";
      cause.target = at_stage;
      cause.part = static_cast<int32_t>(job);
      break;
    default:
      return;
  }
  if (facts.topology->stages.empty()) return;
  plan.faults.push_back(cause);
}

}  // namespace

Plan CellPlan::Unarmed() const {
  Plan unarmed = plan;
  std::erase_if(unarmed.faults, [&](const Fault& fault) { return fault.id == fault_id; });
  return unarmed;
}

absl::StatusOr<CellPlan> PlanForCell(std::string_view fault, ActionKind action, const DrawFacts& facts,
                                     const Coverage& coverage, uint64_t seed) {
  const FaultType* type = FindFault(fault);
  if (type == nullptr) {
    return absl::NotFoundError("there is no fault \"" + std::string(fault) + "\"; " +
                               stages::Suggest(fault, FaultNames()));
  }
  if (facts.inputs.count == 0) return absl::FailedPreconditionError("without inputs there are no actions; give some");
  if (const std::string why = coverage.WhyImpossible(fault, action, facts); !why.empty()) {
    return absl::FailedPreconditionError(std::string(fault) + " at " + std::string(NameOf(action)) +
                                         " is impossible: " + why);
  }
  LargeBody large;
  if (action == ActionKind::kSpool) large = WhereABodyIsLarge(facts, coverage.growth());
  const uint16_t at_stage =
      action == ActionKind::kFlow ? StageWithTheFullestWindow(facts, coverage.growth()) : large.stage;
  CellPlan cell = {.plan = Base(facts, *type, action, large.input, seed), .action = action};
  // The first holds up all others.
  const bool late = type->traits.gives_again;
  const uint32_t job = cell.plan.jobs[action == ActionKind::kFlow && !late ? 0 : cell.plan.jobs.size() / 2].id;
  Induce(cell.plan, action, job, at_stage, facts, late ? kLateNs : 0);
  const FaultScene scene = SceneOf(cell.plan, facts);
  cell.fault_id = static_cast<uint32_t>(cell.plan.faults.size()) + 1;
  Fault hit = {.id = cell.fault_id, .kind = std::string(fault)};
  const Random random(seed);
  FaultDraw draw(random, hit.id, scene);
  type->draw(draw, hit);
  cell.needs_trace = action == ActionKind::kFlow || action == ActionKind::kRelease || action == ActionKind::kLeave ||
                     action == ActionKind::kSpool || action == ActionKind::kAbort;
  if (cell.needs_trace) {
    hit.trigger = {.kind = TriggerKind::kAfterAction, .process = cell.process, .count = 1};
  } else if (action == ActionKind::kPort) {
    hit.trigger = {.kind = TriggerKind::kInPort, .process = cell.process, .count = 1};
  } else {
    hit.trigger = {.kind = TriggerKind::kAtJob, .job = job, .action = action, .count = 1};
  }
  // The one that acts, whoever was drawn. A rolling deployment is one stop here.
  if (type->target == "process") hit.target = -1;
  // Who leaves cannot be asked to leave once more, and publishes no more: its neighbour is hit.
  if (action == ActionKind::kLeave && (type->traits.asks_to_stop || type->traits.strikes_publishes)) hit.target = 1;
  if (type->traits.rolls) hit.amount = 0;
  cell.plan.faults.push_back(std::move(hit));
  return cell;
}

bool Aim(CellPlan& cell, std::span<const ActionKind> trace) {
  const auto at = std::find(trace.begin(), trace.end(), cell.action);
  if (at == trace.end()) return false;
  for (Fault& fault : cell.plan.faults) {
    if (fault.id != cell.fault_id) continue;
    fault.trigger.count = static_cast<uint32_t>(at - trace.begin()) + 1;
    cell.needs_trace = false;
  }
  return true;
}

}  // namespace millrace::sim
