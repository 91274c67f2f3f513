#include "sim/world_ports.h"

#include "bus/check.h"

namespace millrace::sim {
namespace {

absl::Status Dead() { return absl::AbortedError("the process is dead"); }

}  // namespace

Member* PortOfWorld::Caller() {
  const uint32_t call = world_.CurrentCall();
  MR_CHECK(call != kNobody) << "a port is called by a stage whose kind names no ports (StageKind::ports)";
  Member& member = world_.member(world_.fiber_call(call).member);
  return member.dead ? nullptr : &member;
}

int64_t PortOfWorld::Travel(Member& member) {
  const Timing& timing = world_.plan().timing;
  return timing.port_min_ns + extra_ns +
         static_cast<int64_t>(
             world_.random().Below(kPortDraw, {index_, member.slot, member.incarnation, calls_++},
                                   static_cast<uint64_t>(timing.port_max_ns - timing.port_min_ns) + 1));
}

// The port is no part of the stage that calls it.
absl::Status PortOfWorld::Enter(std::string_view) {
  StageCall* const paused = StageMarker::Pause();
  absl::Status entered = Arrive();
  if (entered.ok()) {
    world_.SetStageCall(world_.CurrentCall(), paused);
  } else {
    StageMarker::Restore(paused);
  }
  return entered;
}

absl::Status PortOfWorld::Arrive() {
  Member* member = Caller();
  if (member == nullptr) return Dead();
  ++world_.slot(member->slot).port_calls;
  if (!world_.Begin(*member, ActionKind::kPort, {})) return Dead();
  world_.SleepInFiber(Travel(*member));
  if (Caller() == nullptr) return Dead();
  if (outage) return absl::UnavailableError("a fault: the outside system is unavailable");
  return absl::OkStatus();
}

void PortOfWorld::Effect(const stages::PortEffect& effect) {
  Member* member = Caller();
  if (member == nullptr) return;
  struct Record record = world_.RecordOf(Kind::kEffect, *member);
  record.message = world_.recorder().Find(world_.subject().topology().stages[member->stage].input, effect.id);
  record.value = effect.digest;
  record.topic = index_;
  record.flags = effect.repeat ? kRepeat : 0;
  record.count = effect.ends ? 1 : 0;
  world_.Record(record);
  world_.Progress();
}

absl::Status PortOfWorld::Leave() {
  const uint32_t call = world_.CurrentCall();
  absl::Status left = Return();
  StageMarker::Restore(world_.fiber_call(call).stage_call);
  return left;
}

absl::Status PortOfWorld::Return() {
  Member* member = Caller();
  if (member == nullptr) return Dead();
  world_.End(*member, ActionKind::kPort);
  if (member->dead) return Dead();
  world_.SleepInFiber(Travel(*member));
  if (Caller() == nullptr) return Dead();
  if (unanswered > 0) {
    --unanswered;
    return absl::UnavailableError("a fault: the outside system did what it was asked, and its answer was lost");
  }
  return absl::OkStatus();
}

}  // namespace millrace::sim
