#include "stages/trial_gate.h"

#include <algorithm>

namespace millrace::stages {

std::unique_ptr<TrialGate::Seat> TrialGate::Join(bus::Waker* waker) {
  std::unique_ptr<Seat> seat(new Seat(this, waker));
  std::lock_guard<std::mutex> lock(mutex_);
  seats_.push_back(seat.get());
  if (holder_ != nullptr) Tell(*seat, GateState::kClosed);  // it has not started anything yet: quiet
  return seat;
}

std::optional<GateEvent> TrialGate::Seat::Take() {
  if (!changed_.load(std::memory_order_acquire)) return std::nullopt;
  std::lock_guard<std::mutex> lock(gate_->mutex_);
  changed_.store(false, std::memory_order_relaxed);
  return GateEvent{.state = state_, .round = gate_->round_, .alone = gate_->seats_.size() == 1};
}

void TrialGate::Seat::Do(GateWish wish, uint64_t round) {
  std::lock_guard<std::mutex> lock(gate_->mutex_);
  if (!seated_) return;
  switch (wish) {
    case GateWish::kAsk:
      // Somebody was faster: this one finds the gate closed, and asks again when it opens.
      if (gate_->holder_ != nullptr) return;
      gate_->holder_ = this;
      ++gate_->round_;
      changed_.store(false, std::memory_order_relaxed);  // what it has not taken yet is out of date
      for (Seat* seat : gate_->seats_) {
        if (seat == this) continue;
        seat->quiet_ = false;
        gate_->Tell(*seat, GateState::kClosed);
      }
      return gate_->GrantIfQuiet();
    case GateWish::kQuiet:
      if (round != gate_->round_) return;
      quiet_ = true;
      return gate_->GrantIfQuiet();
    case GateWish::kInsist:
      if (gate_->holder_ != this || gate_->granted_) return;
      gate_->granted_ = true;
      return gate_->Tell(*this, GateState::kMine);
    case GateWish::kEnd:
      if (gate_->holder_ == this) gate_->Open();
      return;
  }
}

void TrialGate::Seat::Leave() {
  std::lock_guard<std::mutex> lock(gate_->mutex_);
  if (!seated_) return;
  seated_ = false;
  gate_->seats_.erase(std::find(gate_->seats_.begin(), gate_->seats_.end(), this));
  if (gate_->holder_ == this) {
    gate_->Open();
  } else {
    gate_->GrantIfQuiet();
  }
}

void TrialGate::Tell(Seat& seat, GateState state) {
  seat.state_ = state;
  seat.changed_.store(true, std::memory_order_release);
  seat.waker_->Wake();
}

void TrialGate::Open() {
  holder_ = nullptr;
  granted_ = false;
  for (Seat* seat : seats_) Tell(*seat, GateState::kOpen);
}

void TrialGate::GrantIfQuiet() {
  if (holder_ == nullptr || granted_) return;
  const bool quiet =
      std::all_of(seats_.begin(), seats_.end(), [this](const Seat* seat) { return seat == holder_ || seat->quiet_; });
  if (!quiet) return;
  granted_ = true;
  Tell(*holder_, GateState::kMine);
}

}  // namespace millrace::stages
