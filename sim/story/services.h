// The services of the story: clean a listing, look up its price, store it. Each as a stage, and all three in one.
//
//   story.clean   takes its time                           port story.prices ("prices")   what the second service asks
//   story.price   asks the prices
//   story.chain   asks the prices and puts into the ledger: one call through all three
//
// The third is ledger.put (sim/testing/ledger_port.h). Threading: as for stages.
#ifndef MILLRACE_SIM_STORY_SERVICES_H_
#define MILLRACE_SIM_STORY_SERVICES_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace millrace::sim {

absl::Status RegisterServices(stages::Registry& registry);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_SERVICES_H_
