// Time comes in: nobody below ops/ reads a clock of the machine by itself.
//
// Two clocks, because they differ in what may happen to them: Monotonic never goes back and measures durations and
// deadlines; Wall is what people and records call time, and may jump. Both in nanoseconds; Wall since
// 1970-01-01T00:00:00Z.
//
// Threading: implementations are safe to call from any thread.
#ifndef MILLRACE_BUS_CLOCK_H_
#define MILLRACE_BUS_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace millrace {

using Duration = std::chrono::nanoseconds;

// A point on the monotonic clock. Its zero is arbitrary and differs from process to process.
struct MonotonicTime {
  int64_t ns = 0;

  static constexpr MonotonicTime Infinite() { return {INT64_MAX}; }
  constexpr auto operator<=>(const MonotonicTime&) const = default;
  // Saturates at Infinite().
  constexpr MonotonicTime operator+(Duration d) const {
    int64_t sum = 0;
    if (__builtin_add_overflow(ns, d.count(), &sum)) return Infinite();
    return {sum};
  }
  constexpr Duration operator-(MonotonicTime other) const { return Duration(ns - other.ns); }
};

struct WallTime {
  int64_t ns = 0;
  constexpr auto operator<=>(const WallTime&) const = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  virtual WallTime Wall() const = 0;
};

}  // namespace millrace

#endif  // MILLRACE_BUS_CLOCK_H_
