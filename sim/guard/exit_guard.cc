#include "sim/guard/exit_guard.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "bus/check.h"
#include "sim/guard/stage_marker.h"

namespace millrace::sim {
namespace {

constexpr int kFinding = 1;

std::atomic<pid_t> guarded{0};  // the process; 0: none
std::atomic<void (*)()> say_what_runs{nullptr};

void Say(std::string_view text) {
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

void AtExit() {
  if (ExitGuard::Stands()) ExitGuard::Refuse("exit");
}

void AtQuickExit() {
  if (ExitGuard::Stands()) ExitGuard::Refuse("quick_exit");
}

}  // namespace

ExitGuard::ExitGuard(void (*say)()) {
  static const bool called_at_exit = atexit(AtExit) == 0 && at_quick_exit(AtQuickExit) == 0;
  MR_CHECK(called_at_exit) << "there is no room for a function that is called at the process's end";
  MR_CHECK(!Stands()) << "one guard at a time";
  say_what_runs = say;
  guarded = getpid();
}

ExitGuard::~ExitGuard() { guarded = 0; }

bool ExitGuard::Stands() {
  const pid_t process = guarded.load();
  return process != 0 && process == getpid();
}

void ExitGuard::Refuse(std::string_view what) {
  // Comes back only where nobody watches the stage, or none runs on this thread.
  StageMarker::EndsProcess(what);
  Say("\nthe process is ended (");
  Say(what);
  Say(") before the simulation has: ");
  Say(StageMarker::Current() != nullptr
          ? "by a stage\n"
          : "not by Millrace, but by a source, a factory, a port's stand-in, or a thread that a stage has started\n");
  if (void (*const say)() = say_what_runs.load(); say != nullptr) say();
  // Past everything that would be called at a regular end.
  while (true) syscall(SYS_exit_group, kFinding);
}

}  // namespace millrace::sim
