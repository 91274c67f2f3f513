// Trials: a suspect is tried alone. Nothing else runs in the process between its mark and the durable word that it has
// survived, nor before it is settled: whoever else killed the process then would make it look guilty, or undo its work.
//
// The instances of a process agree by a gate (stages/trial_gate.h). Who wants a trial first lets its own attempts end, asks,
// and has the gate when the attempts of all others have ended. Every wait has a bound, and whoever had the gate, or found it
// closed, leaves it open for at least as long before asking again: trials take at most half of the time of a process, an
// attempt that never returns holds up nobody for ever, and a trial whose outputs wait for a stage of the same process gives
// way to it. Past its bound a trial has company, and may be accused of what that does: rare, and better than standing still.
#include <algorithm>

#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {
namespace {

constexpr uint64_t kSuspectLot = 0x737573706563;  // purposes of random draws
constexpr uint64_t kAskAgain = 0x61736b616761;
constexpr Duration kQuietMax = std::chrono::seconds(10);    // for attempts of others to end
constexpr Duration kMarkMax = std::chrono::seconds(2);      // for the mark to be durable
constexpr Duration kAttemptMax = std::chrono::seconds(30);  // for the attempt, and the word that it was survived
constexpr Duration kSettleMax = std::chrono::seconds(2);    // for the survivor's outputs to be confirmed

}  // namespace

void Worker::On(const GateEvent& event) {
  gate_round_ = event.round;
  switch (event.state) {
    case GateState::kOpen: {
      if (gate_ == Gate::kOpen) break;
      gate_ = Gate::kOpen;
      const Duration closed = now_.monotonic - closed_since_;
      ask_at_ = now_.monotonic;
      if (!event.alone && closed.count() > 0) {
        const auto most = static_cast<uint64_t>(closed.count());
        ask_at_ = ask_at_ + closed + Duration(random_.Below(kAskAgain, {event.round, most}, most));
      }
      WakeAt(ask_at_);  // whoever is a suspect by then
      break;
    }
    case GateState::kClosed:
      if (gate_ == Gate::kOpen || gate_ == Gate::kWanted) closed_since_ = now_.monotonic;
      gate_ = Gate::kClosed;
      quiet_told_ = false;
      break;
    case GateState::kMine:
      gate_ = Gate::kMine;
      trial_ = {};
      tried_ = survived_ = false;
      trial_until_ = now_.monotonic + kMarkMax;
      WakeAt(trial_until_);
      break;
  }
}

void Worker::Wish(GateWish wish) { actions_->list.push_back(GateAction{.wish = wish, .round = gate_round_}); }

void Worker::WakeAt(MonotonicTime at) { timers_.Set({.at = at, .kind = Timer::Kind::kBreaker, .holding = {}}); }

void Worker::DispatchOrTry() {
  if (gate_ == Gate::kOpen && ask_at_ <= now_.monotonic && NextSuspect() != nullptr) gate_ = Gate::kWanted;
  if (gate_ == Gate::kWanted && NextSuspect() == nullptr) gate_ = Gate::kOpen;
  switch (gate_) {
    case Gate::kOpen:
      return DispatchReady();
    case Gate::kWanted:
      if (!running_.empty()) return;
      gate_ = Gate::kAsked;
      closed_since_ = now_.monotonic;
      trial_until_ = now_.monotonic + kQuietMax;
      WakeAt(trial_until_);
      return Wish(GateWish::kAsk);
    case Gate::kAsked:
      if (NextSuspect() == nullptr) return EndTrial();
      if (trial_until_ > now_.monotonic) return;
      trial_until_ = MonotonicTime::Infinite();
      return Wish(GateWish::kInsist);
    case Gate::kClosed:
      if (quiet_told_ || !running_.empty()) return;
      quiet_told_ = true;
      return Wish(GateWish::kQuiet);
    case Gate::kMine:
      return RunTrial();
  }
}

bool Worker::MayTrySuspect(const Held& held) const {
  return held.guard.suspect_left > 0 && held.active() && !held.window.empty() && held.running == 0 &&
         held.guard.mark_at <= now_.monotonic && held.window.at(held.window.head()).state == SlotState::kReady;
}

// Who could be tried now: who has seen fewest deaths, else by lot.
Worker::Held* Worker::NextSuspect() {
  Held* next = nullptr;
  uint64_t next_luck = 0;
  for (Held* held : held_) {
    if (held->guard.suspect_left == 0 || held->guard.unanswered > 0 || held->guard.note_changed ||
        !MayTrySuspect(*held))
      continue;
    const uint64_t luck = random_.Bits(kSuspectLot, {held->holding.epoch, static_cast<uint64_t>(now_.monotonic.ns),
                                                     static_cast<uint64_t>(held->holding.partition.number)});
    if (next == nullptr || held->guard.deaths < next->guard.deaths ||
        (held->guard.deaths == next->guard.deaths && luck < next_luck)) {
      next = held;
      next_luck = luck;
    }
  }
  return next == nullptr || draining_ || !BreakerAllows() ? nullptr : next;
}

void Worker::RunTrial() {
  if (trial_.epoch == 0) {
    const Held* next = NextSuspect();
    if (next == nullptr) return EndTrial();
    trial_ = next->holding;
  }
  Held* held = FindHeld(trial_);
  if (held == nullptr || tried_) return AfterTrial(held);
  if (draining_ || !MayTrySuspect(*held) || !BreakerAllows() || trial_until_ <= now_.monotonic) {
    if (!draining_) TakeMarkBack(*held);
    return EndTrial();
  }
  const uint64_t place = held->window.head();
  if (!MaySuspectRun(*held, place)) return;
  if (!breaker_.closed()) breaker_.Probe();
  tried_ = true;
  trial_until_ = now_.monotonic + kAttemptMax;
  WakeAt(trial_until_);
  AttemptGroup* group = TakeGroup();
  AddItem(*group, *held, place, -1);
  SendGroup(group);
}

// It was sent off. It is over when it is settled, or has failed; and the word that it was survived is durable.
void Worker::AfterTrial(Held* held) {
  if (held == nullptr) return EndTrial();
  if (held->running == 0 && !survived_) {
    survived_ = true;
    settle_until_ = now_.monotonic + kSettleMax;
    WakeAt(settle_until_);
  }
  const bool settling = held->publishing > 0 && now_.monotonic < settle_until_;
  const bool going = held->running > 0 || held->guard.unanswered > 0 || held->guard.note_changed || settling;
  if (!going || trial_until_ <= now_.monotonic) EndTrial();
}

void Worker::EndTrial() {
  gate_ = Gate::kClosed;
  quiet_told_ = true;  // until the gate says how it stands
  Wish(GateWish::kEnd);
}

}  // namespace millrace::stages
