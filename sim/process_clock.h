// The clock of a process in a world: whoever reads wall time after it has jumped has met the jump.
#ifndef MILLRACE_SIM_PROCESS_CLOCK_H_
#define MILLRACE_SIM_PROCESS_CLOCK_H_

#include <cstdint>

#include "bus/clock.h"
#include "sim/sim_clock.h"
#include "sim/world.h"

namespace millrace::sim {

class ProcessClock final : public Clock {
 public:
  // All outlive it.
  ProcessClock(World& world, Slot& slot, const int64_t& now_ns)
      : world_(world), slot_(slot), clock_(now_ns, slot.wall_offset_ns) {}
  MonotonicTime Now() const override { return clock_.Now(); }
  WallTime Wall() const override {
    while (slot_.wall_jumps.left() > 0) world_.Strikes(slot_.wall_jumps.Take());
    return clock_.Wall();
  }

 private:
  World& world_;
  Slot& slot_;
  const SimClock clock_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_PROCESS_CLOCK_H_
