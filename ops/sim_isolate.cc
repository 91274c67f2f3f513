#include "ops/sim_isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>

#include "bus/hex.h"

namespace millrace::ops {
namespace {

constexpr int kThrew = 3;  // exit code of a process whose run threw

bool WriteAll(int out, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(out, bytes, size);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) {
      bytes += written;
      size -= static_cast<size_t>(written);
    }
  }
  return true;
}

// Never returns.
[[noreturn]] void RunAndTell(const std::function<std::string()>& run, int out, pid_t parent) {
  // Goes down with the process that waits for it, also where that had gone before this call.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  std::string told;
  try {
    told = run();
  } catch (...) {
    _exit(kThrew);
  }
  const uint64_t size = told.size();
  if (!WriteAll(out, reinterpret_cast<const char*>(&size), sizeof(size)) || !WriteAll(out, told.data(), told.size()))
    _exit(1);
  // Without what main would do at the end: buffers and locks are copies of the parent's.
  _exit(0);
}

enum class Read { kAll, kEnded, kTooLate };

// Reads until all is there, the other end is closed, or it is `until`.
Read ReadAll(int in, std::chrono::steady_clock::time_point until, char* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) return Read::kTooLate;
    pollfd readable{.fd = in, .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) <= 0) continue;
    const ssize_t got = read(in, bytes + done, size - done);
    if (got == 0 || (got < 0 && errno != EINTR)) return Read::kEnded;
    if (got > 0) done += static_cast<size_t>(got);
  }
  return Read::kAll;
}

Read ReadTold(int in, std::chrono::steady_clock::time_point until, std::string* told) {
  uint64_t size = 0;
  if (const Read read = ReadAll(in, until, reinterpret_cast<char*>(&size), sizeof(size)); read != Read::kAll)
    return read;
  told->resize(size);
  return ReadAll(in, until, told->data(), size);
}

// Waits for the end of a process, and kills it where that does not come until `until`. False: killed.
bool Reap(pid_t process, std::chrono::steady_clock::time_point until, int* status) {
  constexpr int kLookEveryMs = 1;
  do {
    if (waitpid(process, status, WNOHANG) == process) return true;
    poll(nullptr, 0, kLookEveryMs);
  } while (std::chrono::steady_clock::now() < until);
  kill(process, SIGKILL);
  while (waitpid(process, status, 0) < 0 && errno == EINTR) {
  }
  return false;
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) return std::string("its process died: ") + strsignal(WTERMSIG(status));
  if (WEXITSTATUS(status) == kThrew) return "it threw";
  return "its process ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

absl::StatusOr<std::string> TellFromFreshProcess(const std::function<std::string()>& run, Duration limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::UnavailableError(std::string("no pipe: ") + strerror(errno));
  const pid_t parent = getpid();
  const pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    RunAndTell(run, ends[1], parent);
  }
  close(ends[1]);
  if (process < 0) {
    const std::string reason = strerror(errno);
    close(ends[0]);
    return absl::UnavailableError("no process for an isolated run: " + reason);
  }
  std::string told;
  const auto until = std::chrono::steady_clock::now() + limit;
  const Read read = ReadTold(ends[0], until, &told);
  close(ends[0]);
  int status = 0;
  // One that has told everything may take a moment to go; one that is late gets no more.
  const bool ended = Reap(process, read == Read::kTooLate ? std::chrono::steady_clock::time_point() : until, &status);
  if (read == Read::kAll) return told;
  if (read == Read::kEnded && ended) return absl::AbortedError("an isolated run told nothing: " + HowItEnded(status));
  const auto limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return absl::DeadlineExceededError("an isolated run took longer than " + std::to_string(limit_ms) +
                                     " ms and was killed");
}

absl::StatusOr<RunHashes> RunInFreshProcess(const std::function<RunHashes()>& run, Duration limit) {
  const absl::StatusOr<std::string> told = TellFromFreshProcess(
      [&run] {
        const RunHashes hashes = run();
        return std::string(reinterpret_cast<const char*>(&hashes), sizeof(hashes));
      },
      limit);
  if (!told.ok()) return told.status();
  RunHashes hashes;
  std::memcpy(&hashes, told->data(), sizeof(hashes));
  return hashes;
}

std::optional<sim::StageFinding> CompareHashes(const RunHashes& fresh, const RunHashes& warm) {
  if (fresh == warm) return std::nullopt;
  const bool schedule = fresh.schedule != warm.schedule;
  sim::StageFinding finding{.kind = sim::StageFindingKind::kStaticState,
                            .what = schedule ? "the schedule" : "the content",
                            .first = bus::Hex(schedule ? fresh.schedule : fresh.content),
                            .second = bus::Hex(schedule ? warm.schedule : warm.content)};
  finding.text = "a stage keeps state outside of its object (a static, a global, a file): " + finding.what +
                 " of a run in a fresh process is " + finding.first + ", in one that has run before " + finding.second;
  return finding;
}

absl::StatusOr<std::optional<sim::StageFinding>> FindHiddenState(const std::function<RunHashes()>& run,
                                                                 Duration limit) {
  const absl::StatusOr<RunHashes> fresh = RunInFreshProcess(run, limit);
  if (!fresh.ok()) return fresh.status();
  const absl::StatusOr<RunHashes> warm = RunInFreshProcess(
      [&] {
        run();
        return run();
      },
      2 * limit);
  if (!warm.ok()) return warm.status();
  return CompareHashes(*fresh, *warm);
}

}  // namespace millrace::ops
