#include "sim/world_ports.h"

#include <string>

#include "sim/attempts.h"

namespace millrace::sim {
namespace {

absl::Status Dead() { return absl::AbortedError("the process is dead"); }

}  // namespace

Member* PortOfWorld::Caller() {
  if (Fiber::Current() == nullptr) return nullptr;
  Member& member = world_.member(world_.fiber_call(world_.CurrentCall()).member);
  return member.dead ? nullptr : &member;
}

int64_t PortOfWorld::Travel(Member& member) {
  const Timing& timing = world_.plan().timing;
  if (extra_ns > 0) world_.Strikes(slow_by);
  return timing.port_min_ns + extra_ns +
         static_cast<int64_t>(
             world_.random().Below(kPortDraw, {index_, member.slot, member.incarnation, calls_++},
                                   static_cast<uint64_t>(timing.port_max_ns - timing.port_min_ns) + 1));
}

// The port is no part of the stage that calls it.
absl::Status PortOfWorld::Enter(std::string_view what) {
  const Subject& subject = world_.subject();
  const auto report = [&] {
    StageMarker::Report(StageFindingKind::kUndeclaredPort, subject.topology().ports[index_], StageMarker::kPortBit);
  };
  // Who calls from no fiber cannot stand still: a stage whose kind names no ports, a factory, a thread of a stage's own.
  if (Fiber::Current() == nullptr) {
    report();
    return subject.NotNamed(index_);
  }
  const Member& caller = world_.member(world_.fiber_call(world_.CurrentCall()).member);
  if (!subject.names_port(caller.stage, caller.next_version, index_)) report();
  StageCall* const paused = StageMarker::Pause();
  PortLog* const log = paused == nullptr ? nullptr : paused->ports;
  if (log != nullptr) log->calls.push_back({world_.subject().topology().ports[index_], std::string(what)});
  absl::Status entered = Arrive();
  if (log != nullptr) log->refused = log->refused || !entered.ok();
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
  if (!outage) return absl::OkStatus();
  world_.Strikes(outage_by);
  return Refused(*member, absl::UnavailableError("a fault: the outside system is unavailable"), false);
}

absl::Status PortOfWorld::Refused(Member& member, absl::Status status, bool done) {
  const World::FiberCall& call = world_.fiber_call(world_.CurrentCall());
  if (call.closing) return status;
  struct Record record = world_.RecordOf(Kind::kRefused, member);
  record.topic = index_;
  record.value = static_cast<uint64_t>(status.code());
  record.count = done ? 1 : 0;
  for (const uint32_t message : member.attempts->AtWork(call.run)) {
    record.message = message;
    world_.Record(record);
  }
  return status;
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
  const StageCall* const call = world_.fiber_call(world_.CurrentCall()).stage_call;
  if (call != nullptr && call->ports != nullptr) {
    call->ports->effects.push_back(
        {world_.subject().topology().ports[index_], std::string(effect.id), effect.digest, effect.repeat});
  }
}

absl::Status PortOfWorld::Leave() {
  if (Fiber::Current() == nullptr) return world_.subject().NotNamed(index_);
  const uint32_t call = world_.CurrentCall();
  absl::Status left = Return();
  const StageCall* const paused = world_.fiber_call(call).stage_call;
  if (paused != nullptr && paused->ports != nullptr) paused->ports->refused = paused->ports->refused || !left.ok();
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
  if (unanswered.left() > 0) {
    world_.Strikes(unanswered.Take());
    return Refused(*member,
                   absl::UnavailableError("a fault: the outside system did what it was asked, and its answer was lost"),
                   true);
  }
  return absl::OkStatus();
}

}  // namespace millrace::sim
