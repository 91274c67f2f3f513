// Why no seed ever draws a fault for a pipeline: for those who asked for it by name.
//
//   WhyNeverDrawn("port-slow", facts)   // "the pipeline has no ports"
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_NEVER_DRAWN_H_
#define MILLRACE_SIM_NEVER_DRAWN_H_

#include <string>
#include <string_view>

#include "sim/draw.h"
#include "sim/fault.h"

namespace millrace::sim {

// Whether a fault can strike a pipeline at all, on brokers of that kind.
bool Applies(const FaultType& type, const Topology& topology, bool new_version, Semantics semantics);

// Empty: seeds can draw it, on at least one kind of broker.
std::string WhyNeverDrawn(std::string_view fault, const DrawFacts& facts);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_NEVER_DRAWN_H_
