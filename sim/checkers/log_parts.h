// The parts of log-consistency that are files of their own.
#ifndef MILLRACE_SIM_CHECKERS_LOG_PARTS_H_
#define MILLRACE_SIM_CHECKERS_LOG_PARTS_H_

#include "sim/checker.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {

// What each holding is delivered: in order, without gaps, and nothing that is not committed.
void CheckPolls(const CheckContext& context, Findings* findings);
// Where holdings start, and whether all was delivered to somebody in the end.
void CheckStarts(const CheckContext& context, Findings* findings);
// Whether what is published in order is appended in order.
void CheckSends(const CheckContext& context, Findings* findings);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_LOG_PARTS_H_
