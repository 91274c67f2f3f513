// World: the loop, and how a run ends.
#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "sim/attempts.h"
#include "sim/drivers.h"
#include "sim/final_state.h"
#include "sim/world_feed.h"
#include "sim/world_ports.h"

namespace millrace::sim {
namespace {

// How often the world looks whether everything is settled, once all jobs are accepted.
constexpr int64_t kSettledEvery = 20'000'000;
constexpr int64_t kLookEvery = 5'000'000'000;
// The longest timer below which nothing of the ledger may move: back-off of retries (30 s), time away from a group (10 s), a
// declined partition (30 s), the session's and the rebalance's time.
constexpr int64_t kLongestTimer = 31'000'000'000;
constexpr int kSilence = 3;
// Whoever tries a suspect leaves it alone for up to twice as long as the trial has taken, which a fault may make longer.
constexpr int64_t kTrialWaits = 3;
// How many events a run may have for each record that the plan allows, and besides: what moves neither time nor the history must
// end all the same. Runs have a few events for each record, and some thousands while nothing goes on.
constexpr uint64_t kEventsPerRecord = 16;
constexpr uint64_t kEventsBesides = 1'000'000;

uint64_t EventsMax(const Limits& limits) {
  return limits.records > (UINT64_MAX - kEventsBesides) / kEventsPerRecord
             ? UINT64_MAX
             : limits.records * kEventsPerRecord + kEventsBesides;
}

Topology TopologyFor(const Subject& subject, const Plan& plan) {
  Topology topology = subject.topology();
  topology.queue = plan.semantics == Semantics::kQueue;
  topology.processes = static_cast<uint16_t>(
      plan.layout == Layout::kTogether ? plan.processes : plan.processes * topology.stages.size());
  return topology;
}

}  // namespace

World::World(const Subject& subject, const Plan& plan, const RunOptions& options)
    : subject_(subject),
      plan_(plan),
      options_(options),
      random_(plan.salt),
      recorder_(TopologyFor(subject, plan)),
      segments_(16 << 10) {
  MR_CHECK(options.fibers != nullptr) << "a run needs a pool of fibers";
}

World::~World() {
  over_ = true;
  for (const std::unique_ptr<Member>& member : members_) member->dead = true;
  for (uint32_t s = 0; s < slots_.size(); ++s) Bury(s);
}

History World::Run() {
  for (size_t i = 0; i < subject_.pipeline().ports.size(); ++i) {
    const auto index = static_cast<uint16_t>(i);
    const std::string& name = subject_.pipeline().ports[i].name;
    port_worlds_.push_back(std::make_unique<PortOfWorld>(*this, index));
    absl::StatusOr<std::unique_ptr<stages::Port>> port = subject_.MakePort(index, port_worlds_.back().get());
    MR_CHECK(port.ok()) << "port " << name << ": " << port.status().ToString();
    port_states_.push_back(dynamic_cast<stages::PortState*>(port->get()));
    ports_.Add(name, *std::move(port));
  }
  broker_ = plan_.semantics == Semantics::kLog ? MakeLogSide(*this) : MakeQueueSide(*this);
  MakeSlots();
  feed_ = std::make_unique<Feed>(*this, *broker_);
  MakeTriggers();
  const auto slots = static_cast<uint32_t>(slots_.size());
  // Not all at the same instant.
  for (uint32_t s = 0; s < slots; ++s)
    Schedule(static_cast<int64_t>(s) * 1'000'000, What::kStart, s, ++slots_[s].starts);
  Schedule(kLookEvery, What::kLook);
  BrokerDue();
  const uint64_t events_max = EventsMax(plan_.limits);
  for (uint64_t events = 1; !over_; ++events) {
    MR_CHECK(!scheduler_.empty()) << "the world stands still";
    const Event event = scheduler_.Pop();
    now_ = event.at_ns;
    if (now_ > plan_.limits.time_ns || recorder_.records() > plan_.limits.records || events > events_max) {
      struct Record record = RecordOf(Kind::kLimit);
      record.text = recorder_.AddText(now_ > plan_.limits.time_ns ? "the run took longer than the plan allows"
                                                                  : "the run did more than the plan allows");
      Record(record);
      break;
    }
    Handle(event);
    if (!dying_.empty()) {
      BuryAll();
      Finish();
    }
    BrokerDue();
  }
  Record(RecordOf(Kind::kEnd));
  CollectFinalState();
  return recorder_.Take();
}

void World::Handle(const Event& event) {
  switch (event.what) {
    case What::kTurn: {
      Member& member = *members_[event.a];
      if (member.dead || member.turn_at_ns != event.at_ns) return;
      member.turn_at_ns = -1;
      return Turn(member);
    }
    case What::kToBroker:
      broker_->ToBroker(event.a);
      return CheckSettled();
    case What::kToClient:
      return broker_->ToClient(event.a);
    case What::kBroker:
      broker_due_ns_ = INT64_MAX;
      broker_->Advance();
      return;
    case What::kFault:
      return Fire(event.a);
    case What::kHeal:
      return Heal(event.a);
    case What::kStart:
      if (slots_[event.a].starts == event.b && !finishing_) StartLife(event.a);
      return;
    case What::kResume:
      return ResumeSlot(event.a, event.b);
    case What::kAlive:
      return KeepAlive(event.a, event.b);
    case What::kLinger:
      if (event.b != kFeed && slots_[event.b].paused && !slots_[event.b].stuck) {
        slots_[event.b].held_back.push_back(event);
        return;
      }
      return broker_->Flush(event.a);
    case What::kFeed:
      return feed_->Turn();
    case What::kAttempt: {
      Member& member = *members_[event.a];
      if (member.dead) return;
      if (slots_[member.slot].paused) {
        slots_[member.slot].held_back.push_back(event);
        return;
      }
      member.turning = true;
      member.attempts->Due(event.b);
      member.turning = false;
      if (!member.dead) Turn(member);
      return;
    }
    case What::kFiber: {
      const FiberCall& call = fiber_calls_[event.a];
      if (call.fiber == nullptr || call.sleep != event.b) return;
      Member& member = *members_[call.member];
      if (slots_[member.slot].paused && !member.dead) {
        slots_[member.slot].held_back.push_back(event);
        return;
      }
      ResumeFiber(event.a);
      if (!member.dead) Turn(member);
      return;
    }
    case What::kLook:
      return Look();
    case What::kMend:
      // Unless another one delays it by now.
      if (WeatherOf(event.a).delayed_by == event.b) WeatherOf(event.a).extra_ns = 0;
      return;
  }
}

uint32_t World::MessageOfToken(const Owner& owner, uint64_t token) const {
  return owner.process == kFeed ? feed_->MessageOfToken(token) : members_[owner.instance]->published[token - 1];
}

void World::BrokerDue() {
  const int64_t due = broker_->DueNs();
  if (due == INT64_MAX || due >= broker_due_ns_) return;
  broker_due_ns_ = std::max(due, now_ + 1);
  Schedule(broker_due_ns_, What::kBroker);
}

// ---------------------------------------------------------------- ends

void World::CheckSettled() {
  if (finishing_ || !feed_->done() || now_ - settled_checked_ns_ < kSettledEvery) return;
  settled_checked_ns_ = now_;
  const bool told = std::none_of(untold_.begin(), untold_.end(), [this](const auto& untold) {
    return now_ - untold.second.since_ns < kSilence * kLongestTimer;
  });
  if (told && broker_->AllSettled() && FaultsHealed() && Resting()) Quiet();
}

// Nobody is at work: who lost a partition may still publish what came of it, and who has to give one back may have messages
// that are gone from the broker, a publish that waits to be repeated or an attempt that does.
bool World::Resting() const {
  return std::none_of(members_.begin(), members_.end(), [](const std::unique_ptr<Member>& member) {
    if (member->dead || member->left) return false;
    return member->unanswered > 0 || (member->attempts != nullptr && member->attempts->busy()) ||
           !member->instance->Idle();
  });
}

// Nothing is left to do: everybody is asked to leave, which must bring nothing back.
void World::Quiet() {
  Record(RecordOf(Kind::kQuiet));
  finishing_ = true;
  progress_at_ns_ = now_;
  for (uint32_t s = 0; s < slots_.size(); ++s) ++slots_[s].starts;
  for (uint32_t s = 0; s < slots_.size(); ++s) DrainSlot(s);
  Finish();
}

void World::Finish() {
  if (!finishing_) return;
  over_ = std::none_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.alive; });
}

// Comes by every few seconds: restarts what stays down until the faults are over, and finds out whether the ledger
// still moves.
void World::Look() {
  Schedule(now_ + kLookEvery, What::kLook);
  if (finishing_) {
    if (now_ - progress_at_ns_ >= kSilence * TimerNs()) Stuck();
    return;
  }
  CheckSettled();
  if (finishing_) return;
  if (!FaultsOver() || !feed_->started_all()) {
    progress_at_ns_ = now_;
    return;
  }
  for (uint32_t s = 0; s < slots_.size(); ++s) {
    Slot& slot = slots_[s];
    if (!slot.alive && std::exchange(slot.down_until_healed, false)) Schedule(now_ + 1, What::kStart, s, ++slot.starts);
  }
  if (progress_ != progress_seen_) {
    progress_seen_ = progress_;
    progress_at_ns_ = now_;
  }
  if (now_ - progress_at_ns_ >= kSilence * TimerNs()) Stuck();
}

int64_t World::TimerNs() const { return kLongestTimer + kTrialWaits * slowest_ns_; }

void World::Stuck() {
  struct Record record = RecordOf(Kind::kStuck);
  // Whatever goes round does something once within the longest timer. What happened before that was the last there was.
  record.value = now_ - moved_at_ns_ <= TimerNs() ? 1 : 0;
  std::string text;
  for (const std::string& line : Pending()) text += (text.empty() ? "" : "\n") + line;
  record.text = recorder_.AddText(text.empty() ? "nobody says what it waits for" : std::move(text));
  Record(record);
  over_ = true;
}

std::vector<std::string> World::Pending() {
  std::vector<std::string> lines;
  if (!feed_->done()) lines.push_back("the feed waits for confirms");
  for (uint32_t s = 0; s < slots_.size(); ++s) {
    const std::string who = "process " + std::to_string(s) + ": ";
    if (!slots_[s].alive) lines.push_back(who + "down");
    for (uint32_t m : slots_[s].members) {
      const Member& member = *members_[m];
      if (member.dead || member.instance == nullptr || member.left) continue;
      for (const std::string& line : member.instance->Pending())
        lines.push_back(who + subject_.topology().stages[member.stage].name + ": " + line);
      if (const std::string client = member.bus->consumer()->Pending(); !client.empty())
        lines.push_back(who + subject_.topology().stages[member.stage].name + ": client: " + client);
    }
  }
  return lines;
}

void World::CollectFinalState() {
  const Topology& topology = subject_.topology();
  std::vector<uint32_t> messages;
  std::vector<Standing> lying;
  for (uint16_t t = 0; t < topology.topics.size(); ++t) {
    if (!topology.topics[t].readers.empty()) continue;
    messages.clear();
    broker_->ForEachOn(t, [&](uint32_t message) { messages.push_back(message); });
    lying.clear();
    lying.reserve(messages.size());
    for (const uint32_t message : messages) lying.push_back(StandingOf(recorder_, message));
    AddTopicState(topology.topics[t], &lying, recorder_.final_state());
  }
  for (uint16_t p = 0; p < port_states_.size(); ++p) {
    if (port_states_[p] != nullptr) AddPortState(topology.ports[p], *port_states_[p], recorder_.final_state());
  }
}

}  // namespace millrace::sim
