#include "sim/never_drawn.h"

namespace millrace::sim {
namespace {

// What a pipeline may lack.
struct Lack {
  std::string_view why;
  void (*mend)(Topology& topology, bool& new_version);
};
constexpr Lack kLacks[] = {
    {"the pipeline has no ports", [](Topology& topology, bool&) { topology.ports.emplace_back("port"); }},
    {"no stage is EXACTLY_ONCE",
     [](Topology& topology, bool&) {
       if (!topology.stages.empty()) topology.stages.front().exactly_once = true;
     }},
    {"no stage reads an ordered topic",
     [](Topology& topology, bool&) {
       for (TopicInfo& topic : topology.topics) topic.ordered = true;
     }},
    {"the program has no next version of its stages", [](Topology&, bool& new_version) { new_version = true; }},
};

}  // namespace

bool Applies(const FaultType& type, const Topology& topology, bool new_version, Semantics semantics) {
  static constexpr Timing kTiming;
  const FaultScene scene = {.topology = &topology,
                            .semantics = semantics,
                            .processes = 1,
                            .job_ids = {1},
                            .busy_ns = 0,
                            .timing = &kTiming,
                            .new_version = new_version};
  return type.applies(scene);
}

std::string WhyNeverDrawn(std::string_view fault, const DrawFacts& facts) {
  const FaultType* type = FindFault(fault);
  if (type == nullptr) return "there is no such fault";
  bool on_others = false;
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    if (!Applies(*type, *facts.topology, facts.new_version, semantics)) continue;
    if (facts.semantics.value_or(semantics) == semantics) return "";
    on_others = true;
  }
  if (on_others) {
    return *facts.semantics == Semantics::kLog ? "it strikes on queues, and only logs are simulated"
                                               : "it strikes on logs, and only queues are simulated";
  }
  for (const Lack& lack : kLacks) {
    Topology topology = *facts.topology;
    bool new_version = facts.new_version;
    lack.mend(topology, new_version);
    for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
      if (Applies(*type, topology, new_version, semantics)) return std::string(lack.why);
    }
  }
  return "it does not apply to this pipeline";
}

}  // namespace millrace::sim
