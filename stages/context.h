// What a stage may know beyond its message. Everything else (clocks, randomness, files) it takes from a port or does
// without: then the simulator can run it, and two runs of one message give one result.
//
// Threading: one attempt, one thread. Valid during the call.
#ifndef MILLRACE_STAGES_CONTEXT_H_
#define MILLRACE_STAGES_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "bus/clock.h"
#include "bus/random.h"

namespace millrace::stages {

class Context {
 public:
  struct Input {
    std::string_view id;    // the message's id: its ce_id, or topic/partition/offset of a foreign message that has none
    std::string_view root;  // the accepted job it descends from; its own id at the start
    std::string_view share;  // which part of that job (stages/lineage.h); empty: all of it
    // 1 for the first try of this message; goes on from where the owner before left off when the message did not return
    // there (where the bus keeps notes), else each owner of the partition begins at 1.
    uint32_t attempt = 1;
    uint64_t epoch = 0;  // grows with each ownership of the partition: lets an outside system fence late writers
  };

  Context(const Input& input, const Clock& clock, const Random& random, uint64_t random_key,
          const std::atomic<bool>* cancelled)
      : input_(input), clock_(clock), random_(random), random_key_(random_key), cancelled_(cancelled) {}

  std::string_view id() const { return input_.id; }
  std::string_view root() const { return input_.root; }
  std::string_view share() const { return input_.share; }
  uint32_t attempt() const { return input_.attempt; }
  uint64_t epoch() const { return input_.epoch; }
  WallTime now() const { return clock_.Wall(); }
  // 64 bits that are the same whenever this message is tried for the same time with the same `purpose`.
  uint64_t RandomBits(uint64_t purpose) const { return random_.Bits(purpose, {random_key_, input_.attempt}); }
  // Set when the attempt has run out of time: return soon, the result will be thrown away. The key waits until then.
  bool cancelled() const { return cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed); }

 private:
  const Input& input_;
  const Clock& clock_;
  const Random& random_;
  uint64_t random_key_;
  const std::atomic<bool>* cancelled_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_CONTEXT_H_
