// Worker: settling. Nothing else settles, but for transactions (worker_transaction.cc).
#include <algorithm>

#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {

void Worker::EmitSettles() {
  // Settling may dead-letter or release, which marks nothing new; still by index, in case it ever does.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    Held& held = *dirty_[i];
    held.dirty = false;
    if (!held.held()) continue;
    EmitSettle(held);
    UpdateFlow(held);
    ReleaseIfFinished(held);
  }
  dirty_.clear();
}

void Worker::EmitSettle(Held& held) {
  if (options_.exactly_once) return;  // Commit does
  PartitionWindow& window = held.window;
  const size_t first_range = actions_->ranges.size();
  const auto add = [&](uint64_t sequence, bool extends) {
    if (extends && actions_->ranges.size() > first_range) {
      actions_->ranges.back().last = sequence;
    } else {
      actions_->ranges.push_back({sequence, sequence});
    }
  };
  if (options_.settlement == bus::Settlement::kIndividual) {
    std::sort(held.settle.begin(), held.settle.end());
    for (size_t i = 0; i < held.settle.size(); ++i) {
      add(window.at(held.settle[i]).delivery.sequence, i > 0 && held.settle[i] == held.settle[i - 1] + 1);
    }
    held.settle.clear();
  }
  uint64_t passed = 0;
  for (; !window.empty() && window.at(window.head()).state == SlotState::kDone; ++passed) {
    // On a log one range covers the prefix, gaps in offsets included.
    if (options_.settlement == bus::Settlement::kPrefix) add(window.at(window.head()).delivery.sequence, true);
    window.PopHead();
  }
  if (passed > 0) AdvanceGuard(held, passed);
  const size_t ranges = actions_->ranges.size() - first_range;
  if (ranges == 0 && !held.guard.note_changed) return;
  SettleAction settle{.holding = held.holding,
                      .first_range = first_range,
                      .range_count = ranges,
                      .next = window.empty() ? held.next_sequence : window.at(window.head()).delivery.sequence,
                      .has_note = held.guard.note_changed && options_.notes,
                      .note = 0};
  if (settle.has_note) {
    held.guard.note.Forget(settle.next);
    settle.note = actions_->AddText(held.guard.note.Write());
    ++held.guard.unanswered;
  }
  held.guard.note_changed = false;
  actions_->list.push_back(settle);
}

void Worker::EmitNote(Held& held) {
  held.guard.note_changed = true;
  EmitSettle(held);
}

void Worker::UpdateFlow(Held& held) {
  if (!held.active()) return;
  const PartitionWindow& window = held.window;
  const bool full = window.size() >= options_.window_messages || window.bytes() >= options_.window_bytes;
  const bool room = window.size() <= options_.window_messages / 2 && window.bytes() <= options_.window_bytes / 2;
  if (held.flowing ? full : room) {
    held.flowing = !held.flowing;
    actions_->list.push_back(FlowAction{held.holding, held.flowing});
  }
}

}  // namespace millrace::stages
