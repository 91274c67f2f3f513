// The clocks of this machine. Made by main and handed down.
#ifndef MILLRACE_OPS_SYSTEM_CLOCK_H_
#define MILLRACE_OPS_SYSTEM_CLOCK_H_

#include <chrono>

#include "bus/clock.h"

namespace millrace::ops {

class SystemClock : public Clock {
 public:
  MonotonicTime Now() const override {
    return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()).count()};
  }
  WallTime Wall() const override {
    return {std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()).count()};
  }
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SYSTEM_CLOCK_H_
