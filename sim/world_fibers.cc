// World: calls on fibers, which may stand still.
#include <utility>

#include "bus/check.h"
#include "sim/attempts.h"
#include "sim/world.h"

namespace millrace::sim {

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

}  // namespace millrace::sim
