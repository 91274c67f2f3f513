// Exactly once: outputs and the settlements of their inputs are committed in one step, or nobody ever sees either.
//
// There is one transaction at a time, over all partitions. A result is kept in its window, and published when all before
// it in the partition have theirs: so the transaction holds a prefix of each, of which an offset says all. It ends when
// what it holds is confirmed and nothing is about to join it, or its time is up; until it has ended results gather for the
// next, while attempts go on. When it is aborted, each partition begins to publish again from its first message that is
// not settled: the same results, of which none is lost and none is made anew. Failures, back-off and suspicion are known
// beside that, and know of no transaction.
//
// A publish that fails dooms the transaction; so does a partition that goes while it has a share, as its messages are
// somebody else's now. An output that is refused for good does too, and its message is a dead letter in the next one.
#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {

// ---------------------------------------------------------------- results

// `group` is null where there is nothing to publish; else it counts this as one use.
void Worker::HoldBack(Held& held, uint64_t place, AttemptGroup* group, uint32_t item) {
  Slot& slot = held.window.at(place);
  // A dead letter is counted in already, by both.
  if (!slot.dead) {
    ++held.publishing;
    if (group != nullptr) ++group->in_use;
  }
  slot.state = SlotState::kHeldBack;
  held.share.results[place - held.window.head()] = {group, item};
  // Those behind a dead letter that parks its key have to see it parked, which it is by the commit.
  if (!slot.dead || !options_.park_key) AdvanceKey(held, slot);
  PublishPrefix(held);
}

void Worker::ReleaseResult(TransactionShare& share, uint64_t place, uint64_t head) {
  TransactionShare::Result& result = share.results[place - head];
  AttemptGroup* group = std::exchange(result.group, nullptr);
  if (group == nullptr) return;
  --group->in_use;
  RecycleIfUnused(group);
}

bool Worker::MayPublish() const {
  return !doomed_ &&
         (transaction_ == Transaction::kOpen || (transaction_ == Transaction::kNone && begin_at_ <= now_.monotonic));
}

void Worker::PublishPrefix(Held& held) {
  TransactionShare& share = held.share;
  while (MayPublish() && held.window.Contains(share.published)) {
    Slot& slot = held.window.at(share.published);
    if (slot.state != SlotState::kHeldBack) return;
    if (transaction_ == Transaction::kNone) {
      transaction_ = Transaction::kOpen;
      began_ = now_.monotonic;
    }
    const uint64_t place = share.published++;
    const TransactionShare::Result result = share.results[place - held.window.head()];
    const size_t count = result.group == nullptr ? 0 : result.group->results[result.item].outputs.size();
    slot.unconfirmed = static_cast<uint32_t>(count);
    slot.state = count > 0 ? SlotState::kPublishing : SlotState::kDone;
    for (uint32_t output = 0; output < count; ++output) {
      ++result.group->in_use;  // until it is answered, whatever becomes of the partition
      lanes_.Enqueue({.input = held.holding,
                      .place = place,
                      .group = result.group,
                      .item = result.item,
                      .output = output,
                      .dead_letter = slot.dead},
                     actions_);
    }
  }
}

void Worker::AnsweredInTransaction(const PendingOutput& pending) {
  --pending.group->in_use;
  RecycleIfUnused(pending.group);
  Held* held = FindHeld(pending.input);
  if (held == nullptr) return;
  Slot& slot = held->window.at(pending.place);
  if (--slot.unconfirmed == 0) slot.state = SlotState::kDone;
}

// ---------------------------------------------------------------- the end of a transaction

void Worker::Doom(const absl::Status& why, bool back_off) {
  if (transaction_ != Transaction::kOpen && transaction_ != Transaction::kEnding) return;
  back_off_ = back_off_ || back_off;
  if (doomed_) return;
  doomed_ = true;
  why_ = why;
}

bool Worker::TransactionIsDue() const {
  if (doomed_ || draining_ || now_.monotonic >= began_ + options_.transaction_interval) return true;
  if (running_.empty() && ready_.empty()) return true;
  return std::any_of(held_.begin(), held_.end(), [](const Held* held) {
    // Half of a full window waits for nothing else.
    const bool full = !held->flowing && 2 * (held->share.published - held->window.head()) >= held->window.size();
    return full || !held->active() || held->guard.note_changed;
  });
}

void Worker::StepTransaction() {
  if (transaction_ == Transaction::kNone && begin_at_ <= now_.monotonic) {
    for (Held* held : held_) PublishPrefix(*held);
    const bool note = std::any_of(held_.begin(), held_.end(), [](const Held* h) { return h->guard.note_changed; });
    if (transaction_ == Transaction::kNone && note) {
      transaction_ = Transaction::kOpen;
      began_ = now_.monotonic;
    }
  }
  if (transaction_ == Transaction::kOpen && TransactionIsDue()) transaction_ = Transaction::kEnding;
  if (transaction_ != Transaction::kEnding || lanes_.outstanding() > 0) return;
  if (!doomed_) return Commit();
  transaction_ = Transaction::kAborting;
  actions_->list.push_back(TransactAction{.commit = false});
}

void Worker::Commit() {
  TransactAction action{.commit = true, .first = actions_->settles.size()};
  for (Held* held : held_) {
    if (held->share.published > held->window.head() || held->guard.note_changed) AddSettle(*held);
  }
  action.count = actions_->settles.size() - action.first;
  // Nothing is left of what it was opened for: a note, of a partition that has gone.
  transaction_ = action.count == 0 ? Transaction::kNone : Transaction::kCommitting;
  if (action.count > 0) actions_->list.push_back(action);
}

void Worker::AddSettle(Held& held) {
  PartitionWindow& window = held.window;
  TransactionShare& share = held.share;
  share.committing = true;
  share.until = share.published;
  const bool moved = share.until > window.head();
  const size_t first_range = actions_->ranges.size();
  if (moved) {
    share.range = {window.at(window.head()).delivery.sequence, window.at(share.until - 1).delivery.sequence};
    actions_->ranges.push_back(share.range);
    ParkInTransaction(held);
  }
  share.next = window.Contains(share.until) ? window.at(share.until).delivery.sequence : held.next_sequence;
  SettleAction settle{.holding = held.holding,
                      .first_range = first_range,
                      .range_count = moved ? size_t{1} : size_t{0},
                      .next = share.next,
                      .has_note = std::exchange(held.guard.note_changed, false)};
  share.has_note = settle.has_note;
  if (settle.has_note) {
    PartitionNote note = held.guard.note;  // which forgets nothing before it is committed
    note.Forget(share.next);
    share.note = note.Write();
    settle.note = actions_->AddText(share.note);
    held.guard.unanswered = 1;
  }
  actions_->settles.push_back(settle);
}

// Keys of dead letters are parked by the transaction that the dead letters are in.
void Worker::ParkInTransaction(Held& held) {
  if (!options_.park_key) return;
  for (uint64_t place = held.window.head(); place < held.share.until; ++place) {
    const Slot& slot = held.window.at(place);
    const size_t before = held.guard.note.parked.size();
    if (slot.dead) Park(held, slot);
    if (held.guard.note.parked.size() > before) held.share.parked.push_back(slot.key);
  }
}

void Worker::On(const TransactedEvent& event) {
  MR_CHECK(transaction_ == Transaction::kCommitting || transaction_ == Transaction::kAborting)
      << "the end of a transaction that was not asked for";
  const bool committed = transaction_ == Transaction::kCommitting && event.status.ok();
  if (transaction_ == Transaction::kCommitting && !committed) {
    back_off_ = true;
    why_ = event.status;
  }
  for (Held* held : held_) {
    if (committed) {
      if (held->share.committing) Committed(*held);
    } else {
      Rewind(*held);
    }
    MarkDirty(*held);
  }
  transaction_ = Transaction::kNone;
  doomed_ = false;
  begin_at_ = now_.monotonic;
  if (committed) {
    aborts_ = 0;
    why_ = absl::OkStatus();
  } else if (std::exchange(back_off_, false)) {
    begin_at_ = now_.monotonic + Doubling(options_.outage_backoff_initial, options_.outage_backoff_max, aborts_++);
  }
  for (Held* held : held_) PublishPrefix(*held);
}

void Worker::Committed(Held& held) {
  PartitionWindow& window = held.window;
  TransactionShare& share = held.share;
  share.committing = false;
  share.parked.clear();
  SettleAction settle{.holding = held.holding,
                      .first_range = actions_->ranges.size(),
                      .range_count = 0,
                      .next = share.next,
                      .has_note = share.has_note,
                      .committed = true};
  if (share.until > window.head()) {
    actions_->ranges.push_back(share.range);
    settle.range_count = 1;
  }
  if (share.has_note) {
    settle.note = actions_->AddText(share.note);
    held.guard.note.Forget(share.next);
    held.guard.unanswered = 0;
  }
  uint64_t passed = 0;
  for (; window.head() < share.until; ++passed) {
    Slot& slot = window.at(window.head());
    MR_CHECK(slot.state == SlotState::kDone) << "committed what was not confirmed";
    const TransactionShare::Result result = share.results.front();
    --held.publishing;
    ++stats_.done;
    stats_.latency.Add((now_.monotonic - slot.arrived).count());
    if (slot.dead) {
      ++stats_.dead;
    } else if (result.group != nullptr) {
      stats_.out += result.group->results[result.item].outputs.size();
    }
    AdvanceKey(held, slot);
    ReleaseResult(share, window.head(), window.head());
    share.results.pop();
    window.PopHead();
  }
  if (passed > 0) AdvanceGuard(held, passed);
  actions_->list.push_back(settle);
}

void Worker::Rewind(Held& held) {
  TransactionShare& share = held.share;
  if (std::exchange(share.committing, false)) {
    if (share.has_note) {
      held.guard.unanswered = 0;
      held.guard.note_changed = true;
    }
    for (const uint64_t key : std::exchange(share.parked, {})) {
      std::erase(held.guard.note.parked, key);
      std::vector<uint64_t>& parking = held.guard.parking;
      parking.insert(std::lower_bound(parking.begin(), parking.end(), key), key);
    }
  }
  for (uint64_t place = held.window.head(); place < share.published; ++place) {
    held.window.at(place).state = SlotState::kHeldBack;
    held.window.at(place).unconfirmed = 0;
  }
  const uint64_t end = std::exchange(share.published, held.window.head());
  RefuseRejected(held, end);
}

void Worker::RefuseRejected(Held& held, uint64_t end) {
  for (uint64_t place = held.window.head(); place < end; ++place) {
    Slot& slot = held.window.at(place);
    if (slot.rejected.ok()) continue;
    const absl::Status why =
        absl::InvalidArgumentError("an output was refused: " + std::string(slot.rejected.message()));
    slot.rejected = absl::OkStatus();
    ReleaseResult(held.share, place, held.window.head());
    --held.publishing;
    DeadLetter(held, place, why);
  }
}

// ---------------------------------------------------------------- partitions that go

// Whether nothing of a partition that is asked back is left to be committed. What waits behind a message that has no result
// is not: nobody has seen anything of it.
bool Worker::MayPart(Held& held) {
  const TransactionShare& share = held.share;
  if (share.committing || share.published > held.window.head()) return false;
  // Under trial: it is not known to be innocent until it is back, and at the deadline its mark stays for the next owner.
  if (held.running > 0 && held.guard.marked != UINT64_MAX) return false;
  // What the next owner is to know is committed while there is time: at the deadline it could not be any more.
  if (!std::exchange(held.share.parting, true) && EndGuardCleanly(held)) held.guard.note_changed = true;
  if (held.running > 0 || held.guard.note_changed) return false;
  if (!held.window.Contains(share.published)) return true;
  const SlotState next = held.window.at(share.published).state;
  return next != SlotState::kHeldBack && next != SlotState::kSpooling;
}

void Worker::DropShare(Held& held) {
  TransactionShare& share = held.share;
  const uint64_t head = held.window.head();
  if (share.published > head) Doom(absl::AbortedError("a partition that has a share in it is gone"), false);
  for (uint64_t place = head; place < held.window.tail(); ++place) ReleaseResult(share, place, head);
  share.results.clear();
  share.committing = share.parting = false;
  share.parked.clear();
  share.published = held.window.tail();
}

MonotonicTime Worker::TransactionTimer() const {
  if (transaction_ == Transaction::kOpen) return began_ + options_.transaction_interval;
  return transaction_ == Transaction::kNone && begin_at_ > now_.monotonic ? begin_at_ : MonotonicTime::Infinite();
}

}  // namespace millrace::stages
