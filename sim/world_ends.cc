// World: how processes die, stand still, leave and are joined.
#include <chrono>
#include <utility>

#include "sim/attempts.h"
#include "sim/drivers.h"
#include "sim/world.h"

namespace millrace::sim {
namespace {

// How long a process that is asked to stop may take.
constexpr Duration kDrainTime = std::chrono::seconds(20);

}  // namespace

bool World::Crash(uint32_t process, int64_t restart_after_ns) {
  if (process >= slots_.size() || !slots_[process].alive) return false;
  Slot& slot = slots_[process];
  struct Record record = RecordOf(Kind::kCrash);
  record.process = static_cast<uint16_t>(process);
  record.incarnation = slot.incarnation;
  Record(record);
  slot.alive = slot.paused = slot.draining = slot.stop_after_drain = false;
  slot.down_until_healed = restart_after_ns < 0;
  for (uint32_t m : slot.members) members_[m]->dead = true;
  if (restart_after_ns >= 0 && !finishing_) {
    Schedule(now_ + restart_after_ns, What::kStart, process, ++slot.starts);
  } else {
    ++slot.starts;
  }
  dying_.push_back(process);
  return true;
}

void World::CrashMember(Member& member) { Crash(member.slot, plan_.timing.restart_ns); }

// Between two events nobody of a dead process is on this thread's stack.
void World::BuryAll() {
  while (!dying_.empty()) {
    const uint32_t process = dying_.back();
    dying_.pop_back();
    Bury(process);
  }
}

void World::Bury(uint32_t process) {
  for (const std::unique_ptr<Member>& each : members_) {
    Member& member = *each;
    if (member.slot != process || !member.dead || member.instance == nullptr) continue;
    if (member.closing != kNobody) ResumeFiber(member.closing);
    if (member.attempts != nullptr) member.attempts->Bury();
    const bool abandoned = member.attempts != nullptr && member.attempts->abandoned();
    // An attempt that never ends still uses what it was given.
    if (abandoned) {
      static_cast<void>(member.instance.release());
    } else {
      member.instance.reset();
    }
    member.attempts = nullptr;
  }
}

void World::DrainSlot(uint32_t process) {
  Slot& slot = slots_[process];
  if (!slot.alive || slot.draining) return;
  slot.draining = true;
  const std::vector<uint32_t> members = slot.members;
  for (uint32_t m : members) {
    Member& member = *members_[m];
    if (member.dead || member.left) continue;
    member.instance->Drain(Now() + kDrainTime);
    if (!member.turning) Turn(member);
  }
}

bool World::Stop(uint32_t process, int64_t restart_after_ns) {
  if (process >= slots_.size() || !slots_[process].alive || slots_[process].draining || slots_[process].paused)
    return false;
  // Besides what it has armed, this is something.
  if (armed_) Strikes(firing_);
  slots_[process].stop_after_drain = true;
  slots_[process].restart_after_ns = restart_after_ns;
  DrainSlot(process);
  return true;
}

void World::BeginClose(Member& member) {
  member.closing = AddFiberCall(member, 0, /*closing=*/true);
  StartFiber(member.closing, [&member] { member.leave_clean = member.instance->Close().ok(); });
}

void World::EndClose(Member& member) {
  member.closing = kNobody;
  if (member.dead) return;
  member.left = true;
  Slot& slot = slots_[member.slot];
  bool clean = true;
  for (uint32_t m : slot.members) {
    if (!members_[m]->left) return;
    clean = clean && members_[m]->leave_clean;
  }
  // The last of the process.
  struct Record record = RecordOf(Kind::kStopped);
  record.process = static_cast<uint16_t>(member.slot);
  record.incarnation = slot.incarnation;
  record.flags = clean ? kClean : 0;
  Record(record);
  slot.alive = slot.draining = false;
  for (uint32_t m : slot.members) members_[m]->dead = true;
  ++slot.starts;
  if (slot.stop_after_drain && !finishing_) {
    if (slot.restart_after_ns >= 0) {
      Schedule(now_ + slot.restart_after_ns, What::kStart, member.slot, slot.starts);
    } else {
      slot.down_until_healed = true;
    }
  }
  dying_.push_back(member.slot);
}

bool World::StandStill(uint32_t process, int64_t duration_ns, uint8_t flags) {
  if (process >= slots_.size() || !slots_[process].alive || slots_[process].paused || duration_ns <= 0) return false;
  Slot& slot = slots_[process];
  slot.paused = true;
  slot.stuck = (flags & kAlive) != 0;
  struct Record record = RecordOf(Kind::kPaused);
  record.process = static_cast<uint16_t>(process);
  record.incarnation = slot.incarnation;
  record.value = static_cast<uint64_t>(duration_ns);
  record.flags = flags;
  Record(record);
  Schedule(now_ + duration_ns, What::kResume, process, ++slot.pauses);
  if (slot.stuck) Schedule(now_ + plan_.timing.heartbeat_ns / 2, What::kAlive, process, slot.pauses);
  return true;
}

void World::KeepAlive(uint32_t process, uint64_t pause) {
  Slot& slot = slots_[process];
  if (!slot.paused || slot.pauses != pause) return;
  for (uint32_t m : slot.members) {
    Member& member = *members_[m];
    if (!member.dead && !member.left) member.bus->KeepAlive();
  }
  // Often enough for whatever is due between two polls.
  Schedule(now_ + plan_.timing.heartbeat_ns / 2, What::kAlive, process, pause);
}

void World::ResumeSlot(uint32_t process, uint64_t pause) {
  Slot& slot = slots_[process];
  if (!slot.paused || slot.pauses != pause) return;
  slot.paused = slot.stuck = false;
  struct Record record = RecordOf(Kind::kResumed);
  record.process = static_cast<uint16_t>(process);
  record.incarnation = slot.incarnation;
  Record(record);
  const std::vector<uint32_t> members = slot.members;
  for (const Event& event : std::exchange(slot.held_back, {})) Handle(event);
  for (uint32_t m : members) {
    Member& member = *members_[m];
    if (std::exchange(member.turn_wanted, false) && !member.dead) Turn(member);
  }
}

bool World::Join(uint32_t like_process) {
  if (like_process >= slots_.size() || slots_.size() >= 32) return false;
  const std::vector<uint16_t> stages = slots_[like_process].stages;
  slots_.emplace_back().stages = stages;
  StartLife(static_cast<uint32_t>(slots_.size() - 1));
  return true;
}

bool World::Twin(uint32_t process) {
  if (process >= slots_.size() || slots_.size() >= 32) return false;
  const std::vector<uint16_t> stages = slots_[process].stages;
  Slot& twin = slots_.emplace_back();
  twin.stages = stages;
  const int32_t first = slots_[process].twin_of;
  twin.twin_of = first >= 0 ? first : static_cast<int32_t>(process);
  StartLife(static_cast<uint32_t>(slots_.size() - 1));
  return true;
}

bool World::EndTwins(uint32_t process) {
  if (process >= slots_.size()) return false;
  const int32_t first = slots_[process].twin_of >= 0 ? slots_[process].twin_of : static_cast<int32_t>(process);
  bool any = false;
  for (uint32_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].twin_of != first) continue;
    any = true;
    slots_[s].down_until_healed = slots_[s].stop_after_drain = false;
    if (!slots_[s].alive) ++slots_[s].starts;
    DrainSlot(s);
  }
  return any;
}

bool World::NewVersion(uint32_t process) {
  if (process >= slots_.size() || !subject_.has_next_version()) return false;
  slots_[process].next_version = true;
  slots_[process].next_version_by = Arm();
  return true;
}

}  // namespace millrace::sim
