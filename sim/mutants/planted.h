// Bugs planted in production code must be found by seeds, fast, and shrink to something that a person can read.
//
// A planted bug is a file NN_name.edit with search-and-replace blocks against production sources, and a line in this
// folder's BUILD. The edited sources are compiled into a program of their own: their objects take the place of the
// originals in the archive at link time. Nothing in production knows of it.
//
//   bazel run //sim/mutants:09_commit_before_report            # searches, shrinks, prints one line of JSON
//   ops/planted                                                # all of them, 20 searches each, as a table
//
// Seeds are drawn as for any pipeline (sim/draw.h): no fault is aimed by hand.
//
// Threading: one thread.
#ifndef MILLRACE_SIM_MUTANTS_PLANTED_H_
#define MILLRACE_SIM_MUTANTS_PLANTED_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/campaign.h"
#include "sim/plan.h"
#include "sim/simulator.h"
#include "sim/subject.h"
#include "stages/registry.h"

namespace millrace::sim {

struct PlantedBug {
  std::string_view name;               // of the edit file
  std::string_view bug;                // one line for people
  std::vector<std::string> expects;    // promises under which a search reports it
  std::string_view pipeline;           // "one", "fan", "once" or "store"
  std::optional<Semantics> semantics;  // where it needs one; nothing: the seed draws it
};

// The one that this program has. Defined by the generated source of each program.
extern const PlantedBug kPlantedBug;

// A pipeline to search, with inputs: "one" (sim/example/one_stage.textproto), "fan", "once" or "store" (a .textproto in this
// folder). Read from the working folder, which is the workspace's. All promises are checked, as for anybody's pipeline: a
// checker that takes the bug for another one is seen.
class Hunt {
 public:
  static absl::StatusOr<std::unique_ptr<Hunt>> Make(std::string_view pipeline, std::optional<Semantics> semantics);
  Campaign& campaign() { return *campaign_; }

 private:
  Hunt() = default;

  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
  std::unique_ptr<Campaign> campaign_;
};

struct Find {
  bool found = false;
  uint64_t seed = 0;       // that failed
  uint64_t tried = 0;      // seeds, that one included
  uint64_t effective = 0;  // of these
  Failure failure;
  Plan plan;
};

// Seeds from `first` on, until one fails or `tries_max` have not.
Find Search(Campaign& campaign, uint64_t first, uint64_t tries_max);

// Whether the failure is told under a promise that the bug breaks.
bool Expected(const PlantedBug& bug, const Failure& failure);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_MUTANTS_PLANTED_H_
