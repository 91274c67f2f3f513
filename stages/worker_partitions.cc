// Worker: partitions that come and go.
#include <algorithm>
#include <memory>
#include <utility>

#include "bus/check.h"
#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {

Worker::Held& Worker::PartitionAt(bus::Partition partition) {
  MR_CHECK(partition.topic >= 0 && static_cast<size_t>(partition.topic) < partitions_.size() && partition.number >= 0)
      << "partition " << partition.number << " of input " << partition.topic;
  auto& numbers = partitions_[static_cast<size_t>(partition.topic)];
  const auto number = static_cast<size_t>(partition.number);
  if (numbers.size() <= number) numbers.resize(number + 1);
  if (numbers[number] == nullptr) numbers[number] = std::make_unique<Held>();
  return *numbers[number];
}

void Worker::On(const AssignedEvent& event) {
  for (const bus::Assignment& assignment : event.assignments) {
    Held& held = PartitionAt(assignment.holding.partition);
    MR_CHECK(!held.held()) << "partition " << assignment.holding.partition.number << " assigned twice";
    if (draining_ || !ready_to_serve_) {
      actions_->list.push_back(ReleaseAction{assignment.holding});
      continue;
    }
    held.holding = assignment.holding;
    held.mode = Held::Mode::kActive;
    held.next_sequence = assignment.start;
    held_.push_back(&held);
    BeginGuard(held, assignment);
  }
}

void Worker::On(const RevokingEvent& event) {
  for (const bus::Holding& holding : event.holdings) {
    if (Held* held = FindHeld(holding)) BeginRevoke(*held, event.deadline);
  }
}

void Worker::On(const LostEvent& event) {
  for (const bus::Holding& holding : event.holdings) {
    if (Held* held = FindHeld(holding)) Drop(*held);
  }
}

void Worker::On(const DrainEvent& event) {
  draining_ = true;
  for (Held* held : held_) {
    BeginRevoke(*held, event.deadline);
    // Nobody takes it away, so the bus would go on feeding it for as long as the last attempts take.
    if (std::exchange(held->flowing, false)) actions_->list.push_back(FlowAction{held->holding, false});
  }
}

void Worker::BeginRevoke(Held& held, MonotonicTime deadline) {
  held.deadline = held.mode == Held::Mode::kRevoking ? std::min(held.deadline, deadline) : deadline;
  held.mode = Held::Mode::kRevoking;
  if (held.deadline != MonotonicTime::Infinite()) {
    timers_.Set({.at = held.deadline, .kind = Timer::Kind::kRevoke, .holding = held.holding});
  }
  MarkDirty(held);
}

void Worker::ReleaseIfFinished(Held& held) {
  if (options_.exactly_once) {
    if (held.mode == Held::Mode::kRevoking && MayPart(held)) GiveUp(held);
    return;
  }
  if (held.mode != Held::Mode::kRevoking || held.running > 0 || held.publishing > 0) return;
  GiveUp(held);
}

void Worker::GiveUp(Held& held) {
  if (!options_.exactly_once && EndGuardCleanly(held)) EmitNote(held);
  actions_->list.push_back(ReleaseAction{held.holding});
  Drop(held);
}

void Worker::Drop(Held& held) {
  stats_.given_up += held.window.size();
  if (options_.exactly_once) DropShare(held);
  held.mode = Held::Mode::kGone;
  held.window.Clear();
  held.flowing = true;
  held.running = held.publishing = 0;
  held.settle.clear();
  held.guard = {};
  held_.erase(std::find(held_.begin(), held_.end(), &held));
}

}  // namespace millrace::stages
