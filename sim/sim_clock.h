// The clock of a simulated process: monotonic time is the world's, wall time may have been set.
#ifndef MILLRACE_SIM_SIM_CLOCK_H_
#define MILLRACE_SIM_SIM_CLOCK_H_

#include <cstdint>

#include "bus/clock.h"

namespace millrace::sim {

class SimClock final : public Clock {
 public:
  // Both outlive it.
  SimClock(const int64_t& now_ns, const int64_t& wall_offset_ns) : now_(now_ns), offset_(wall_offset_ns) {}
  MonotonicTime Now() const override { return {now_}; }
  WallTime Wall() const override { return {kEpochNs + now_ + offset_}; }

 private:
  static constexpr int64_t kEpochNs = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
  const int64_t& now_;
  const int64_t& offset_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SIM_CLOCK_H_
