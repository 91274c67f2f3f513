// Which faults have struck at which actions, over many runs: a seed that finds nothing is worth what it has covered.
//
// A cell (fault, action) is hit when a fault of that kind fires at an action of that kind (just before it is carried out, or
// after it and before the process does anything else) and strikes: at once, or when something meets what it has armed. The
// world knows.
//
// Some cells are impossible. Most of these are so by the pipeline's shape; whether a window is ever full, or a body ever
// large, depends on what stages make of jobs, and is no more than an estimate: the first hit at that action refutes it.
//
//   Coverage coverage;
//   coverage.Hit(plan, fault_index, ActionKind::kSettle);
//   coverage.See(history);
//   coverage.Merge(other);
//   std::cout << coverage.Table(facts);
//
// Threading: one thread; merge what several have.
#ifndef MILLRACE_SIM_COVERAGE_H_
#define MILLRACE_SIM_COVERAGE_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/draw.h"
#include "sim/growth.h"
#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

// One cell, for JSON and pages.
struct CoverageRow {
  std::string_view fault;
  ActionKind action = ActionKind::kDispatch;
  uint64_t hits = 0;
  std::string impossible;  // why it cannot be hit; empty: it can
  // What is hit can be hit, whatever is said against it.
  bool possible() const { return hits > 0 || impossible.empty(); }
};

class Coverage {
 public:
  // The fault with that index in the plan fired at such an action, and struck.
  void Hit(const Plan& plan, size_t fault_index, ActionKind action);
  // What a run's jobs became: estimates are made of it.
  void See(const History& history) { growth_.See(history); }
  void Merge(const Coverage& other);

  uint64_t hits(std::string_view fault, ActionKind action) const;
  // Whether a fault of any kind has hit at the action.
  bool any_hits(ActionKind action) const;
  const Growth& growth() const { return growth_; }
  // Why a cell cannot be hit in this pipeline; empty: it can.
  std::string WhyImpossible(std::string_view fault, ActionKind action, const DrawFacts& facts) const;
  // In the order of AllFaults(), and of actions. One that is impossible and was hit contradicts itself: a mistake of ours.
  std::vector<CoverageRow> Rows(const DrawFacts& facts) const;
  // Cells that can be hit, and those of them that were.
  struct Share {
    uint64_t possible = 0;
    uint64_t hit = 0;
  };
  Share share(const DrawFacts& facts) const;
  // For people: a line a kind, "-" where a cell is impossible and was not hit, and below why.
  std::string Table(const DrawFacts& facts) const;

 private:
  // Why no cell of the action is expected to be hit; empty: nothing is known against it.
  std::string_view WhyUnexpected(ActionKind action, const DrawFacts& facts) const;

  std::map<std::string, std::array<uint64_t, kActionKinds>, std::less<>> hits_;
  Growth growth_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_COVERAGE_H_
