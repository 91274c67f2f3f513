#include "sim/faults/drawing.h"

#include <algorithm>

namespace millrace::sim {
namespace {

int64_t WholeMilliseconds(int64_t ns) { return std::max(ns / kMillisecond, int64_t{1}) * kMillisecond; }

}  // namespace

bool HasProcesses(const FaultScene& scene) { return scene.processes > 0; }
bool OnLogs(const FaultScene& scene) { return scene.semantics == Semantics::kLog; }
bool OnQueues(const FaultScene& scene) { return scene.semantics == Semantics::kQueue; }
bool HasTopics(const FaultScene& scene) { return !scene.topology->topics.empty(); }
bool HasStages(const FaultScene& scene) { return !scene.topology->stages.empty(); }
bool HasPorts(const FaultScene& scene) { return !scene.topology->ports.empty(); }
bool HasWork(const FaultScene& scene) { return HasStages(scene) && !scene.job_ids.empty(); }

bool Transacts(const FaultScene& scene) {
  return OnLogs(scene) && HasProcesses(scene) && HasTransactions(*scene.topology);
}

uint32_t ProcessOf(const Fault& fault) {
  return fault.target >= 0 ? static_cast<uint32_t>(fault.target) : fault.trigger.process;
}

uint32_t LinkOf(const Fault& fault) { return fault.target == kFeedTarget ? Surface::kFeed : ProcessOf(fault); }

void StrikeProcess(FaultDraw& draw, Fault& fault) {
  const uint32_t process = draw.Process();
  fault.trigger = draw.Any(process);
  if (fault.trigger.kind == TriggerKind::kAtTime) {
    fault.target = static_cast<int32_t>(process);
  } else if (draw.OneIn(8)) {
    fault.target = static_cast<int32_t>(draw.Process());
  } else {
    fault.target = -1;
  }
}

void StrikeLink(FaultDraw& draw, Fault& fault) {
  if (draw.OneIn(6)) {
    fault.trigger = draw.Time();
    fault.target = kFeedTarget;
    return;
  }
  StrikeProcess(draw, fault);
}

void StrikePartition(FaultDraw& draw, Fault& fault) {
  const Topology& topology = *draw.scene.topology;
  fault.trigger = draw.Time();
  fault.target = static_cast<int32_t>(draw.Below(topology.stages.size()));
  const uint16_t input = topology.stages[static_cast<size_t>(fault.target)].input;
  if (input == kNoTopic) {
    fault.part = 0;
    return;
  }
  // An unordered topic has one queue for everybody.
  const TopicInfo& topic = topology.topics[input];
  const bool one = draw.scene.semantics == Semantics::kQueue && !topic.ordered;
  fault.part = static_cast<int32_t>(draw.Below(one ? 1 : topic.partitions));
}

void StrikeJob(FaultDraw& draw, Fault& fault) {
  fault.target = static_cast<int32_t>(draw.Below(draw.scene.topology->stages.size()));
  const uint32_t job = draw.JobId();
  fault.part = static_cast<int32_t>(job);
  if (draw.OneIn(4)) {
    fault.trigger = {.kind = TriggerKind::kAtTime, .at_ns = 0};
  } else {
    fault.trigger = {.kind = TriggerKind::kAtJob, .job = job, .action = ActionKind::kDispatch, .count = 1};
  }
}

int64_t Duration(FaultDraw& draw, int64_t low_ns, int64_t high_ns) {
  const int64_t low = std::max(low_ns, kMillisecond);
  uint64_t doublings = 0;
  for (int64_t reached = low; reached < high_ns; reached *= 2) ++doublings;
  const int64_t base = low << draw.Below(doublings + 1);
  const int64_t drawn = draw.Between(base, 2 * base);
  return WholeMilliseconds(std::max(low, std::min(drawn, high_ns)));
}

int64_t AroundSession(FaultDraw& draw) {
  const int64_t session = draw.scene.timing->session_timeout_ns;
  switch (draw.Below(3)) {
    case 0:
      return WholeMilliseconds(draw.Between(session / 20, session * 4 / 5));
    case 1:
      return WholeMilliseconds(draw.Between(session * 9 / 10, session * 11 / 10));
    default:
      return WholeMilliseconds(draw.Between(session * 11 / 10, session * 3));
  }
}

}  // namespace millrace::sim
