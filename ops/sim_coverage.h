// What `--coverage` finds, beside broken promises: combinations of a fault and an action that nothing hits, and those that
// were hit although they are listed as impossible.
//
// Threading: pure functions.
#ifndef MILLRACE_OPS_SIM_COVERAGE_H_
#define MILLRACE_OPS_SIM_COVERAGE_H_

#include <string>
#include <vector>

#include "sim/coverage.h"

namespace millrace::ops {

// In words, a finding each; empty: none. `cut_short` says why not all that were not hit have been aimed at; empty: all were.
std::vector<std::string> CoverageFindings(const std::vector<sim::CoverageRow>& rows, const std::string& cut_short = "");

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_COVERAGE_H_
