// Private to the coverage: whether a window is ever full, and a body ever too large for its dead letter, judged by what jobs
// were seen to become.
//
// Estimates: inputs that no run had may become more than those that were seen, and what is published again counts once.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_COVERAGE_ESTIMATE_H_
#define MILLRACE_SIM_COVERAGE_ESTIMATE_H_

#include <cstdint>

#include "sim/draw.h"
#include "sim/growth.h"

namespace millrace::sim {

// Not even where all jobs of a run lie before each stage. False also where nothing is known of what a stage makes of them.
bool WindowsAreNeverFull(const DrawFacts& facts, const Growth& growth);
bool BodiesAreNeverLarge(const DrawFacts& facts, const Growth& growth);

// The stage whose window fills first where nothing is settled.
uint16_t StageWithTheFullestWindow(const DrawFacts& facts, const Growth& growth);

// A stage that reads a body too large for its dead letter, and the input that it comes of. Where there is none: the first
// stage, and the largest input.
struct LargeBody {
  uint16_t stage = 0;
  uint32_t input = 0;
};
LargeBody WhereABodyIsLarge(const DrawFacts& facts, const Growth& growth);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_COVERAGE_ESTIMATE_H_
