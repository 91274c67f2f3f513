// Calls that can stand still and go on later, on stacks of their own (Boost.Context). Attempts that use ports run on
// them, and the closing of an instance, which waits for the broker.
//
//   Fiber* fiber = pool.Take();
//   fiber->Start([&] { …; Fiber::Suspend(); …; });        // returns at the first Suspend, or at the end
//   while (!fiber->done()) fiber->Resume();
//   pool.Give(fiber);
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
  // Back from a user who has seen it done; a fiber that is not done is abandoned.
  void Give(Fiber* fiber);

 private:
  std::vector<std::unique_ptr<Fiber>> free_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FIBER_H_
