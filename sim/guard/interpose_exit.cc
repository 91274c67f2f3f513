// The ways to end the process, as sim/guard/interpose.cc has clocks and the like: while an ExitGuard stands
// (sim/guard/exit_guard.h) a stage has none, and nobody has one that looks like a good end.
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/guard/exit_guard.h"
#include "sim/guard/stage_marker.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MILLRACE_NO_INTERPOSITION 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define MILLRACE_NO_INTERPOSITION 1
#endif

#if !defined(MILLRACE_NO_INTERPOSITION)

using millrace::sim::ExitGuard;
using millrace::sim::StageMarker;

namespace {

// A bad end by _exit that no stage makes says what it is by its code: that of a second Ctrl-C, say. One by exit or quick_exit
// is refused later, by what these call (ExitGuard).
bool Refused(int status) { return ExitGuard::Stands() && (StageMarker::Current() != nullptr || (status & 0xff) == 0); }

[[noreturn]] void EndAtOnce(int status) {
  while (true) syscall(SYS_exit_group, status);
}

// The definition that one of these stands before.
[[noreturn]] void Real(const char* name, int status) {
  const auto real = reinterpret_cast<void (*)(int)>(dlsym(RTLD_NEXT, name));
  if (real != nullptr) real(status);
  EndAtOnce(status);
}

}  // namespace

extern "C" {

void exit(int status) noexcept {
  if (Refused(status)) ExitGuard::Refuse("exit");
  Real("exit", status);
}

void quick_exit(int status) noexcept {
  if (Refused(status)) ExitGuard::Refuse("quick_exit");
  Real("quick_exit", status);
}

// These two may be called by signal handlers and behind a fork, where dlsym may not.
void _exit(int status) {
  if (Refused(status)) ExitGuard::Refuse("_exit");
  EndAtOnce(status);
}

void _Exit(int status) noexcept {
  if (Refused(status)) ExitGuard::Refuse("_Exit");
  EndAtOnce(status);
}

}  // extern "C"

#endif  // MILLRACE_NO_INTERPOSITION
