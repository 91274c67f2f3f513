// A clock that is moved by hand, and shared by the threads of one world only.
#ifndef MILLRACE_TESTS_CONFORMANCE_HAND_CLOCK_H_
#define MILLRACE_TESTS_CONFORMANCE_HAND_CLOCK_H_

#include "bus/clock.h"

namespace millrace::conformance {

class HandClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now_; }
  WallTime Wall() const override { return {1'700'000'000'000'000'000 + now_.ns}; }
  void Set(MonotonicTime now) { now_ = now; }

 private:
  MonotonicTime now_{1'000'000'000};
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_HAND_CLOCK_H_
