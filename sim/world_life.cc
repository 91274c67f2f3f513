// World: processes, their incarnations, and their turns.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "bus/check.h"
#include "sim/attempts.h"
#include "sim/drivers.h"
#include "sim/faulty_stage.h"
#include "sim/process_clock.h"
#include "sim/world.h"

namespace millrace::sim {

Member::Member() = default;
Member::~Member() = default;

namespace {

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
  if (slot.next_version) Strikes(std::exchange(slot.next_version_by, kNoFault));
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
  const stages::StageKind& kind = subject_.kind(stage, slot.next_version);
  members_.push_back(std::make_unique<Member>());
  Member& member = *members_.back();
  member.index = static_cast<uint32_t>(members_.size() - 1);
  member.slot = slot_index;
  member.incarnation = slot.incarnation;
  member.stage = stage;
  member.next_version = slot.next_version;
  slot.members.push_back(member.index);
  member.bus = std::make_unique<SimBus>(*this, *broker_, member);
  member.spool = std::make_unique<SimSpool>(*this, member);
  member.clock = std::make_unique<ProcessClock>(*this, slot, now_);

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
  if (settings.exactly_once && slot.twin_of >= 0)
    config.producer.transaction.id = settings.group + "." + settings.name + "-" + std::to_string(slot.twin_of);
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
      absl::StatusOr<stages::MadeStage> made = subject_.MakeStage(stage, member.next_version, ports_, *member.clock);
      if (!made.ok()) return made.status();
      stages::MadeStage wrapped = *std::move(made);
      if (options_.wrap != nullptr) wrapped = options_.wrap(std::move(wrapped), stage, member.next_version);
      wrapped = Faulty(*this, member, std::move(wrapped));
      runners.push_back(std::make_unique<stages::AttemptRunner>(stages::AttemptConfigOf(settings, kind, limit),
                                                                std::move(wrapped.single), std::move(wrapped.batch),
                                                                &segments_, member.clock.get()));
    }
    std::unique_ptr<ExecutorShell> shell = options_.shell == nullptr ? nullptr : options_.shell(reporter);
    stages::AttemptReporter* const told = shell == nullptr ? reporter : shell.get();
    auto attempts = std::make_unique<Attempts>(*this, member, std::move(runners),
                                               subject_.uses_ports(stage, member.next_version), told);
    member.attempts = attempts.get();
    if (shell == nullptr) return std::unique_ptr<stages::Executor>(std::move(attempts));
    shell->Wrap(std::move(attempts));
    return std::unique_ptr<stages::Executor>(std::move(shell));
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

}  // namespace millrace::sim
