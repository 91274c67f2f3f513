// Attempts that take longer than they may.
//
// Nobody tells the worker when an attempt begins: that would be an event a message. When a group has been out for as long as one
// attempt may take, the worker asks what the executor is at (ProgressAction), and counts from when that began. A message
// that runs out of time is told to stop and has failed; its key waits until it returns. Of a batch, which runs in one call,
// all are told to stop and none has failed: each is tried again in a group of its own, which finds the one that is slow.
//
// An attempt that does not return within the grace either holds a thread for as long as it likes. The instance says that it
// is not ready, and gives its partitions up. The next owner must not begin from nothing with such a message, else it goes round
// for ever: so the partition's note counts how often it did not return, and that counts like attempts. Where there are
// no notes, the delivery count does (worker_suspects.cc).
#include <algorithm>

#include "stages/wall_text.h"
#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {

AttemptGroup* Worker::FindRunning(uint64_t id) {
  const auto it = std::find_if(running_.begin(), running_.end(), [id](const AttemptGroup* g) { return g->id == id; });
  return it == running_.end() ? nullptr : *it;
}

// Looks at the group when what begins now has run out of time.
void Worker::WatchGroup(const AttemptGroup& group) {
  timers_.Set(
      {.at = now_.monotonic + options_.attempt_timeout, .kind = Timer::Kind::kGroup, .holding = {}, .id = group.id});
}

void Worker::OnGroupTimer(uint64_t id) {
  if (AttemptGroup* group = FindRunning(id)) actions_->list.push_back(ProgressAction{group});
}

void Worker::On(const ProgressEvent& event) {
  AttemptGroup* group = FindRunning(event.group);
  if (group == nullptr) return;
  const AttemptProgress::Reading& running = event.running;
  MonotonicTime due = now_.monotonic + options_.attempt_timeout;
  // What has been reported since the question is over.
  if (running.from < running.to && running.from >= group->reported) {
    due = running.since + options_.attempt_timeout;
    if (due <= now_.monotonic) {
      TimeOut(*group, running);
      due = due + options_.timeout_grace;
      if (due <= now_.monotonic) {
        GiveEverythingUp(*group, running);
        due = now_.monotonic + options_.attempt_timeout + options_.timeout_grace;
      }
    }
  }
  timers_.Set({.at = due, .kind = Timer::Kind::kGroup, .holding = {}, .id = group->id});
}

void Worker::TimeOut(AttemptGroup& group, const AttemptProgress::Reading& running) {
  for (uint32_t i = running.from; i < running.to; ++i) {
    AttemptItem& item = group.items[i];
    if (item.timed_out) continue;
    item.timed_out = true;
    item.in_company = running.to - running.from > 1;
    actions_->list.push_back(CancelAction{&group, i});
  }
}

void Worker::GiveEverythingUp(AttemptGroup& group, const AttemptProgress::Reading& running) {
  if (group.stuck) return;
  group.stuck = true;
  const AttemptItem& first = group.items[running.from];
  for (uint32_t i = running.from; i < running.to; ++i) {
    if (Held* held = FindHeld(group.items[i].holding))
      RememberHung(*held, group.items[i].delivery.sequence, running.to - running.from > 1);
  }
  if (!ready_to_serve_) return;
  ready_to_serve_ = false;
  std::string what =
      "stage " + options_.stage + ": an attempt runs past its time-out and the grace and does not return: " +
      options_.inputs[static_cast<size_t>(first.holding.partition.topic)] + "/" +
      std::to_string(first.holding.partition.number) + ", message " + std::to_string(first.delivery.sequence) +
      " with key '" + std::string(first.delivery.message.key.value_or("")) + "'";
  if (running.to - running.from > 1)
    what += ", or one of the " + std::to_string(running.to - running.from - 1) + " in a batch with it";
  actions_->list.push_back(
      ReadyAction{.ready = false, .reason = actions_->AddText(what + "; the instance gives its partitions up")});
  for (Held* held : held_) BeginRevoke(*held, now_.monotonic + options_.timeout_grace);
}

void Worker::RememberHung(Held& held, uint64_t sequence, bool in_company) {
  if (!options_.notes) return;
  if (in_company) {
    held.guard.note.AddAlone(sequence);
  } else {
    held.guard.note.AddHung(sequence);
  }
  held.guard.note_changed = true;
  MarkDirty(held);
}

// What earlier owners have found out about a message that has just come.
void Worker::RecallHung(const Held& held, Slot& slot) const {
  const PartitionNote& note = held.guard.note;
  if (note.hung.empty() && !note.alone.has_value()) return;
  const uint64_t sequence = slot.delivery.sequence;
  slot.alone = note.IsAlone(sequence);
  slot.failures = note.HungTimes(sequence);
  if (slot.failures > 0) {
    slot.history = std::make_unique<std::string>("1-" + std::to_string(slot.failures) + " before " +
                                                 WallText(now_.wall) + " the attempts did not return\n");
  }
}

bool Worker::HungTooOften(const Held& held, const Slot& slot) const {
  const PartitionNote& note = held.guard.note;
  return !note.hung.empty() && note.HungTimes(slot.delivery.sequence) >= options_.retry.attempts_max;
}

}  // namespace millrace::stages
