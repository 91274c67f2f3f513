// LogConsumer: what the broker says.
#include <algorithm>
#include <utility>

#include "bus/memory/log_consumer.h"

namespace millrace::bus {

void LogConsumer::Handle(LogEvent& event) {
  switch (event.kind) {
    case LogEventKind::kConnected:
      return OnConnected();
    case LogEventKind::kDisconnected:
      return OnDisconnected();
    case LogEventKind::kReply:
      break;
    case LogEventKind::kTrouble:
      troubles_.Add(std::move(event.detail->trouble));
      return;
    case LogEventKind::kProduced:
    case LogEventKind::kWritable:
      return;
  }
  switch (event.method) {
    case LogMethod::kFetch:
      return OnFetched(event);
    case LogMethod::kCommit:
      return OnCommitted(event);
    case LogMethod::kOffsets:
      if (event.id == offsets_id_) OnOffsets(event);
      return;
    case LogMethod::kMetadata:
      if (event.id == metadata_id_) OnMetadata(event);
      return;
    case LogMethod::kJoin:
    case LogMethod::kSync:
    case LogMethod::kHeartbeat:
    case LogMethod::kLeave:
      Attend();
      return membership_.OnReply(event, now_);
    case LogMethod::kInitProducer:
    case LogMethod::kTransactOffset:
    case LogMethod::kEndTransaction:
      return;  // a producer's
  }
}

void LogConsumer::OnConnected() {
  Attend();
  connecting_ = false;
  connected_ = true;
  failures_ = 0;
  if (unwell_) troubles_.Add(absl::OkStatus());
  unwell_ = false;
  membership_.OnConnected(now_);
  for (Slot& slot : slots_) WantFetch(slot);
}

void LogConsumer::OnDisconnected() {
  Attend();
  link_->Drop(now_);
  waiting_.clear();
  connected_ = connecting_ = false;
  const Duration pause =
      std::min(log_options_.reconnect_max, log_options_.reconnect_min * (int64_t{1} << std::min(failures_, 16u)));
  connect_at_ = now_ + pause;
  ++failures_;
  if (!unwell_) troubles_.Add(absl::UnavailableError("the connection to the broker is gone; trying again"));
  unwell_ = true;
  metadata_id_ = offsets_id_ = 0;
  ask_offsets_ = true;
  for (Slot& slot : slots_) slot.fetch_id = 0;
  // Whether these were taken nobody can tell; saying the same again does no harm.
  while (!commits_.empty()) {
    const CommitUnderWay lost = commits_.front();
    commits_.pop_front();
    if (lost.notes > 0) commit_notes_.pop_front();
    Slot& slot = slots_[lost.slot];
    if (slot.epoch == lost.epoch && (slot.held() || slot.state == SlotState::kReleased)) {
      --slot.commits;
      slot.dirty = true;
      slot.notes_waiting += lost.notes;
    } else {
      settlements_lost_ = settlements_lost_ || phase_ != Phase::kRunning;
      AnswerNotes({slot.partition, lost.epoch}, lost.notes,
                  absl::DeadlineExceededError("the connection went before the broker had answered"));
    }
  }
  membership_.OnDisconnected();
}

void LogConsumer::OnMetadata(const LogEvent& event) {
  metadata_id_ = 0;
  Attend();
  std::vector<int32_t> ids;
  for (const LogTopicInfo& topic : event.detail->topics) {
    if (topic.id < 0) {
      failed_ = true;
      troubles_.Add(
          absl::FailedPreconditionError("topic \"" + topic.name + "\" does not exist; apply the topology first"));
      return;
    }
    ids.push_back(topic.id);
  }
  for (size_t t = 0; t < ids.size(); ++t) {
    slot_base_.push_back(slots_.size());
    for (int32_t n = 0; n < event.detail->topics[t].partitions; ++n) {
      slots_.emplace_back().partition = {static_cast<int32_t>(t), n};
    }
  }
  topic_ids_ = std::move(ids);
}

void LogConsumer::OnOffsets(const LogEvent& event) {
  offsets_id_ = 0;
  Attend();
  if (event.error == LogError::kCoordinatorUnavailable || event.error == LogError::kUnstableOffset) {
    offsets_at_ = now_ + log_options_.retry_backoff;
    ask_offsets_ = true;
    return;
  }
  for (const LogOffsets& offsets : event.detail->offsets) {
    Slot* slot = SlotOfBroker(offsets.partition);
    if (slot == nullptr) continue;
    if (slot->state == SlotState::kStarting) {
      OnStart(*slot, offsets);
    } else if (slot->checking) {
      OnRangeChecked(*slot, offsets);
    }
  }
}

void LogConsumer::OnStart(Slot& slot, const LogOffsets& offsets) {
  const int64_t start = offsets.committed >= 0 ? offsets.committed : offsets.start;
  if (offsets.committed < 0 && offsets.start > 0) {
    troubles_.AddLoss(slot.partition, 0, static_cast<uint64_t>(offsets.start - 1),
                      NameOfSlot(slot) + ": offsets 0 to " + std::to_string(offsets.start - 1) +
                          " were destroyed before group \"" + options_.group +
                          "\" had settled any; starting behind them");
  }
  slot.state = SlotState::kHeld;
  slot.epoch = ++last_epoch_;
  slot.position = slot.delivered = slot.settled = start;
  slot.committed = offsets.committed;
  slot.note = slot.note_taken = offsets.note;
  assigned_.push_back({slot.holding(), static_cast<uint64_t>(start), offsets.note});
  WantFetch(slot);
}

void LogConsumer::OnFetched(LogEvent& event) {
  Slot* slot = SlotOfBroker(event.partition);
  if (slot == nullptr || event.id == 0 || event.id != slot->fetch_id) return;
  slot->fetch_id = 0;
  if (slot->state != SlotState::kHeld) return;
  if (event.error == LogError::kOffsetOutOfRange) {
    slot->checking = ask_offsets_ = true;
    Attend();
    return;
  }
  if (event.error != LogError::kNone) {
    failed_ = true;
    troubles_.Add(absl::FailedPreconditionError(NameOfSlot(*slot) + ": " + std::string(NameOf(event.error))));
    return;
  }
  if (event.records.empty()) {
    slot->position = event.offset;
    if (slot->settled >= slot->delivered && !options_.transactional) {
      slot->settled = slot->position;
      slot->dirty = true;
      if (CanCommit(*slot))
        SendCommit(*slot);
      else
        Attend();
    }
    WantFetch(*slot);
  } else if (slot->flow) {
    Deliver(*slot, event);
  } else {
    slot->stash = std::move(event);
  }
}

// Out of range says only that the log does not have the offset: it may have been settled meanwhile by whoever holds the
// partition now.
void LogConsumer::OnRangeChecked(Slot& slot, const LogOffsets& offsets) {
  slot.checking = false;
  // Whoever closes tells nobody any more: the next owner, who begins where we have settled, finds it out and does.
  if (phase_ != Phase::kRunning) return;
  if (slot.position > offsets.end) {
    troubles_.AddLoss(slot.partition, static_cast<uint64_t>(offsets.end), UINT64_MAX,
                      NameOfSlot(slot) + ": the log ends at offset " + std::to_string(offsets.end) +
                          ", the group was at " + std::to_string(slot.position) +
                          ": its end was destroyed; going on there");
    if (slot.held()) lost_.push_back(slot.holding());
    const bool ours = slot.state == SlotState::kHeld;
    Free(slot, Stale());
    if (ours)
      OnStart(slot, {.partition = offsets.partition,
                     .committed = offsets.end,
                     .start = offsets.start,
                     .end = offsets.end,
                     .note = offsets.note});
    return;
  }
  const int64_t unread = std::max(slot.position, offsets.committed);
  if (unread < offsets.start) {
    troubles_.AddLoss(slot.partition, static_cast<uint64_t>(unread), static_cast<uint64_t>(offsets.start - 1),
                      NameOfSlot(slot) + ": retention destroyed offsets " + std::to_string(unread) + " to " +
                          std::to_string(offsets.start - 1) + " before group \"" + options_.group +
                          "\" had settled them; going on behind them");
  }
  const bool idle = slot.settled >= slot.delivered;
  slot.position = std::max(slot.position, offsets.start);
  if (idle && !options_.transactional) {
    slot.settled = slot.position;
    slot.dirty = true;
  }
  WantFetch(slot);
}

void LogConsumer::Deliver(Slot& slot, LogEvent& event) {
  const DeliveryBatch batch{slot.holding(), event.records, std::move(event.segment)};
  slot.position = event.offset;
  slot.delivered = static_cast<int64_t>(event.records.back().sequence) + 1;
  handler_->OnDelivered(batch);
  WantFetch(slot);
}

void LogConsumer::WantFetch(Slot& slot) {
  if (slot.queued || slot.state != SlotState::kHeld || !slot.flow || slot.fetch_id != 0 || slot.checking) return;
  slot.queued = due_ = true;
  to_fetch_.push_back(static_cast<uint32_t>(&slot - slots_.data()));
}

}  // namespace millrace::bus
