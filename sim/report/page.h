// A failing run as one HTML file that needs nothing else: a space-time diagram with the path of the guilty job, and its
// timeline in words beside it.
//
//   std::ofstream("run.html") << Page(plan, history, findings, {.title = "orders, seed 4711", .replay = "orders sim --plan …"});
//
// The page reads #select=RECORD, #zoom=FACTOR, #at=MILLISECONDS, #only=1, #finding=N and #theme=dark|light from its
// address. Every record of a history of some thousands is in it; of larger ones what has to do with a finding, and so
// many other jobs as fit (the page says how many records were left out).
//
// Threading: a pure function.
#ifndef MILLRACE_SIM_REPORT_PAGE_H_
#define MILLRACE_SIM_REPORT_PAGE_H_

#include <cstddef>
#include <span>
#include <string>

#include "sim/checker.h"
#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

struct PageOptions {
  std::string title;
  std::string replay;         // the command that runs this plan again; empty: not shown
  size_t max_records = 6000;  // in the page
};

std::string Page(const Plan& plan, const History& history, std::span<const Finding> findings,
                 const PageOptions& options);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_PAGE_H_
