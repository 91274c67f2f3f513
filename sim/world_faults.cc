// World: when faults strike, and what they do.
#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "sim/world.h"
#include "sim/world_feed.h"
#include "sim/world_ports.h"

namespace millrace::sim {

void World::MakeTriggers() {
  for (size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    FaultState& state = faults_.emplace_back();
    state.type = FindFault(fault.kind);
    MR_CHECK(state.type != nullptr) << "there is no fault of kind " << fault.kind << " (ValidatePlan tells)";
    const auto index = static_cast<uint32_t>(i);
    switch (fault.trigger.kind) {
      case TriggerKind::kAtTime:
        Schedule(fault.trigger.at_ns, What::kFault, index);
        break;
      case TriggerKind::kAfterAction:
        by_action_.push_back(index);
        break;
      case TriggerKind::kAtJob:
        by_job_.push_back(index);
        break;
      case TriggerKind::kInPort:
        in_port_.push_back(index);
        break;
    }
  }
}

bool World::Begin(Member& member, ActionKind kind, std::span<const uint32_t> messages) {
  if (member.dead) return false;
  if (!by_job_.empty() || (kind == ActionKind::kPort && !in_port_.empty()))
    FireTriggered(member, kind, messages, /*after=*/false);
  return !member.dead;
}

void World::End(Member& member, ActionKind kind) {
  ++slots_[member.slot].actions;
  if (options_.trace != nullptr) {
    if (options_.trace->size() <= member.slot) options_.trace->resize(member.slot + 1);
    (*options_.trace)[member.slot].push_back(kind);
  }
  if (!by_action_.empty() || (kind == ActionKind::kPort && !in_port_.empty()))
    FireTriggered(member, kind, {}, /*after=*/true);
}

void World::FireTriggered(const Member& member, ActionKind kind, std::span<const uint32_t> messages, bool after) {
  const Slot& slot = slots_[member.slot];
  std::vector<uint32_t> striking;
  const auto take = [&](std::vector<uint32_t>& from, auto due) {
    for (size_t i = 0; i < from.size();) {
      if (due(plan_.faults[from[i]].trigger, faults_[from[i]])) {
        striking.push_back(from[i]);
        from.erase(from.begin() + static_cast<ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
  };
  if (after) {
    take(by_action_,
         [&](const Trigger& t, FaultState&) { return t.process == member.slot && slot.actions >= t.count; });
  } else {
    take(by_job_, [&](const Trigger& t, FaultState& state) {
      if (t.action != kind) return false;
      const bool concerned = std::any_of(messages.begin(), messages.end(), [&](uint32_t m) {
        const uint32_t job = recorder_.JobOf(m);
        return job != kNoJob && recorder_.job(job).id == t.job;
      });
      return concerned && ++state.seen >= t.count;
    });
  }
  if (kind == ActionKind::kPort) {
    take(in_port_, [&](const Trigger& t, FaultState&) {
      return t.process == member.slot && t.after == after && slot.port_calls >= t.count;
    });
  }
  for (uint32_t fault : striking) {
    striking_slot_ = member.slot;
    if (options_.firings != nullptr) options_.firings->Fired(fault, kind);
    Fire(fault);
    striking_slot_ = kNobody;
  }
}

void World::Fire(uint32_t index) {
  FaultState& state = faults_[index];
  if (state.fired || finishing_) return;
  Fault fault = plan_.faults[index];
  // "Whoever is acting."
  if (fault.target == -1 && striking_slot_ != kNobody && state.type->target == "process")
    fault.target = static_cast<int32_t>(striking_slot_);
  const bool in_flight = InFlight();
  // The record comes first, so that what the fault does stands behind it; a fault that did nothing takes it back.
  const size_t before = recorder_.records();
  struct Record record = RecordOf(Kind::kFault);
  record.value = index;
  record.flags = in_flight ? kInFlight : 0;
  recorder_.Add(record);
  state.target = fault.target;
  // A process that joins acts at once, which may fire another fault inside this one.
  const uint32_t outer = std::exchange(firing_, index);
  const bool outer_armed = std::exchange(armed_, false);
  const bool done = state.type->fire(*this, fault);
  firing_ = outer;
  const bool armed = std::exchange(armed_, outer_armed);
  if (!done) {
    recorder_.TakeBack(before);
    state.fired = state.healed = true;
    return;
  }
  if (!armed) NoteStrike(index, in_flight);
  state.fired = true;
  ++progress_;
  if (state.type->heal == nullptr) {
    state.healed = true;
    return;
  }
  Schedule(now_ + std::max<int64_t>(fault.duration_ns, 1), What::kHeal, index);
}

// Nothing was accepted before the feed has heard of it, and what the broker has taken is unfinished until all groups that
// read it have settled it.
bool World::InFlight() const { return feed_->accepted() > 0 && !broker_->AllSettled(); }

void World::Strikes(uint32_t fault) {
  // Clients that are thrown away with the world still send; nothing of that is told any more.
  if (fault == kNoFault || over_ || faults_[fault].struck_in_flight) return;
  NoteStrike(fault, InFlight());
}

void World::NoteStrike(uint32_t fault, bool in_flight) {
  FaultState& state = faults_[fault];
  if (state.struck && (state.struck_in_flight || !in_flight)) return;
  state.struck = true;
  state.struck_in_flight = in_flight;
  recorder_.AddStrike({.fault = fault, .at_ns = now_, .in_flight = in_flight});
}

void World::Heal(uint32_t index) {
  FaultState& state = faults_[index];
  if (!state.fired || state.healed) return;
  state.healed = true;
  struct Record record = RecordOf(Kind::kHealed);
  record.value = index;
  Record(record);
  Fault fault = plan_.faults[index];
  fault.target = state.target;
  healing_ = index;
  state.type->heal(*this, fault);
  healing_ = kNoFault;
  ++progress_;
}

// Whether all that is to come by itself has come and is healed. Faults that wait for an action may wait for ever.
bool World::FaultsOver() const {
  for (size_t i = 0; i < faults_.size(); ++i) {
    if (faults_[i].fired ? !faults_[i].healed : plan_.faults[i].trigger.kind == TriggerKind::kAtTime) return false;
  }
  return std::none_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.paused; });
}

// Nothing that has struck is still there.
bool World::FaultsHealed() const {
  return std::all_of(faults_.begin(), faults_.end(), [](const FaultState& f) { return !f.fired || f.healed; }) &&
         std::none_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.paused; });
}

World::Behaviour* World::BehaviourOf(uint16_t stage, uint32_t job, Misbehaviour how) {
  for (Behaviour& b : behaviours_) {
    if (b.how == how && b.stage == stage && b.job == job && (b.always || b.amount > 0)) return &b;
  }
  return nullptr;
}

bool World::Misbehave(uint16_t stage, uint32_t job_id, Misbehaviour how, int64_t duration_ns, uint32_t amount) {
  const bool always = how == Misbehaviour::kPoison || (how == Misbehaviour::kKill && amount == 0);
  if (stage >= stages() || (!always && amount == 0) || (how == Misbehaviour::kSlow && duration_ns <= 0)) return false;
  for (uint32_t job = 0; job < plan_.jobs.size(); ++job) {
    if (recorder_.job(job).id != job_id) continue;
    if (how == Misbehaviour::kSlow) slowest_ns_ = std::max(slowest_ns_, duration_ns);
    behaviours_.push_back({.stage = stage,
                           .job = job,
                           .how = how,
                           .duration_ns = duration_ns,
                           .amount = amount,
                           .always = always,
                           .fault = Arm()});
    return true;
  }
  return false;
}

// ---------------------------------------------------------------- the network

bool World::Delay(uint32_t process, int64_t extra_ns, int64_t duration_ns) {
  if ((process != kFeed && process >= slots_.size()) || extra_ns <= 0 || duration_ns < 0) return false;
  WeatherOf(process).extra_ns = extra_ns;
  WeatherOf(process).delayed_by = Arm();
  Schedule(now_ + duration_ns, What::kMend, process, WeatherOf(process).delayed_by);
  return true;
}

bool World::Cut(uint32_t process, bool to_broker, bool from_broker) {
  if ((process != kFeed && process >= slots_.size()) || (!to_broker && !from_broker)) return false;
  WeatherOf(process).AddCut({.by = Arm(), .to_broker = to_broker, .to_client = from_broker});
  return true;
}

bool World::Mend(uint32_t process) {
  if (process != kFeed && process >= slots_.size()) return false;
  WeatherOf(process).EndCutsOf(healing_);
  broker_->Mended(process);
  return true;
}

bool World::Reset(uint32_t process) {
  if (process != kFeed && process >= slots_.size()) return false;
  return broker_->Reset(process, /*broker_too=*/true);
}

bool World::HalfOpen(uint32_t process) {
  if (process != kFeed && process >= slots_.size()) return false;
  return broker_->Reset(process, /*broker_too=*/false);
}

bool World::Lose(uint32_t process, uint32_t count) {
  if ((process != kFeed && process >= slots_.size()) || count == 0) return false;
  WeatherOf(process).losses.Add(Arm(), count);
  return true;
}

bool World::HoldEnds(uint32_t process, bool on) {
  if (process >= slots_.size()) return false;
  Weather& weather = WeatherOf(process);
  if (std::exchange(weather.hold_ends, on) == on) return false;
  if (on) weather.ends_held_by = Arm();
  if (!on) broker_->Mended(process);
  return true;
}

bool World::LoseConfirms(uint32_t process, uint32_t count) {
  if ((process != kFeed && process >= slots_.size()) || count == 0) return false;
  WeatherOf(process).lost_confirms.Add(Arm(), count);
  return true;
}

// ---------------------------------------------------------------- the broker

bool World::StopBroker() { return broker_->StopBroker(); }
bool World::StartBroker() { return broker_->StartBroker(); }
bool World::SetCoordinator(bool available) { return broker_->SetCoordinator(available); }
bool World::Refuse(uint16_t topic, int32_t partition, uint64_t count) {
  return topic < topics() && broker_->Refuse(topic, partition, count);
}
bool World::SetAlarm(bool on) { return broker_->SetAlarm(on); }
bool World::Destroy(uint16_t topic, uint16_t partition, uint64_t count) {
  if (topic >= topics() || partition >= subject_.topology().topics[topic].partitions) return false;
  return broker_->Destroy(topic, partition, count);
}
bool World::DeleteQueue(uint16_t stage, uint16_t partition) {
  return stage < stages() && broker_->DeleteQueue(stage, partition);
}
bool World::Unbind(uint16_t topic, int64_t duration_ns) {
  return topic < topics() && broker_->Unbind(topic, duration_ns);
}
bool World::Demote(uint16_t stage, uint16_t partition) { return stage < stages() && broker_->Demote(stage, partition); }
bool World::Redeliver(uint16_t stage, uint16_t partition, uint64_t records) {
  return stage < stages() && broker_->Redeliver(stage, partition, records);
}
bool World::ScatterConfirms(bool on) { return broker_->ScatterConfirms(on); }

// ---------------------------------------------------------------- ports and clocks

bool World::PortOutage(uint16_t port, bool on) {
  if (port >= port_worlds_.size() || std::exchange(port_worlds_[port]->outage, on) == on) return false;
  if (on) port_worlds_[port]->outage_by = Arm();
  return true;
}
bool World::PortSlow(uint16_t port, int64_t extra_ns) {
  if (port >= port_worlds_.size()) return false;
  PortOfWorld& slow = *port_worlds_[port];
  if (extra_ns > 0) {
    slow.extra_ns = extra_ns;
    slow.slow_by = Arm();
    return true;
  }
  if (slow.slow_by != healing_) return false;  // another one has made it slow since
  slow.extra_ns = 0;
  return true;
}
bool World::PortUnanswered(uint16_t port, uint32_t count) {
  if (port >= port_worlds_.size() || count == 0) return false;
  port_worlds_[port]->unanswered.Add(Arm(), count);
  return true;
}

bool World::JumpWall(uint32_t process, int64_t by_ns) {
  if (process >= slots_.size() || !slots_[process].alive || by_ns == 0) return false;
  slots_[process].wall_offset_ns += by_ns;
  slots_[process].wall_jumps.Add(Arm(), 1);
  return true;
}

}  // namespace millrace::sim
