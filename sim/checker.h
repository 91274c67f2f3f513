// A checker is a pure function over a history: a file in sim/checkers/ and a line in sim/checkers/registry.cc, and a
// test with hand-written histories that must pass and that must fail.
//
//   const Verdicts verdicts = CheckAll({.plan = plan, .history = history, .faultless = &faultless});
//   if (verdicts.failed()) std::cout << verdicts.first()->text;
//
// All checkers together take a few passes over the records: what they share is worked out once (sim/history_index.h).
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_CHECKER_H_
#define MILLRACE_SIM_CHECKER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/history.h"
#include "sim/history_index.h"
#include "sim/plan.h"
#include "sim/promise.h"

namespace millrace::sim {

enum class Verdict : uint8_t {
  kPass,
  kFail,
  kNotCheckable,  // the history does not say enough; never counted as a pass
};

struct Finding {
  std::string_view promise;  // name of the checker
  std::string signature;     // what kind of failure, without names and numbers: shrinking keeps it
  std::string text;          // one sentence for people: which promise broke for which job
  uint32_t job = kNoJob;     // index into History::jobs
  uint32_t message = kNoMessage;
  std::vector<uint32_t> evidence;  // indices into History::records, ascending: what to look at
};

struct CheckInput {
  const Plan& plan;
  const History& history;
  // The same plan without faults; nullptr where it has not been run (then what needs it is not checkable). It may have no
  // records: only jobs, dead letters and the final state (sim/oracle.h).
  const History* faultless = nullptr;
  // Why there is none, where there is none.
  std::string_view why_not = "the plan was not run without its faults";
  // Of the faults that struck: FaultType::suspends.
  std::span<const Suspension> suspensions = {};
  // Of the history, where somebody has made it already.
  const HistoryIndex* index = nullptr;
};

// What a checker is handed.
struct CheckContext {
  const Plan& plan;
  const History& history;
  const HistoryIndex& index;
  const History* faultless = nullptr;
};

struct CheckResult {
  Verdict verdict = Verdict::kPass;
  std::vector<Finding> findings;  // kFail: the first few, by time
  std::string why;                // kNotCheckable
};

struct Checker {
  std::string_view name;     // "no-loss": the promise
  std::string_view summary;  // one line for people
  CheckResult (*check)(const CheckContext& context) = nullptr;
  bool needs_faultless = false;
  std::string_view needs = {};           // without it, the promise is not checkable: "a stage that is EXACTLY_ONCE"
  std::span<const Excuse> excuses = {};  // what it does not hold against a run
};

// In the order in which failures are reported: the gravest first.
std::span<const Checker* const> AllCheckers();
const Checker* FindChecker(std::string_view name);

struct Verdicts {
  // One for each of AllCheckers(), suspensions of the faults that struck applied.
  std::vector<CheckResult> results;
  bool failed() const;
  // The gravest; nullptr where none failed.
  const Finding* first() const;
};
// A promise that is suspended is not checkable.
Verdicts CheckAll(const CheckInput& input);
// One of them, suspensions applied.
CheckResult CheckOne(const Checker& checker, const CheckInput& input);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKER_H_
