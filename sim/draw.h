// Plans from seeds, swarm style: each seed first draws what kind of run it is (semantics, layout, how many processes and jobs,
// how they arrive, how fast everything is, which kinds of faults are on at all), and then draws within that. So rare
// combinations are common in some seeds, instead of nowhere (Groce et al., "Swarm testing", ISSTA 2012).
//
//   DrawFacts facts = {.topology = &topology, .inputs = {.count = inputs.size(), .digest = digest}};
//   Plan plan = Draw(4711, facts);
//
// Every draw is valid for its facts (sim/validate.h), and a function of seed and facts alone, on every machine. Jobs have ids
// from 1, and so have faults.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_DRAW_H_
#define MILLRACE_SIM_DRAW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/fault.h"
#include "sim/history.h"
#include "sim/plan.h"
#include "sim/validate.h"

namespace millrace::sim {

struct DrawFacts {
  const Topology* topology = nullptr;  // of the pipeline; its `queue` does not matter
  InputFacts inputs;
  // Which inputs have one key, as any number for each input; empty: not known. Some seeds then take all inputs of a few keys:
  // order shows where keys meet.
  std::vector<uint32_t> input_keys;
  std::vector<uint64_t> input_bytes;   // of each input, with its headers; empty: not known
  std::optional<Semantics> semantics;  // nothing: the seed draws it
  uint32_t jobs_max = 200;
  uint32_t faults_max = 8;
  std::vector<std::string> faults;  // kinds that may be drawn; empty: all that apply
  bool new_version = false;         // there is a next version of the stages
};

Plan Draw(uint64_t seed, const DrawFacts& facts);

// What faults are drawn for in `plan`, which must outlive it; faults in it do not matter.
FaultScene SceneOf(const Plan& plan, const DrawFacts& facts);

// `count` of the numbers below `bound`, all different, each set as likely; ascending. count <= bound.
std::vector<uint32_t> Choose(const Random& random, uint64_t purpose, uint32_t count, uint32_t bound);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_DRAW_H_
