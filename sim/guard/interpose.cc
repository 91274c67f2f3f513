// With _FORTIFY_SOURCE the headers have inline functions where the definitions below must stand.
#undef _FORTIFY_SOURCE

#include "sim/guard/interpose.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "sim/guard/stage_marker.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MILLRACE_NO_INTERPOSITION 1
#elif __has_feature(address_sanitizer)
#define MILLRACE_NO_THREAD_INTERPOSITION 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define MILLRACE_NO_INTERPOSITION 1
#endif

namespace millrace::sim {

#if defined(MILLRACE_NO_INTERPOSITION)

std::span<const InterposedCall> InterposedCalls() { return {}; }

}  // namespace millrace::sim

#else

namespace {

enum Call : int {
  kClockGettime,
  kGettimeofday,
  kTime,
  kTimespecGet,
  kClock,
  kNanosleep,
  kClockNanosleep,
  kUsleep,
  kSleep,
  kPoll,
  kSelect,
  kGetrandom,
  kGetentropy,
  kArc4random,
  kArc4randomBuf,
  kArc4randomUniform,
  kRand,
  kRandom,
  kRandomDevice,
  kDevRandom,
  kGetenv,
  kSecureGetenv,
  kPthreadCreate,
};

constexpr InterposedCall kCalls[] = {
    {"clock_gettime", StageFindingKind::kRealClock},
    {"gettimeofday", StageFindingKind::kRealClock},
    {"time", StageFindingKind::kRealClock},
    {"timespec_get", StageFindingKind::kRealClock},
    {"clock", StageFindingKind::kRealClock},
    {"nanosleep", StageFindingKind::kSleep},
    {"clock_nanosleep", StageFindingKind::kSleep},
    {"usleep", StageFindingKind::kSleep},
    {"sleep", StageFindingKind::kSleep},
    {"poll", StageFindingKind::kSleep},
    {"select", StageFindingKind::kSleep},
    {"getrandom", StageFindingKind::kRandomness},
    {"getentropy", StageFindingKind::kRandomness},
    {"arc4random", StageFindingKind::kRandomness},
    {"arc4random_buf", StageFindingKind::kRandomness},
    {"arc4random_uniform", StageFindingKind::kRandomness},
    {"rand", StageFindingKind::kRandomness},
    {"random", StageFindingKind::kRandomness},
    {"std::random_device", StageFindingKind::kRandomness},
    {"/dev/random or /dev/urandom", StageFindingKind::kRandomness},
    {"getenv", StageFindingKind::kEnvironment},
    {"secure_getenv", StageFindingKind::kEnvironment},
#if !defined(MILLRACE_NO_THREAD_INTERPOSITION)
    {"pthread_create", StageFindingKind::kThread},
#endif
};
static_assert(kCalls[kSecureGetenv].name == "secure_getenv" && std::size(kCalls) < 64);

// A program that runs a pipeline in earnest has these functions, too: outside of stages of simulations they go on to the
// real ones at once.
inline void Seen(Call call) {
  if (StageMarker::Current() == nullptr) [[likely]]
    return;
  StageMarker::Report(kCalls[call].kind, kCalls[call].name, call);
}

// Whether code at `address` is the program's own, or what is linked into it: shared libraries look for settings of their
// own in the environment (simdjson does at its first document), and no stage can do anything about it.
bool IsOurs(const void* address) {
  Dl_info theirs, ours;
  return dladdr(address, &theirs) != 0 && dladdr(reinterpret_cast<const void*>(&InterposedCalls), &ours) != 0 &&
         theirs.dli_fbase == ours.dli_fbase;
}

bool InAStage() { return StageMarker::Current() != nullptr; }

// The definition that this one stands before, looked up once.
template <class Function>
class Real {
 public:
  explicit constexpr Real(const char* name) : name_(name) {}
  template <class... Arguments>
  auto operator()(Arguments... arguments) const {
    void* found = found_.load(std::memory_order_relaxed);
    if (found == nullptr) {
      found = dlsym(RTLD_NEXT, name_);
      if (found == nullptr) abort();  // a libc without it would not have called it
      found_.store(found, std::memory_order_relaxed);
    }
    return reinterpret_cast<Function*>(found)(arguments...);
  }

 private:
  const char* const name_;
  mutable std::atomic<void*> found_{nullptr};
};

// Whether open has a third argument.
bool NeedsMode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

bool IsRandomDevice(const char* path) {
  const std::string_view name = path == nullptr ? "" : path;
  return name == "/dev/urandom" || name == "/dev/random";
}

}  // namespace

std::span<const InterposedCall> InterposedCalls() { return kCalls; }

}  // namespace millrace::sim

using namespace millrace::sim;  // NOLINT: what follows is libc's namespace

extern "C" {

// ---- clocks

int clock_gettime(clockid_t clock, struct timespec* at) noexcept {
  static constinit Real<int(clockid_t, struct timespec*)> real("clock_gettime");
  Seen(kClockGettime);
  return real(clock, at);
}

int gettimeofday(struct timeval* __restrict at, void* __restrict zone) noexcept {
  static constinit Real<int(struct timeval*, void*)> real("gettimeofday");
  Seen(kGettimeofday);
  return real(at, zone);
}

time_t time(time_t* at) noexcept {
  static constinit Real<time_t(time_t*)> real("time");
  Seen(kTime);
  return real(at);
}

int timespec_get(struct timespec* at, int base) noexcept {
  static constinit Real<int(struct timespec*, int)> real("timespec_get");
  Seen(kTimespecGet);
  return real(at, base);
}

clock_t clock() noexcept {
  static constinit Real<clock_t()> real("clock");
  Seen(kClock);
  return real();
}

// ---- sleeps

int nanosleep(const struct timespec* wanted, struct timespec* left) {
  static constinit Real<int(const struct timespec*, struct timespec*)> real("nanosleep");
  Seen(kNanosleep);
  return InAStage() ? 0 : real(wanted, left);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec* wanted, struct timespec* left) {
  static constinit Real<int(clockid_t, int, const struct timespec*, struct timespec*)> real("clock_nanosleep");
  Seen(kClockNanosleep);
  return InAStage() ? 0 : real(clock, flags, wanted, left);
}

int usleep(useconds_t wanted) {
  static constinit Real<int(useconds_t)> real("usleep");
  Seen(kUsleep);
  return InAStage() ? 0 : real(wanted);
}

unsigned int sleep(unsigned int seconds) {
  static constinit Real<unsigned int(unsigned int)> real("sleep");
  Seen(kSleep);
  return InAStage() ? 0 : real(seconds);
}

// The next two are sleeps where they have nothing to look at.
int poll(struct pollfd* files, nfds_t count, int timeout_ms) {
  static constinit Real<int(struct pollfd*, nfds_t, int)> real("poll");
  if (count == 0) {
    Seen(kPoll);
    if (InAStage()) return 0;
  }
  return real(files, count, timeout_ms);
}

int select(int count, fd_set* __restrict readable, fd_set* __restrict writable, fd_set* __restrict failed,
           struct timeval* __restrict timeout) {
  static constinit Real<int(int, fd_set*, fd_set*, fd_set*, struct timeval*)> real("select");
  if (count == 0) {
    Seen(kSelect);
    if (InAStage()) return 0;
  }
  return real(count, readable, writable, failed, timeout);
}

// ---- randomness

ssize_t getrandom(void* buffer, size_t size, unsigned int flags) {
  static constinit Real<ssize_t(void*, size_t, unsigned int)> real("getrandom");
  Seen(kGetrandom);
  return real(buffer, size, flags);
}

int getentropy(void* buffer, size_t size) {
  static constinit Real<int(void*, size_t)> real("getentropy");
  Seen(kGetentropy);
  return real(buffer, size);
}

uint32_t arc4random() noexcept {
  static constinit Real<uint32_t()> real("arc4random");
  Seen(kArc4random);
  return real();
}

void arc4random_buf(void* buffer, size_t size) noexcept {
  static constinit Real<void(void*, size_t)> real("arc4random_buf");
  Seen(kArc4randomBuf);
  real(buffer, size);
}

uint32_t arc4random_uniform(uint32_t bound) noexcept {
  static constinit Real<uint32_t(uint32_t)> real("arc4random_uniform");
  Seen(kArc4randomUniform);
  return real(bound);
}

int rand() noexcept {
  static constinit Real<int()> real("rand");
  Seen(kRand);
  return real();
}

long random() noexcept {
  static constinit Real<long()> real("random");
  Seen(kRandom);
  return real();
}

// libstdc++'s std::random_device asks the processor where it can, without a system call: so its own function is
// interposed.
unsigned int RandomDeviceValue(const void* device) asm("_ZNSt13random_device9_M_getvalEv");
unsigned int RandomDeviceValue(const void* device) {
  static constinit Real<unsigned int(const void*)> real("_ZNSt13random_device9_M_getvalEv");
  Seen(kRandomDevice);
  return real(device);
}

// Files are not interposed, but for those that are random numbers. std::ifstream comes through fopen64.
FILE* fopen(const char* __restrict path, const char* __restrict mode) {
  static constinit Real<FILE*(const char*, const char*)> real("fopen");
  if (IsRandomDevice(path)) Seen(kDevRandom);
  return real(path, mode);
}

FILE* fopen64(const char* __restrict path, const char* __restrict mode) {
  static constinit Real<FILE*(const char*, const char*)> real("fopen64");
  if (IsRandomDevice(path)) Seen(kDevRandom);
  return real(path, mode);
}

int open(const char* path, int flags, ...) {
  static constinit Real<int(const char*, int, ...)> real("open");
  if (IsRandomDevice(path)) Seen(kDevRandom);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = NeedsMode(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return real(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  static constinit Real<int(const char*, int, ...)> real("open64");
  if (IsRandomDevice(path)) Seen(kDevRandom);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = NeedsMode(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return real(path, flags, mode);
}

// ---- the environment

char* getenv(const char* name) noexcept {
  static constinit Real<char*(const char*)> real("getenv");
  if (InAStage() && IsOurs(__builtin_return_address(0))) Seen(kGetenv);
  return real(name);
}

char* secure_getenv(const char* name) noexcept {
  static constinit Real<char*(const char*)> real("secure_getenv");
  if (InAStage() && IsOurs(__builtin_return_address(0))) Seen(kSecureGetenv);
  return real(name);
}

// ---- threads

#if !defined(MILLRACE_NO_THREAD_INTERPOSITION)
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  static constinit Real<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)> real("pthread_create");
  Seen(kPthreadCreate);
  return real(thread, attributes, start, argument);
}
#endif

}  // extern "C"

#endif  // MILLRACE_NO_INTERPOSITION
