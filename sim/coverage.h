// Which faults have struck at which actions, over many runs: a seed that finds nothing is worth what it has covered.
//
// A cell (fault, action) is hit when a fault of that kind fires at an action of that kind (just before it is carried out, or
// after it and before the process does anything else) and strikes: at once, or when something meets what it has armed. The
// world knows.
//
//   Coverage coverage;
//   coverage.Hit(plan, fault_index, ActionKind::kSettle);
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
#include "sim/plan.h"

namespace millrace::sim {

// One cell, for JSON and pages.
struct CoverageRow {
  std::string_view fault;
  ActionKind action = ActionKind::kDispatch;
  uint64_t hits = 0;
  std::string impossible;  // why it cannot be hit; empty: it can
};

class Coverage {
 public:
  // The fault with that index in the plan fired at such an action, and struck.
  void Hit(const Plan& plan, size_t fault_index, ActionKind action);
  void Merge(const Coverage& other);

  uint64_t hits(std::string_view fault, ActionKind action) const;
  // In the order of AllFaults(), and of actions.
  std::vector<CoverageRow> Rows(const DrawFacts& facts) const;
  // Cells that can be hit, and those of them that were.
  struct Share {
    uint64_t possible = 0;
    uint64_t hit = 0;
  };
  Share share(const DrawFacts& facts) const;
  // For people: a line a kind, "-" where a cell is impossible, and below why.
  std::string Table(const DrawFacts& facts) const;

 private:
  std::map<std::string, std::array<uint64_t, kActionKinds>, std::less<>> hits_;
};

// Why a cell cannot be hit in this pipeline; empty: it can.
std::string WhyImpossible(std::string_view fault, ActionKind action, const DrawFacts& facts);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_COVERAGE_H_
