#include "sim/faults/rolling.h"

#include "sim/faults/drawing.h"

namespace millrace::sim {

void DrawRolling(FaultDraw& draw, Fault& fault) {
  fault.trigger = draw.Time();
  fault.target = 0;
  fault.duration_ns = Duration(draw, 10 * kMillisecond, draw.scene.timing->session_timeout_ns);
  // Careful operators wait for one to be back before they take the next; others do not.
  fault.amount = draw.OneIn(2) ? fault.duration_ns : 0;
  fault.amount += Duration(draw, 10 * kMillisecond, draw.scene.timing->session_timeout_ns);
}

std::vector<Fault> ExpandRolling(const FaultScene& scene, const Fault& fault) {
  const FaultType* type = FindFault(fault.kind);
  if (type == nullptr || !type->traits.rolls) return {fault};
  std::vector<Fault> faults;
  for (uint32_t process = 0; process < scene.processes; ++process) {
    Fault one = fault;
    one.id = fault.id + process;
    one.target = static_cast<int32_t>(process);
    one.trigger.at_ns += fault.amount * process;
    one.amount = 0;
    faults.push_back(one);
  }
  return faults;
}

}  // namespace millrace::sim
