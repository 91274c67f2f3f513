#include "ops/sim_last_words.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "sim/fiber.h"
#include "sim/guard/stage_marker.h"

namespace millrace::ops {
namespace {

constexpr size_t kPathMost = 4096;
constexpr size_t kStackBytes = 32 << 10;
// How far beyond its stack a call that goes too deep may reach.
constexpr uintptr_t kBelowStack = 1 << 20;
constexpr uintptr_t kPages = 8 << 10;

struct Signal {
  int number;
  std::string_view name;
};
constexpr Signal kSignals[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};

// A signal handler may read these, and call nothing that allocates.
thread_local const LastWords* words_now = nullptr;
thread_local uintptr_t stack_begin = 0;  // its lowest address
// A stage that has used up its stack has none left for the handler.
thread_local char handler_stack[kStackBytes];

void Put(std::string_view text) {
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

bool PutAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// With the folders that it lies in. A signal handler may call it.
bool WriteAtTheEnd(std::string_view path, std::string_view text) {
  char name[kPathMost];
  if (path.size() >= kPathMost) return false;
  for (size_t i = 0; i < path.size(); ++i) {
    name[i] = '\0';
    if (path[i] == '/' && i > 0) mkdir(name, 0777);
    name[i] = path[i];
  }
  name[path.size()] = '\0';
  const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return false;
  const bool all = PutAll(file, text);
  return close(file) == 0 && all;
}

bool UsedUpStack(const void* address) {
  if (sim::Fiber::Current() != nullptr) return sim::Fiber::UsedUpStack(address);
  const auto at = reinterpret_cast<uintptr_t>(address);
  return stack_begin > kBelowStack && at >= stack_begin - kBelowStack && at < stack_begin + kPages;
}

// Who it was. A stage's name and input outlive its call.
void PutStage(std::string_view how) {
  const sim::StageCall* const stage = sim::StageMarker::Current();
  if (stage == nullptr) {
    Put("no stage was running on this thread (");
    Put(how);
    Put("): it is a port's stand-in, or the simulator itself\n");
    return;
  }
  Put("the stage ");
  Put(stage->stage);
  Put(" was running, for input ");
  Put(stage->input);
  Put(" (");
  Put(how);
  Put("): it is your stage, and not the simulator\n");
}

void Handle(int number, siginfo_t* info, void*) {
  // One that comes while this is told ends the process.
  signal(number, SIG_DFL);
  const auto known = std::find_if(std::begin(kSignals), std::end(kSignals),
                                  [number](const Signal& each) { return each.number == number; });
  if (words_now != nullptr) {
    words_now->Tell("\nthe process dies in ");
    const bool overflow = number == SIGSEGV && UsedUpStack(info->si_addr);
    PutStage(overflow ? "its stack is used up" : known->name);
  }
  raise(number);
}

void NoteStack() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  void* begin = nullptr;
  size_t size = 0;
  if (pthread_attr_getstack(&attributes, &begin, &size) == 0) stack_begin = reinterpret_cast<uintptr_t>(begin);
  pthread_attr_destroy(&attributes);
}

}  // namespace

void LastWords::Install() {
  struct sigaction action {};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (const Signal& each : kSignals) {
    struct sigaction before {};
    // A sanitizer's handler tells more.
    if (sigaction(each.number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
      sigaction(each.number, &action, nullptr);
  }
}

LastWords::LastWords(RunWords words) : words_(std::move(words)), outer_(words_now) {
  words_now = this;
  if (stack_begin == 0) NoteStack();
  stack_t stack{.ss_sp = handler_stack, .ss_flags = 0, .ss_size = kStackBytes};
  stack_t before{};
  if (sigaltstack(nullptr, &before) == 0 && (before.ss_flags & SS_DISABLE) != 0) sigaltstack(&stack, nullptr);
}

LastWords::~LastWords() { words_now = outer_; }

void LastWords::Tell(std::string_view before) const {
  Put(before);
  Put(words_.words);
  Put("\n");
  if (words_.plan_path.empty()) return;
  Put(WriteAtTheEnd(words_.plan_path, words_.plan_text) ? "plan:    " : "its plan cannot be written: ");
  Put(words_.plan_path);
  Put("\n");
}

void LastWords::Say() {
  if (words_now != nullptr) words_now->Tell("it was in ");
}

}  // namespace millrace::ops
