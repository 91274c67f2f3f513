// Calls that make a stage depend on more than its message: clocks, sleeps, threads, randomness, the environment. A
// binary that links the target :interpose has its own definitions of them, which stand before libc's for the whole
// process: each does what the real one does and, when a stage runs on the thread (sim/guard/stage_marker.h), tells a
// finding. A stage does not sleep: the call returns at once, as if the time had passed. The environment is told only where
// the program itself asks for it, as shared libraries have settings there that a stage knows nothing of.
//
//   cc_test(name = "my_test", deps = ["//sim/guard:interpose", …])      // only binaries that can simulate
//
// The program of a pipeline can, so it has these definitions when it runs in earnest, too: there a call costs a load, a
// branch and a jump more than the real one, 17 instructions for clock_gettime (docs/decisions/0013).
//
// Calls that end the process are refused while a simulation is under way (sim/guard/exit_guard.h).
//
// What cannot be seen this way: system calls made directly, the processor's own counters (rdtsc, rdrand), waits on
// condition variables and locks with a time-out, calls from within libc itself, and libraries that were linked with
// -Bsymbolic or statically with a libc of their own.
//
// Under the thread sanitizer nothing is interposed, and with clang's address sanitizer no pthread_create: their own
// interceptors must come first.
//
// Threading: any thread; the finding is the calling thread's.
#ifndef MILLRACE_SIM_GUARD_INTERPOSE_H_
#define MILLRACE_SIM_GUARD_INTERPOSE_H_

#include <span>
#include <string_view>

#include "sim/guard/stage_finding.h"

namespace millrace::sim {

struct InterposedCall {
  std::string_view name;  // StageFinding::what
  StageFindingKind kind = StageFindingKind::kRealClock;
};

// What this build sees, in a fixed order.
std::span<const InterposedCall> InterposedCalls();

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GUARD_INTERPOSE_H_
