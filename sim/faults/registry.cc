#include "sim/fault.h"

// In the order in which plans draw them: new ones at the end, else all seeds mean something else.
#define MILLRACE_FAULTS(FAULT) \
  FAULT(kCrash)                \
  FAULT(kPause)                \
  FAULT(kNetDelay)             \
  FAULT(kNetLoss)              \
  FAULT(kNetPartition)         \
  FAULT(kNetHalfOpen)          \
  FAULT(kNetReset)             \
  FAULT(kRebalanceJoin)        \
  FAULT(kRebalanceLeave)       \
  FAULT(kRebalanceStorm)       \
  FAULT(kCoordinatorMoved)     \
  FAULT(kBrokerRestart)        \
  FAULT(kBrokerStop)           \
  FAULT(kPublishNack)          \
  FAULT(kPublishReturned)      \
  FAULT(kPublishUnknown)       \
  FAULT(kAlarm)                \
  FAULT(kRetention)            \
  FAULT(kQueueDeleted)         \
  FAULT(kDemote)               \
  FAULT(kDuplicateDelivery)    \
  FAULT(kConfirmsScattered)    \
  FAULT(kStageSlow)            \
  FAULT(kStageFailing)         \
  FAULT(kStageThrowing)        \
  FAULT(kStagePoison)          \
  FAULT(kStageKill)            \
  FAULT(kPortOutage)           \
  FAULT(kPortSlow)             \
  FAULT(kPortUnanswered)       \
  FAULT(kWallJump)             \
  FAULT(kRollingDeployment)    \
  FAULT(kNewVersion)           \
  FAULT(kPollStuck)            \
  FAULT(kTransactionTimeout)   \
  FAULT(kTwin)

namespace millrace::sim {

#define MILLRACE_DECLARE(name) extern const FaultType name;
MILLRACE_FAULTS(MILLRACE_DECLARE)
#undef MILLRACE_DECLARE

std::span<const FaultType* const> AllFaults() {
#define MILLRACE_LIST(name) &name,
  static constexpr const FaultType* kAll[] = {MILLRACE_FAULTS(MILLRACE_LIST)};
#undef MILLRACE_LIST
  return kAll;
}

const FaultType* FindFault(std::string_view name) {
  for (const FaultType* type : AllFaults()) {
    if (type->name == name) return type;
  }
  return nullptr;
}

}  // namespace millrace::sim
