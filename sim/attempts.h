// Runs a member's attempts in the world's time: at once, with the results told after a while, or on fibers where the
// stage uses ports.
//
// Threading: the world's. Ownership: the instance owns it, as its executor.
#ifndef MILLRACE_SIM_ATTEMPTS_H_
#define MILLRACE_SIM_ATTEMPTS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/world.h"
#include "stages/executor.h"

namespace millrace::sim {

class Attempts final : public stages::Executor {
 public:
  Attempts(World& world, Member& member, std::vector<std::unique_ptr<stages::AttemptRunner>> runners, bool on_fibers,
           stages::AttemptReporter* reporter);

  void Dispatch(stages::AttemptGroup* group) override;
  stages::AttemptProgress::Reading Progress(const stages::AttemptGroup& group) const override;
  absl::Status Stop(MonotonicTime deadline) override;

  // The event that Dispatch asked for: results are due, or a fiber is to be started.
  void Due(uint64_t run);
  // A fiber's body has ended.
  void Ended(uint64_t run);
  // The process is dead: whatever stands still is run to its end, with every port call failing.
  void Bury();
  bool busy() const { return busy_ > 0; }
  // Messages that the stage is inside of, of the group that runs as this.
  std::span<const uint32_t> AtWork(uint64_t run) const;
  // Whether a fiber was left behind that still uses this.
  bool abandoned() const;

 private:
  struct Run {
    stages::AttemptGroup* group = nullptr;
    std::vector<uint32_t> messages;  // of the items
    std::vector<int64_t> began;      // when each of them begins to take its time
    size_t runner = 0;
    uint32_t told = 0;   // items whose results the worker has
    uint32_t piece = 0;  // items in the first piece
    bool free = true;
    bool ran = false;         // results are there
    uint32_t call = kNobody;  // fiber call
  };
  class Collector final : public stages::AttemptReporter {
   public:
    void Report(stages::AttemptGroup*, uint32_t, uint32_t) override {}
  };

  void Execute(uint64_t run);
  void Tell(uint64_t run, uint32_t to);
  int64_t ServiceOf(const Run& run, uint32_t item) const;
  // What items up to `to` take, one after the other, from now.
  int64_t Serve(Run& run, uint32_t to);

  World& world_;
  Member& member_;
  std::vector<std::unique_ptr<stages::AttemptRunner>> runners_;
  std::vector<bool> runner_busy_;
  const bool on_fibers_;
  stages::AttemptReporter* const reporter_;
  Collector collector_;
  std::vector<std::unique_ptr<Run>> runs_;
  uint32_t busy_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_ATTEMPTS_H_
