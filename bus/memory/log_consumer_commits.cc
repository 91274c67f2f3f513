// LogConsumer: settlements on their way to the broker, and its answers to them.
#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "bus/memory/log_consumer.h"

namespace millrace::bus {

namespace {

absl::Status NoteRefused() {
  return absl::UnavailableError(
      "the broker takes no notes of that length with offsets (OFFSET_METADATA_TOO_LARGE), so they are left out: who "
      "has "
      "these partitions next does not know which keys are parked and which messages may have killed a process; raise "
      "offset.metadata.max.bytes of the brokers to 4096");
}

}  // namespace

absl::Status LogConsumer::Stale() {
  return absl::AbortedError("the partition was given up before the broker had taken this settlement");
}

void LogConsumer::Settle(const struct Settle& settle) {
  Slot* slot = SlotOf(settle.holding);
  if (slot == nullptr || !slot->held()) {
    if (settle.has_note) AnswerNotes(settle.holding, 1, Stale());
    return;
  }
  if (options_.transactional) {
    MR_CHECK(settle.committed) << "a transactional consumer settles by transactions";
    slot->settled = slot->committed = std::max({slot->settled, slot->prepared, static_cast<int64_t>(settle.next)});
    if (settle.has_note) {
      slot->note.assign(settle.note);
      slot->note_taken = slot->note;
    }
    return;
  }
  int64_t next = static_cast<int64_t>(settle.next);
  // Nothing is in flight: what has no record behind it is done with too.
  if (next >= slot->delivered) next = std::max(next, slot->position);
  slot->settled = std::max(slot->settled, next);
  if (settle.has_note) {
    slot->note.assign(settle.note);
    ++slot->notes_waiting;
  }
  slot->dirty = true;
  if (!CanCommit(*slot)) {
    Attend();
  } else if (!in_poll_) {
    SendCommit(*slot);
  } else if (!slot->settling) {
    slot->settling = true;
    to_commit_.push_back(static_cast<uint32_t>(slot - slots_.data()));
  }
}

TransactionOffsets LogConsumer::Prepare(std::span<const struct Settle> settles) {
  TransactionOffsets out{.group = options_.group,
                         .member = membership_.member(),
                         .static_id = options_.static_id,
                         .generation = membership_.generation(),
                         .offsets = {}};
  for (const struct Settle& settle : settles) {
    Slot* slot = SlotOf(settle.holding);
    MR_CHECK(slot != nullptr && slot->held()) << "settles what it does not hold";
    int64_t next = static_cast<int64_t>(settle.next);
    if (next >= slot->delivered) next = std::max(next, slot->position);
    slot->prepared = std::max(next, slot->settled);
    out.offsets.push_back({.partition = slot->partition,
                           .next = slot->prepared,
                           .note = settle.has_note ? std::string(settle.note) : slot->note});
  }
  return out;
}

bool LogConsumer::CanCommit(const Slot& slot) const {
  if (!membership_.CanCommit() || now_ < commit_at_) return false;
  // A cooperative member's join waits for the answers to its commits, so no new ones for what it keeps.
  return !(options_.cooperative && membership_.must_rejoin() && slot.state == SlotState::kHeld &&
           phase_ == Phase::kRunning);
}

void LogConsumer::CommitAll() {
  for (uint32_t index : to_commit_) {
    Slot& slot = slots_[index];
    slot.settling = false;
    if (!slot.dirty) continue;
    if (!CanCommit(slot)) {
      Attend();
    } else if (!PrepareCommit(slot, requests_.emplace_back())) {
      requests_.pop_back();
    }
  }
  to_commit_.clear();
  if (!requests_.empty()) link_->SendAll(requests_, now_);
  requests_.clear();
}

void LogConsumer::SendCommit(Slot& slot) {
  LogRequest request;
  if (PrepareCommit(slot, request)) link_->Send(request, now_);
}

bool LogConsumer::PrepareCommit(Slot& slot, LogRequest& request) {
  slot.dirty = false;
  if (slot.settled <= slot.committed && slot.commits == 0 && slot.notes_waiting == 0) return false;
  request.method = LogMethod::kCommit;
  request.quiet = slot.notes_waiting == 0 && slot.state == SlotState::kHeld;
  request.id = next_id_++;
  request.generation = membership_.generation();
  request.partition = BrokerPartition(slot);
  request.offset = slot.settled;
  request.group = options_.group;
  request.member = membership_.member();
  request.instance = options_.static_id;
  request.note = slot.note;
  commits_.push_back(
      {request.id, static_cast<uint32_t>(&slot - slots_.data()), slot.epoch, slot.settled, slot.notes_waiting});
  if (slot.notes_waiting > 0) commit_notes_.push_back(slot.note);
  ++slot.commits;
  slot.notes_waiting = 0;
  return true;
}

void LogConsumer::OnCommitted(const LogEvent& event) {
  if (commits_.empty() || commits_.front().id != event.id) return;  // of a connection before this one
  const uint64_t answered = std::max<uint64_t>(event.count, 1);
  for (uint64_t i = 0; i < answered; ++i) OnCommitAnswered(event);
}

void LogConsumer::OnCommitAnswered(const LogEvent& event) {
  MR_CHECK(!commits_.empty()) << "the broker answers what was not asked";
  const CommitUnderWay commit = commits_.front();
  commits_.pop_front();
  std::string note;
  if (commit.notes > 0) {
    note = std::move(commit_notes_.front());
    commit_notes_.pop_front();
  }
  Slot& slot = slots_[commit.slot];
  const bool current = slot.epoch == commit.epoch && (slot.held() || slot.state == SlotState::kReleased);
  if (current) --slot.commits;
  if (!current || slot.state != SlotState::kHeld) Attend();
  const Holding holding{slot.partition, commit.epoch};
  if (event.error == LogError::kNone) {
    if (current) {
      slot.committed = std::max(slot.committed, commit.offset);
      if (commit.notes > 0) slot.note_taken = std::move(note);
    }
    if (commit.notes > 0) AnswerNotes(holding, commit.notes, absl::OkStatus());
    return;
  }
  Attend();
  // While it joins again, the answer to that tells whether it is out. Whoever closes does not wait for that: others may
  // take as long to join as they like.
  const bool joining = phase_ == Phase::kRunning && membership_.state() != LogMembership::State::kIn;
  const bool over =
      event.error == LogError::kUnknownMember || event.error == LogError::kFencedInstance ||
      (event.error == LogError::kIllegalGeneration && !joining && event.generation == membership_.generation());
  if (current && event.error == LogError::kNoteTooLarge) {
    if (commit.notes > 0)
      AnswerNotes(holding, commit.notes, absl::InvalidArgumentError("the broker does not take a note of that length"));
    // Without one of its own it carried the last one along, of a time when the broker took more.
    const bool carried = commit.notes == 0 && slot.note == slot.note_taken;
    if (carried) slot.note_taken.clear();
    if (carried || (commit.notes > 0 && slot.note == note)) slot.note = slot.note_taken;
    slot.dirty = true;
    troubles_.Add(NoteRefused());
  } else if (current && !over) {
    // The group is between two generations, or its coordinator away. The partition is still ours: say it again.
    slot.dirty = true;
    slot.notes_waiting += commit.notes;
    if (event.error != LogError::kIllegalGeneration || joining) commit_at_ = now_ + log_options_.retry_backoff;
  } else {
    settlements_lost_ = settlements_lost_ || phase_ != Phase::kRunning;
    if (commit.notes > 0) AnswerNotes(holding, commit.notes, Stale());
  }
  membership_.OnError(event.error, event.generation);
}

void LogConsumer::AnswerNotes(Holding holding, uint32_t count, const absl::Status& status) {
  for (uint32_t i = 0; i < count; ++i) noted_.emplace_back(holding, status);
  if (count > 0) Attend();
}

}  // namespace millrace::bus
