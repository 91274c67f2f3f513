#include "sim/checkers/struck.h"

#include <algorithm>

#include "sim/ledger.h"

namespace millrace::sim {

std::vector<uint8_t> JobsMadeToFail(const CheckContext& context) {
  std::vector<uint8_t> jobs(context.history.jobs.size(), 0);
  for (const Strike& strike : context.history.strikes) {
    if (strike.fault >= context.plan.faults.size()) continue;
    const Fault& fault = context.plan.faults[strike.fault];
    const FaultType* type = FindFault(fault.kind);
    if (type == nullptr || !MakesFail(*type)) continue;
    // Slow attempts are failures where attempts have a limit.
    const std::vector<StageInfo>& stages = context.history.topology.stages;
    const bool timed = fault.target >= 0 && static_cast<size_t>(fault.target) < stages.size() &&
                       stages[static_cast<size_t>(fault.target)].timed;
    if (type->traits.at_job == JobEffect::kSlows && !timed) continue;
    const int32_t id = fault.part >= 0 ? fault.part : fault.target;
    for (size_t job = 0; job < jobs.size(); ++job) {
      if (id >= 0 && context.history.jobs[job].id == static_cast<uint32_t>(id)) jobs[job] = 1;
    }
  }
  return jobs;
}

std::vector<uint8_t> ExcusedJobs(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  const std::vector<uint8_t> made_to_fail = JobsMadeToFail(context);
  std::vector<uint8_t> excused(made_to_fail.size(), 0);
  for (const PairFacts& pair : index.pairs()) {
    const uint32_t job = index.message(pair.message).job;
    if (job == kNoJob) continue;
    if (pair.dead_at != kNever && made_to_fail[job] != 0) excused[job] = 1;
    if (index.Announced(pair)) excused[job] = 1;
  }
  if (std::find(excused.begin(), excused.end(), 1) == excused.end()) return excused;
  // Whoever came to its end all the same, beside its dead letter or before it was destroyed, has left what it leaves.
  const std::vector<Fate> fates = FatesOf(index);
  for (size_t job = 0; job < excused.size(); ++job) {
    if (fates[job] == Fate::kSettled) excused[job] = 0;
  }
  return excused;
}

}  // namespace millrace::sim
