// A deployment that goes from process to process. It is drawn as one fault and written into the plan as one for each
// process, so that each has its own time and id and shrinking can leave some out.
//
//   fault.kind = "rolling-deployment"; type->draw(draw, fault);   // the first stop; amount: the gap
//   for (Fault& f : ExpandRolling(scene, fault)) …                // ids from fault.id on, without gaps
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_FAULTS_ROLLING_H_
#define MILLRACE_SIM_FAULTS_ROLLING_H_

#include <vector>

#include "sim/fault.h"

namespace millrace::sim {

// Trigger, duration, and the gap as the amount.
void DrawRolling(FaultDraw& draw, Fault& fault);

// The faults that a drawn one stands for: itself, except for the kinds that roll over all processes.
std::vector<Fault> ExpandRolling(const FaultScene& scene, const Fault& fault);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FAULTS_ROLLING_H_
