// World: processes and their incarnations.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "bus/check.h"
#include "sim/attempts.h"
#include "sim/drivers.h"
#include "sim/faulty_stage.h"
#include "sim/sim_clock.h"
#include "sim/world.h"

namespace millrace::sim {

Member::Member() = default;
Member::~Member() = default;

namespace {

// How long a process that is asked to stop may take.
constexpr Duration kDrainTime = std::chrono::seconds(20);
constexpr int kTurnsMax = 100'000;

// What is too large for a dead letter is kept beside the world.
class SimSpool final : public stages::Spool {
 public:
  SimSpool(World& world, Member& member) : world_(world), member_(member) {}
  absl::Status Keep(std::string_view, std::string_view) override {
    if (member_.dead || !world_.Begin(member_, ActionKind::kSpool, {}))
      return absl::AbortedError("the process is dead");
    world_.End(member_, ActionKind::kSpool);
    return absl::OkStatus();
  }

 private:
  World& world_;
  Member& member_;
};

class GateWaker final : public bus::Waker {
 public:
  GateWaker(World& world, Member& member) : world_(world), member_(member) {}
  void Wake() override {
    if (!member_.dead) world_.TurnSoon(member_);
  }

 private:
  World& world_;
  Member& member_;
};

}  // namespace

void World::MakeSlots() {
  const auto stages = static_cast<uint16_t>(subject_.topology().stages.size());
  const auto add = [&](std::vector<uint16_t> mine) {
    Slot& slot = slots_.emplace_back();
    slot.stages = std::move(mine);
  };
  if (plan_.layout == Layout::kTogether) {
    std::vector<uint16_t> all(stages);
    for (uint16_t s = 0; s < stages; ++s) all[s] = s;
    for (uint32_t p = 0; p < plan_.processes; ++p) add(all);
  } else {
    // Copy by copy, so that one copy fewer leaves all other slots their numbers.
    for (uint32_t p = 0; p < plan_.processes; ++p) {
      for (uint16_t s = 0; s < stages; ++s) add({s});
    }
  }
}

void World::StartLife(uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.alive) return;
  slot.alive = true;
  slot.draining = slot.paused = slot.stop_after_drain = false;
  ++slot.incarnation;
  slot.members.clear();
  slot.gate = std::make_shared<stages::TrialGate>();
  struct Record record = RecordOf(Kind::kStart);
  record.process = static_cast<uint16_t>(index);
  record.incarnation = slot.incarnation;
  record.value = slot.next_version ? 1 : 0;
  Record(record);
  // Readers before those who write for them matters to nobody here; the pipeline's order is as good as any.
  const std::vector<uint16_t> stages = slot.stages;
  for (uint16_t stage : stages) MakeMember(index, stage);
  const std::vector<uint32_t> members = slots_[index].members;
  for (uint32_t m : members) {
    if (!members_[m]->dead) Turn(*members_[m]);
  }
}

void World::MakeMember(uint32_t slot_index, uint16_t stage) {
  Slot& slot = slots_[slot_index];
  const stages::StageSettings& settings = subject_.pipeline().stages[stage];
  const stages::StageKind& kind = *subject_.registry(slot.next_version).FindStage(settings.kind);
  members_.push_back(std::make_unique<Member>());
  Member& member = *members_.back();
  member.index = static_cast<uint32_t>(members_.size() - 1);
  member.slot = slot_index;
  member.incarnation = slot.incarnation;
  member.stage = stage;
  slot.members.push_back(member.index);
  member.bus = std::make_unique<SimBus>(*this, *broker_, member);
  member.spool = std::make_unique<SimSpool>(*this, member);
  member.clock = std::make_unique<SimClock>(now_, slot.wall_offset_ns);

  const size_t limit = broker_->capabilities().message_bytes_max;
  const std::string name = settings.name + "-" + std::to_string(slot_index);
  stages::InstanceConfig config;
  config.worker = stages::WorkerOptionsOf(subject_.pipeline(), settings, kind.make_batch != nullptr, limit);
  config.consumer = stages::ConsumerOptionsOf(settings, name);
  config.consumer.cooperative = plan_.cooperative;
  if (plan_.static_members) config.consumer.static_id = name;
  config.consumer.prefetch = std::min(config.consumer.prefetch, plan_.prefetch);
  config.consumer.session_timeout = Duration(plan_.timing.session_timeout_ns);
  config.consumer.heartbeat_interval = Duration(plan_.timing.heartbeat_ns);
  config.consumer.revoke_timeout = Duration(plan_.timing.revoke_timeout_ns);
  config.producer = stages::ProducerOptionsOf(settings, name);
  config.snapshot_every = Duration::max();
  config.spool = member.spool.get();
  member.gate = slot.gate;
  member.gate_waker = std::make_unique<GateWaker>(*this, member);
  config.gate = member.gate.get();
  config.gate_waker = member.gate_waker.get();
  const int32_t threads = settings.inline_execution ? 1 : settings.concurrency;
  config.make_executor = [this, &member, &settings, &kind, stage, limit, threads](
                             stages::AttemptReporter* reporter) -> absl::StatusOr<std::unique_ptr<stages::Executor>> {
    std::vector<std::unique_ptr<stages::AttemptRunner>> runners;
    for (int32_t i = 0; i < threads; ++i) {
      absl::StatusOr<stages::MadeStage> made =
          subject_.MakeStage(stage, slots_[member.slot].next_version, ports_, *member.clock);
      if (!made.ok()) return made.status();
      stages::MadeStage wrapped = *std::move(made);
      if (options_.wrap != nullptr) wrapped = options_.wrap(std::move(wrapped), stage);
      wrapped = Faulty(*this, member, std::move(wrapped));
      runners.push_back(std::make_unique<stages::AttemptRunner>(stages::AttemptConfigOf(settings, kind, limit),
                                                                std::move(wrapped.single), std::move(wrapped.batch),
                                                                &segments_, member.clock.get()));
    }
    auto attempts = std::make_unique<Attempts>(*this, member, std::move(runners), subject_.uses_ports(stage), reporter);
    member.attempts = attempts.get();
    return std::unique_ptr<stages::Executor>(std::move(attempts));
  };
  member.instance = std::make_unique<stages::Instance>(std::move(config), member.bus.get(), member.clock.get());
  const absl::Status opened = member.instance->Open();
  // Factories were tried before the run (Simulator::Make).
  MR_CHECK(opened.ok()) << "stage " << settings.name << ": " << opened.ToString();
}

void World::Wake(const Owner& owner) {
  if (owner.process == kFeed) return WakeFeed();
  Member& member = *members_[owner.instance];
  if (!member.dead) Turn(member);
}

void World::Turn(Member& member) {
  if (member.dead || member.left) return;
  Slot& slot = slots_[member.slot];
  if (slot.paused) {
    member.turn_wanted = true;
    return;
  }
  if (member.turning) {
    // Comes from inside its own turn: once more behind it.
    return TurnSoon(member);
  }
  if (member.closing != kNobody) return ResumeFiber(member.closing);
  member.turning = true;
  int turns = 0;
  do {
    // It learns of the wish to stop at the beginning of a turn.
    if (slot.draining && !std::exchange(member.drain_told, true)) Record(RecordOf(Kind::kDrain, member));
    MR_CHECK(++turns < kTurnsMax) << "an instance never comes to rest";
    // Another turn that would find nothing is saved.
  } while (member.instance->Turn() && !member.dead && !slot.paused &&
           !(member.bus->AtRest() && member.instance->AtRest()));
  member.turning = false;
  if (member.dead) return;
  if (slot.paused) {
    member.turn_wanted = true;
    return;
  }
  if (member.instance->left()) return BeginClose(member);
  ScheduleTurn(member);
}

void World::TurnSoon(Member& member) {
  if (member.turn_at_ns == now_) return;
  member.turn_at_ns = now_;
  Schedule(now_, What::kTurn, member.index);
}

void World::ScheduleTurn(Member& member) {
  const MonotonicTime next = member.instance->NextTimer();
  if (next == MonotonicTime::Infinite()) return;
  const int64_t at = std::max(next.ns, now_ + 1);
  if (member.turn_at_ns >= 0 && member.turn_at_ns <= at && member.turn_at_ns > now_) return;
  member.turn_at_ns = at;
  Schedule(at, What::kTurn, member.index);
}

// ---------------------------------------------------------------- fibers

uint32_t World::AddFiberCall(Member& member, uint64_t run, bool closing) {
  uint32_t index = static_cast<uint32_t>(fiber_calls_.size());
  if (free_calls_.empty()) {
    fiber_calls_.emplace_back();
  } else {
    index = free_calls_.back();
    free_calls_.pop_back();
  }
  FiberCall& call = fiber_calls_[index];
  call = {.fiber = options_.fibers->Take(),
          .member = member.index,
          .run = run,
          .closing = closing,
          .sleep = call.sleep + 1};
  return index;
}

void World::StartFiber(uint32_t index, std::function<void()> body) {
  call_stack_.push_back(index);
  const bool outer = std::exchange(members_[fiber_calls_[index].member]->turning, true);
  fiber_calls_[index].fiber->Start(std::move(body));
  members_[fiber_calls_[index].member]->turning = outer;
  call_stack_.pop_back();
  FiberStopped(index);
}

void World::ResumeFiber(uint32_t index) {
  call_stack_.push_back(index);
  ++fiber_calls_[index].sleep;
  const bool outer = std::exchange(members_[fiber_calls_[index].member]->turning, true);
  fiber_calls_[index].fiber->Resume();
  members_[fiber_calls_[index].member]->turning = outer;
  call_stack_.pop_back();
  FiberStopped(index);
}

void World::FiberStopped(uint32_t index) {
  FiberCall& call = fiber_calls_[index];
  if (!call.fiber->done()) return;
  options_.fibers->Give(call.fiber);
  call.fiber = nullptr;
  ++call.sleep;
  Member& member = *members_[call.member];
  const FiberCall ended = call;
  free_calls_.push_back(index);
  if (ended.closing) {
    EndClose(member);
  } else {
    member.attempts->Ended(ended.run);
  }
}

void World::SleepInFiber(int64_t ns) {
  const uint32_t index = CurrentCall();
  MR_CHECK(index != kNobody) << "only a fiber can stand still";
  Schedule(now_ + ns, What::kFiber, index, ++fiber_calls_[index].sleep);
  Fiber::Suspend();
}

// ---------------------------------------------------------------- ends

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

bool World::NewVersion(uint32_t process) {
  if (process >= slots_.size() || !subject_.has_next_version()) return false;
  slots_[process].next_version = true;
  return true;
}

}  // namespace millrace::sim
