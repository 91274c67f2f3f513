// What a checker may say of a run in which one kind of fault has struck: the table of docs/reference/promises.md.
//
//   Expected expected = ExpectedOf(*FindChecker("final-state"), FindFault("retention"));
//   if (verdict != expected.on(plan.semantics)) …
//
// Made of what faults suspend (FaultType::suspends) and checkers excuse (Checker::excuses); sim/promises_test.cc compares it
// with what is said.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_EXPECTED_H_
#define MILLRACE_SIM_EXPECTED_H_

#include <string>
#include <string_view>

#include "sim/checker.h"
#include "sim/fault.h"
#include "sim/plan.h"

namespace millrace::sim {

struct Expected {
  Verdict on_logs = Verdict::kPass;
  Verdict on_queues = Verdict::kPass;
  bool excused = false;  // passes, but for something
  std::string why;       // empty: it passes, and that is all

  Verdict on(Semantics semantics) const { return semantics == Semantics::kLog ? on_logs : on_queues; }
  // "pass", "excused", "not checkable", "pass; not checkable on queues".
  std::string ToString() const;
  bool operator==(const Expected&) const = default;
};

// `fault`: nullptr: of any kind that the checker does not name.
Expected ExpectedOf(const Checker& checker, const FaultType* fault);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_EXPECTED_H_
