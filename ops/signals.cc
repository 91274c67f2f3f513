#include "ops/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string_view>

#include "ops/program.h"

namespace millrace::ops {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

[[noreturn]] void EndAtOnce(int signal) {
  constexpr std::string_view text =
      "\nended at once by a second signal; the next run on this folder picks up what was not finished\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  _exit(128 + signal);
}

}  // namespace

Signals::Signals(bus::Waker* waker) : waker_(waker) {
  const sigset_t set = Watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader that goes away, or a limit on file sizes, is an error of that write and no reason to die.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  signal_fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  end_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signal_fd_ < 0 || end_fd_ < 0) {
    constexpr std::string_view text =
        "there are no file descriptors left to watch for signals with; raise `ulimit -n`\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    _exit(kEnvironment);
  }
  thread_ = std::thread([this] { Watch(); });
}

Signals::~Signals() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(end_fd_, &one, sizeof(one));
  thread_.join();
  close(signal_fd_);
  close(end_fd_);
  const sigset_t set = Watched();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Signals::Watch() {
  pollfd fds[2] = {{signal_fd_, POLLIN, 0}, {end_fd_, POLLIN, 0}};
  while (true) {
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info;
    while (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
      // A signal sent to a process and to its group comes twice (timeout(1) does that); people are slower.
      const auto now = std::chrono::steady_clock::now();
      const bool again = count_.load(std::memory_order_acquire) > 0;
      if (again && now - first_ < std::chrono::seconds(1)) continue;
      if (!again) first_ = now;
      if (count_.fetch_add(1, std::memory_order_acq_rel) > 0) EndAtOnce(static_cast<int>(info.ssi_signo));
      waker_->Wake();
    }
  }
}

}  // namespace millrace::ops
