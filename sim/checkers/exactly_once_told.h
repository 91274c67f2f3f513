// Of exactly-once: what processes are told of the ends of their transactions.
#ifndef MILLRACE_SIM_CHECKERS_EXACTLY_ONCE_TOLD_H_
#define MILLRACE_SIM_CHECKERS_EXACTLY_ONCE_TOLD_H_

#include "sim/checker.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {

void CheckTold(const CheckContext& context, Findings* findings);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_EXACTLY_ONCE_TOLD_H_
