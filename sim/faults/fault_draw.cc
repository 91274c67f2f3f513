#include <iterator>

#include "sim/fault.h"

namespace millrace::sim {
namespace {

// Early actions matter more than late ones, and long runs have late ones: three ranges, each as likely.
uint32_t Count(FaultDraw& draw) {
  static constexpr uint64_t kRanges[] = {8, 60, 400};
  const uint64_t range = kRanges[draw.Below(std::size(kRanges))];
  return static_cast<uint32_t>(1 + draw.Below(range));
}

Trigger AtJob(FaultDraw& draw, bool ports, bool transactions) {
  // Those that concern a job and happen in every run. kPort is last, for runs that have any.
  static constexpr ActionKind kActions[] = {ActionKind::kDispatch, ActionKind::kPublish, ActionKind::kSettle,
                                            ActionKind::kPort};
  Trigger trigger = {.kind = TriggerKind::kAtJob, .job = draw.JobId()};
  trigger.action = kActions[draw.Below(std::size(kActions) - (ports ? 0 : 1))];
  trigger.count = static_cast<uint32_t>(draw.Between(1, 3));
  // Where there are any: a transaction has settled, or is to be committed.
  if (transactions && trigger.action == ActionKind::kSettle && draw.OneIn(2)) trigger.action = ActionKind::kCommit;
  return trigger;
}

}  // namespace

Trigger FaultDraw::Any(uint32_t process) {
  const bool ports = !scene.topology->ports.empty();
  const bool transactions = HasTransactions(*scene.topology);
  switch (Below(4)) {
    case 0:
      return Time();
    case 1:
      if (!scene.job_ids.empty()) return AtJob(*this, ports, transactions);
      return Time();
    case 2:
      if (ports) {
        Trigger trigger = {.kind = TriggerKind::kInPort, .process = process};
        trigger.count = Count(*this);
        trigger.after = OneIn(2);
        return trigger;
      }
      [[fallthrough]];
    default: {
      Trigger trigger = {.kind = TriggerKind::kAfterAction, .process = process};
      trigger.count = Count(*this);
      return trigger;
    }
  }
}

}  // namespace millrace::sim
