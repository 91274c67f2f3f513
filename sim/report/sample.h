// Hand-written runs for the tests of reports, and for looking at them.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_REPORT_SAMPLE_H_
#define MILLRACE_SIM_REPORT_SAMPLE_H_

#include <cstdint>
#include <vector>

#include "sim/checker.h"
#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

struct Sample {
  Plan plan;
  History history;
  std::vector<Finding> findings;
};

// Two processes run parse and store, on two partitions. The worker commits job 7 before it has published its output; it
// crashes in between, the partitions change hands, and nobody looks at job 7 again.
Sample CommitBeforePublish();

// The same with names, keys and texts that try to break out of JSON, HTML and terminals.
Sample Hostile();

// About `records` records of four processes, two stages and three faults; a job in the middle is lost.
Sample BusyRun(uint32_t records);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_SAMPLE_H_
