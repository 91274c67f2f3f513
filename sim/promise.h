// What Millrace promises about a run, by name: each has a checker (sim/checker.h), faults may suspend some of them
// (sim/fault.h), and checkers excuse what faults of some kinds bring with them.
#ifndef MILLRACE_SIM_PROMISE_H_
#define MILLRACE_SIM_PROMISE_H_

#include <span>
#include <string_view>

namespace millrace::sim {

struct FaultType;

// Where a fault of that kind has struck in a run, the promise says nothing.
struct Suspension {
  std::string_view promise;
  bool queues_only = false;   // only on queues
  std::string_view why = {};  // for the table in docs/reference/promises.md
};

// What a checker itself does not hold against a run in which such a fault has struck.
struct Excuse {
  bool (*concerns)(const FaultType& fault) = nullptr;  // which kinds; nullptr: any
  bool whole = false;                                  // nothing is held against it: the checker says not checkable
  std::string_view why = {};                           // for the same table
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_PROMISE_H_
