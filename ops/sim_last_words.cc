#include "ops/sim_last_words.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace millrace::ops {
namespace {

constexpr size_t kWordsMost = 1000;
constexpr size_t kStackBytes = 32 << 10;
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// A signal handler may read these, and nothing that allocates.
thread_local char words_now[kWordsMost];
thread_local size_t length_now = 0;
// A stage that has used up its stack has none left for the handler.
thread_local char handler_stack[kStackBytes];

void Say(const char* text, size_t length) {
  if (write(STDERR_FILENO, text, length) < 0) return;
}

void Handle(int signal_number) {
  if (length_now > 0) {
    constexpr char kBefore[] = "\nthe process dies in ";
    Say(kBefore, sizeof(kBefore) - 1);
    Say(words_now, length_now);
    Say("\n", 1);
  }
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

}  // namespace

void LastWords::Install() {
  struct sigaction action {};
  action.sa_handler = Handle;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (const int signal_number : kSignals) {
    struct sigaction before {};
    // A sanitizer's handler tells more.
    if (sigaction(signal_number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
      sigaction(signal_number, &action, nullptr);
  }
}

LastWords::LastWords(std::string_view words) {
  length_now = 0;
  std::memcpy(words_now, words.data(), std::min(words.size(), kWordsMost));
  length_now = std::min(words.size(), kWordsMost);
  stack_t stack{.ss_sp = handler_stack, .ss_flags = 0, .ss_size = kStackBytes};
  stack_t before{};
  if (sigaltstack(nullptr, &before) == 0 && (before.ss_flags & SS_DISABLE) != 0) sigaltstack(&stack, nullptr);
}

LastWords::~LastWords() { length_now = 0; }

}  // namespace millrace::ops
