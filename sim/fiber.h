// Calls that can stand still and go on later, on stacks of their own (Boost.Context). Attempts that use ports run on
// them, and the closing of an instance, which waits for the broker.
//
//   Fiber* fiber = pool.Take();
//   fiber->Start([&] { …; Fiber::Suspend(); …; });        // returns at the first Suspend, or at the end
//   while (!fiber->done()) fiber->Resume();
//   pool.Give(fiber);
//
// A body that uses up its stack dies of a signal, and never writes into other memory.
//
// A fiber whose body never ends is abandoned with its stack, not destroyed: no exception ever passes through a body.
//
// Threading: a fiber lives on one thread. Ownership: the pool owns.
#ifndef MILLRACE_SIM_FIBER_H_
#define MILLRACE_SIM_FIBER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace millrace::sim {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs `body` until its first Suspend or its end.
  void Start(std::function<void()> body);
  // Goes on behind the Suspend. Only while !done().
  void Resume();
  bool done() const { return done_; }

  // Gives the thread back to whoever started or resumed the fiber that runs. Only inside a body.
  static void Suspend();
  // The fiber that runs; nullptr outside of all.
  static Fiber* Current();
  // Whether `address`, which could not be accessed, lies beyond the stack of the fiber that runs. A signal handler may
  // ask.
  static bool UsedUpStack(const void* address);

 private:
  struct State;
  void Switch();

  std::unique_ptr<State> state_;
  std::function<void()> body_;
  Fiber* outer_ = nullptr;
  bool done_ = true;
};

class FiberPool {
 public:
  FiberPool() = default;
  ~FiberPool();
  // One that is done.
  Fiber* Take();
  // Back from a user who has seen it done; a fiber that is not done is abandoned. Beyond KeptMost() the stack is given back to
  // the machine: pages that a body has once touched stay with it.
  void Give(Fiber* fiber);
  // Those that Take gives without making any.
  size_t kept() const { return free_.size(); }
  // 64; without limit under a sanitizer, where stacks are never given back.
  static size_t KeptMost();

 private:
  std::vector<std::unique_ptr<Fiber>> free_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FIBER_H_
