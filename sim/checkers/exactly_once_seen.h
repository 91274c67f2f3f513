// Of exactly-once: what can be said where transactions have left no record of themselves.
#ifndef MILLRACE_SIM_CHECKERS_EXACTLY_ONCE_SEEN_H_
#define MILLRACE_SIM_CHECKERS_EXACTLY_ONCE_SEEN_H_

#include "sim/checker.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {

// Whether readers see each output of a stage that is exactly-once no more often than its input.
void CheckSeenOnce(const CheckContext& context, Findings* findings);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_EXACTLY_ONCE_SEEN_H_
