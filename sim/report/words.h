// A failing run in words, for a terminal: which promise broke for which job, and how it came about.
//
//   std::cout << Tell(plan, history, *verdicts.first());
//
//   no-loss is broken: job 7 was accepted and is gone
//
//          ms  who                   what
//      20.000  feed                  hands job 7 to the bus
//   >  24.610  process-1 (1st life)  commits raw/0 for parse: all before offset 2 is done
//
// Threading: a pure function.
#ifndef MILLRACE_SIM_REPORT_WORDS_H_
#define MILLRACE_SIM_REPORT_WORDS_H_

#include <string>

#include "sim/checker.h"
#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

// About 40 lines at most; lines of evidence begin with ">". Ends with an empty line.
std::string Tell(const Plan& plan, const History& history, const Finding& finding);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_WORDS_H_
