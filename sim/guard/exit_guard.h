// While a simulation is under way nobody but its command ends the process: a stage that calls exit(0) would make a test
// pass that has proved nothing.
//
//   const ExitGuard guard(&LastWords::Say);      // until it is destroyed
//
// In binaries that link sim/guard:interpose, a stage's calls of exit, _exit, _Exit and quick_exit come here before anything
// has ended, and so do those of others with code 0. All other calls of exit and quick_exit come here as what they call at
// their end, whatever their code: exit(3) of a port's stand-in ends the process with 1, too. Only _exit and _Exit with a code
// that is no good end are left to who is no stage.
//
// Where a stage runs on the thread its watchdog is told (StageWatch), who makes a finding of it; else it is said here. In
// both cases the exit code is that of a finding, 1. Processes that were forked from this one end as they like, unless they
// have a guard of their own.
//
// The system call itself cannot be seen, nor exec: fault tests look for the file that they leave (ops/premature_exit.h).
//
// Threading: one guard at a time; what it refuses may be called by any thread.
#ifndef MILLRACE_SIM_GUARD_EXIT_GUARD_H_
#define MILLRACE_SIM_GUARD_EXIT_GUARD_H_

#include <string_view>

namespace millrace::sim {

class ExitGuard {
 public:
  // `say` tells on standard error what runs on the thread that calls it.
  explicit ExitGuard(void (*say)());
  ~ExitGuard();
  ExitGuard(const ExitGuard&) = delete;
  ExitGuard& operator=(const ExitGuard&) = delete;

  // Whether one stands, in this process.
  static bool Stands();
  // While one stands: tells that this thread has called `what`, and ends the process with 1.
  [[noreturn]] static void Refuse(std::string_view what);
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GUARD_EXIT_GUARD_H_
