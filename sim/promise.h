// What Millrace promises about a run, by name: each has a checker (sim/checker.h), and faults may suspend some of them
// (sim/fault.h).
#ifndef MILLRACE_SIM_PROMISE_H_
#define MILLRACE_SIM_PROMISE_H_

#include <string_view>

namespace millrace::sim {

// While a fault of that kind has fired in a run …
enum class Expect {
  kAnnounced,  // … what it took must have been announced as DataLoss; then the promise may be broken by exactly that
  kAnything,   // … the promise says nothing
};

struct Suspension {
  std::string_view promise;
  Expect expect = Expect::kAnything;
  bool queues_only = false;   // only on queues
  std::string_view why = {};  // for the table in docs/reference/promises.md
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_PROMISE_H_
