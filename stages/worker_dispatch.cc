// Which messages run next, and in what company.
#include <algorithm>

#include "bus/check.h"
#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {

bool Worker::BreakerAllows() const { return breaker_.closed() || breaker_.MayProbe(now_.monotonic); }

void Worker::DispatchReady() {
  while (!draining_ && !ready_.empty() && running_.size() < options_.concurrency && BreakerAllows()) {
    const bool probe = !breaker_.closed();
    // Shares what is ready out over the free threads, rather than give all to the first.
    const size_t free = options_.concurrency - running_.size();
    const size_t most = probe ? 1 : std::clamp<size_t>((ready_.size() + free - 1) / free, 1, options_.batch);
    AttemptGroup* group = TakeGroup();
    while (group->items.size() < most && AddReady(*group)) {
      Held& held = *FindHeld(group->items.back().holding);
      const uint64_t place = group->items.back().slot;
      if (held.window.at(place).alone) break;
      if (!probe) AddChain(*group, held, place);
    }
    if (group->items.empty()) {
      RecycleIfUnused(group);
      return;
    }
    if (probe) breaker_.Probe();
    SendGroup(group);
  }
}

bool Worker::AddReady(AttemptGroup& group) {
  while (!ready_.empty()) {
    const Ready ready = ready_.front();
    Held& held = *ready.held;
    // Entries outlive what they point to: the partition may have gone, or its messages be under suspicion by now.
    if (!held.active() || held.holding.epoch != ready.epoch || !held.window.Contains(ready.place) ||
        held.guard.suspect_left > 0 || held.window.at(ready.place).state != SlotState::kReady) {
      ready_.pop();
      continue;
    }
    if (held.window.at(ready.place).alone && !group.items.empty()) return false;
    ready_.pop();
    AddItem(group, held, ready.place, -1);
    return true;
  }
  return false;
}

void Worker::AddItem(AttemptGroup& group, Held& held, uint64_t place, int32_t predecessor) {
  Slot& slot = held.window.at(place);
  slot.state = SlotState::kRunning;
  ++held.running;
  group.items.push_back({.delivery = slot.delivery,
                         .holding = held.holding,
                         .slot = place,
                         .attempt = slot.failures + 1,
                         .predecessor = predecessor,
                         .timed_out = false});
  const bus::SegmentRef& segment = held.window.SegmentOf(place);
  if (group.input_segments.empty() || !(group.input_segments.back() == segment))
    group.input_segments.push_back(segment);
}

// Followers of the same key run in the same group, each only if the one before it succeeded.
void Worker::AddChain(AttemptGroup& group, Held& held, uint64_t place) {
  if (options_.batch_stage || options_.strict || !held.window.at(place).keyed || !held.guard.note.parked.empty())
    return;
  while (group.items.size() < options_.batch) {
    const uint64_t next = held.window.at(place).next;
    if (next == KeyChains::kNone || held.window.at(next).state != SlotState::kWaiting) return;
    AddItem(group, held, next, static_cast<int32_t>(group.items.size()) - 1);
    place = next;
  }
}

void Worker::SendGroup(AttemptGroup* group) {
  running_.push_back(group);
  if (options_.attempt_timeout.count() > 0) {
    timers_.Set(
        {.at = now_.monotonic + options_.attempt_timeout, .kind = Timer::Kind::kGroup, .holding = {}, .id = group->id});
  }
  actions_->list.push_back(DispatchAction{group});
}

AttemptGroup* Worker::TakeGroup() {
  if (free_groups_.empty()) {
    groups_.push_back(std::make_unique<AttemptGroup>());
    groups_.back()->results = std::make_unique<AttemptResult[]>(options_.batch);
    groups_.back()->items.reserve(options_.batch);
    free_groups_.push_back(groups_.back().get());
  }
  AttemptGroup* group = free_groups_.back();
  free_groups_.pop_back();
  group->id = next_group_++;
  return group;
}

void Worker::RecycleIfUnused(AttemptGroup* group) {
  if (group->in_use > 0 || group->reported < group->items.size()) return;
  for (size_t i = 0; i < std::max<size_t>(group->items.size(), 1); ++i) {
    AttemptResult& result = group->results[i];
    if (!result.status.ok()) result.status = absl::OkStatus();
    result.skipped = false;
    result.outputs.clear();
    result.cancelled.store(false, std::memory_order_relaxed);
  }
  group->items.clear();
  group->input_segments.clear();
  group->output_segments.clear();
  group->reported = 0;
  group->stuck = false;
  group->progress.Clear();
  free_groups_.push_back(group);
}

}  // namespace millrace::stages
