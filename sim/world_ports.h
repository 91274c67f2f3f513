// Private to the world: one simulated outside system, as its port's stand-in sees it (stages/port_world.h).
#ifndef MILLRACE_SIM_WORLD_PORTS_H_
#define MILLRACE_SIM_WORLD_PORTS_H_

#include <cstdint>
#include <string_view>

#include "sim/armed.h"
#include "sim/world.h"
#include "stages/port_world.h"

namespace millrace::sim {

class PortOfWorld final : public stages::PortWorld {
 public:
  PortOfWorld(World& world, uint16_t index) : world_(world), index_(index) {}

  absl::Status Enter(std::string_view what) override;
  void Effect(const stages::PortEffect& effect) override;
  absl::Status Leave() override;

  // Faults.
  bool outage = false;
  int64_t extra_ns = 0;
  Armed unanswered;
  // … and which made it so.
  uint32_t outage_by = kNoFault, slow_by = kNoFault;

 private:
  // The member whose attempt calls; nullptr where that is dead.
  Member* Caller();
  int64_t Travel(Member& member);
  absl::Status Arrive();
  absl::Status Return();
  // Writes down what the caller's messages are answered, and gives it.
  absl::Status Refused(Member& member, absl::Status status, bool done);

  World& world_;
  const uint16_t index_;
  uint64_t calls_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_WORLD_PORTS_H_
