// The instances of one process agree on who may try a suspect: one trial at a time in a process, and nothing else runs
// beside it. Whoever ran beside a killer would else look guilty of its deaths, though it is in another stage.
//
//   TrialGate gate;                              // one a process
//   config.gate = &gate;                         // for each instance in it: it takes a seat
//   seat->Do(GateWish::kAsk, 0);                 // closes the gate for all others …
//   seat->Take()                                 // … and says kMine once each of them has told that it is quiet
//
// It has no clock: how long somebody waits, asks again or keeps the gate is decided by the workers (worker_trial.cc),
// each within bounds, so that an attempt that never returns stops nobody for ever. While nobody asks it costs one atomic
// read a turn of an instance.
//
// Blocking: never for long. Threading: any; wakers are called with the gate's lock held and must not call back.
// Ownership: the gate outlives its seats, a seat's waker outlives the seat.
#ifndef MILLRACE_STAGES_TRIAL_GATE_H_
#define MILLRACE_STAGES_TRIAL_GATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "bus/driver.h"
#include "stages/worker_action.h"
#include "stages/worker_event.h"

namespace millrace::stages {

class TrialGate {
 public:
  class Seat {
   public:
    ~Seat() { Leave(); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    // How the gate stands for this instance, if that has changed since it was last taken.
    std::optional<GateEvent> Take();
    // Whether there may be something to take.
    bool changed() const { return changed_.load(std::memory_order_acquire); }
    // What its worker wants. `round`: of the GateEvent that it answers.
    void Do(GateWish wish, uint64_t round);
    // The instance starts nothing any more: nobody waits for it, and a trial of its own is over.
    void Leave();

   private:
    friend class TrialGate;
    Seat(TrialGate* gate, bus::Waker* waker) : gate_(gate), waker_(waker) {}
    TrialGate* const gate_;
    bus::Waker* const waker_;
    std::atomic<bool> changed_{false};
    // Under the gate's lock.
    GateState state_ = GateState::kOpen;
    bool quiet_ = true;
    bool seated_ = true;
  };

  TrialGate() = default;
  TrialGate(const TrialGate&) = delete;
  TrialGate& operator=(const TrialGate&) = delete;

  // Not null. `waker` is woken when there is something to take.
  std::unique_ptr<Seat> Join(bus::Waker* waker);

 private:
  void Tell(Seat& seat, GateState state);
  void Open();
  void GrantIfQuiet();

  std::mutex mutex_;
  std::vector<Seat*> seats_;
  Seat* holder_ = nullptr;  // asked, or has it
  bool granted_ = false;
  uint64_t round_ = 0;  // counts how often it was closed
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_TRIAL_GATE_H_
