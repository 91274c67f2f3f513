// Plans made to hit one cell of the coverage: what luck has not found, aim does.
//
//   absl::StatusOr<CellPlan> cell = PlanForCell("pause", ActionKind::kSettle, facts, coverage);
//   Run(cell->plan);
//
// Actions that concern a job are hit by a trigger at the job. The others have no name, only a count, so that it takes two runs:
//
//   if (cell->needs_trace) Aim(*cell, TraceOf(Run(cell->Unarmed()), cell->process));
//
// The runs are the same up to the fault, so the count is exact.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_COVERAGE_PLAN_H_
#define MILLRACE_SIM_COVERAGE_PLAN_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "sim/coverage.h"
#include "sim/draw.h"
#include "sim/plan.h"

namespace millrace::sim {

struct CellPlan {
  Plan plan;
  uint32_t fault_id = 0;  // the one that is to hit
  ActionKind action = ActionKind::kDispatch;
  bool needs_trace = false;  // the moment is not known yet: Aim
  uint32_t process = 0;      // whose actions to trace

  // The plan without the fault.
  Plan Unarmed() const;
};

// `coverage`: of the runs before, which tell what jobs become.
// Errors: NotFound for an unknown kind, FailedPrecondition where the cell is impossible or there are no inputs; with the reason.
absl::StatusOr<CellPlan> PlanForCell(std::string_view fault, ActionKind action, const DrawFacts& facts,
                                     const Coverage& coverage, uint64_t seed = 1);

// Lets the fault fire just after the first such action in `trace`: the kinds of all actions of `process`, in order, in a run
// of Unarmed(). False: there is none, and the plan is what it was.
bool Aim(CellPlan& cell, std::span<const ActionKind> trace);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_COVERAGE_PLAN_H_
