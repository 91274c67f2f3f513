// LogConsumer: what is due, and what has become possible.
#include <algorithm>
#include <utility>

#include "bus/memory/log_consumer.h"

namespace millrace::bus {
namespace {

absl::Status GivenUp() {
  return absl::AbortedError("the partition is not ours any more; its next owner redoes what was not settled");
}

}  // namespace

void LogConsumer::Step() {
  if (membership_.Step(now_) && connected_) {
    // The server is silent: whatever this connection is, it is of no use.
    OnDisconnected();
  }
  if (!attention_ && now_ < wake_at_) return;
  // Each of these may make another possible; a change asks for one more round by Attend.
  do {
    attention_ = false;
    wake_at_ = auto_commit_at_;
    StepConnection();
    AutoCommit();
    StepCommits();
    StepRevoking();
    StepMembership();
    StepOffsets();
    StepClose();
  } while (attention_ && !closed());
}

void LogConsumer::StepConnection() {
  if (connected_ || connecting_ || failed_) return;
  if (now_ < connect_at_) return AtLatest(connect_at_);
  connecting_ = true;
  link_->Connect(now_);
}

void LogConsumer::AutoCommit() {
  if (now_ < auto_commit_at_) return;
  auto_commit_at_ = now_ + log_options_.auto_commit_interval;
  AtLatest(auto_commit_at_);
  for (Slot& slot : slots_) {
    if (!slot.held() || slot.delivered <= slot.settled) continue;
    slot.settled = slot.delivered;
    slot.dirty = true;
  }
}

void LogConsumer::StepCommits() {
  for (Slot& slot : slots_) {
    if (!slot.dirty) continue;
    if (CanCommit(slot)) {
      SendCommit(slot);
    } else if (membership_.CanCommit() && now_ < commit_at_) {
      AtLatest(commit_at_);
    }
  }
}

void LogConsumer::StepRevoking() {
  for (Slot& slot : slots_) {
    if (slot.state != SlotState::kRevoking && slot.state != SlotState::kReleased) continue;
    const bool late = now_ >= slot.deadline;
    const bool done = slot.state == SlotState::kReleased && slot.commits == 0 && !slot.dirty;
    if (!late && !done) {
      AtLatest(slot.deadline);
      continue;
    }
    if (slot.state == SlotState::kRevoking) lost_.push_back(slot.holding());
    const bool again = slot.reassigned && phase_ == Phase::kRunning;
    Free(slot, GivenUp());
    if (again) {
      slot.state = SlotState::kStarting;
      ask_offsets_ = true;
    }
  }
}

bool LogConsumer::GivingBack() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const Slot& s) { return s.state == SlotState::kRevoking || s.state == SlotState::kReleased; });
}

void LogConsumer::StepMembership() {
  if (failed_ || phase_ != Phase::kRunning || !connected_) return;
  if (topic_ids_.empty()) {
    if (metadata_id_ != 0) return;
    metadata_id_ = next_id_++;
    link_->Send({.method = LogMethod::kMetadata, .id = metadata_id_, .topics = options_.topics}, now_);
    return;
  }
  const LogMembership::State state = membership_.state();
  if (give_up_) {
    for (Slot& slot : slots_) {
      if (slot.state == SlotState::kHeld) Revoke(slot);
      if (slot.state == SlotState::kStarting) Free(slot, GivenUp());
    }
    const bool settled = state == LogMembership::State::kIn || state == LogMembership::State::kOut;
    if (!GivingBack() && commits_.empty() && settled) membership_.Leave(now_);
    return;
  }
  if (state == LogMembership::State::kOut) {
    if (now_ < join_at_) return AtLatest(join_at_);
    membership_.Join(topic_ids_, {}, now_);
  } else if (state == LogMembership::State::kIn && membership_.must_rejoin()) {
    if (GivingBack() || !commits_.empty()) return;
    std::vector<Partition> owned;
    for (const Slot& slot : slots_) {
      if (slot.state != SlotState::kFree) owned.push_back(BrokerPartition(slot));
    }
    membership_.Join(topic_ids_, owned, now_);
    Attend();  // what was settled meanwhile can be committed again
  }
}

void LogConsumer::StepOffsets() {
  if (!ask_offsets_ || offsets_id_ != 0 || !connected_) return;
  if (now_ < offsets_at_) return AtLatest(offsets_at_);
  ask_offsets_ = false;
  std::vector<Partition> asked;
  for (const Slot& slot : slots_) {
    if (slot.state == SlotState::kStarting || slot.checking) asked.push_back(BrokerPartition(slot));
  }
  if (asked.empty()) return;
  offsets_id_ = next_id_++;
  link_->Send({.method = LogMethod::kOffsets, .id = offsets_id_, .group = options_.group, .partitions = asked}, now_);
}

void LogConsumer::StepClose() {
  if (phase_ != Phase::kClosing || GivingBack() || !commits_.empty()) return;
  phase_ = Phase::kLeaving;
  membership_.Leave(now_);
}

// ---------------------------------------------------------------- what the membership says

void LogConsumer::OnMustRejoin() {
  Attend();
  if (options_.cooperative || phase_ != Phase::kRunning) return;
  for (Slot& slot : slots_) {
    if (slot.state == SlotState::kHeld) Revoke(slot);
    if (slot.state == SlotState::kStarting) Free(slot, GivenUp());
  }
}

void LogConsumer::OnAssignment(const std::vector<Partition>& partitions) {
  Attend();
  if (phase_ != Phase::kRunning || give_up_) return;
  settlements_lost_ = false;  // whoever has them now does them again
  std::vector<bool> ours(slots_.size(), false);
  for (Partition partition : partitions) {
    if (const Slot* slot = SlotOfBroker(partition); slot != nullptr)
      ours[static_cast<size_t>(slot - slots_.data())] = true;
  }
  bool revoked = false;
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    switch (slot.state) {
      case SlotState::kFree:
        if (ours[i]) slot.state = SlotState::kStarting;
        break;
      case SlotState::kStarting:
        // Whoever gets it is kept waiting too: we have said that we own it.
        if (!ours[i]) {
          Free(slot, GivenUp());
          revoked = true;
        }
        break;
      case SlotState::kHeld:
        if (!ours[i]) {
          Revoke(slot);
          revoked = true;
        }
        break;
      case SlotState::kRevoking:
      case SlotState::kReleased:
        slot.reassigned = ours[i];
        revoked = revoked || !ours[i];
        break;
    }
  }
  // What we give back is somebody's who does not hold it yet: the group has to meet again for that.
  if (revoked) membership_.WantRejoin();
  // An answer under way may be older than what the owners before us have committed.
  offsets_id_ = 0;
  offsets_at_ = now_;
  ask_offsets_ = true;
}

void LogConsumer::OnOut(const absl::Status& why, bool fatal) {
  Attend();
  LoseAll();
  join_at_ = now_;
  if (!fatal) return;
  failed_ = true;
  troubles_.Add(why);
}

void LogConsumer::OnLeft() {
  Attend();
  if (phase_ == Phase::kLeaving) {
    phase_ = Phase::kClosed;
    link_->Drop(now_);
    return;
  }
  give_up_ = false;
  join_at_ = now_ + log_options_.away_time;
}

// ---------------------------------------------------------------- partitions

void LogConsumer::Revoke(Slot& slot) {
  slot.state = SlotState::kRevoking;
  slot.deadline = RevokeDeadline();
  slot.stash = {};
  revoking_.push_back(slot.holding());
}

void LogConsumer::Free(Slot& slot, const absl::Status& notes) {
  if (slot.dirty && phase_ != Phase::kRunning) settlements_lost_ = true;
  const uint32_t waiting = slot.notes_waiting;
  const Holding holding = slot.holding();
  const bool queued = slot.queued;
  const bool settling = slot.settling;
  const Epoch epoch = slot.epoch;
  slot = Slot{.partition = slot.partition};
  slot.queued = queued;
  slot.settling = settling;
  slot.epoch = epoch;  // commits under way refer to it
  AnswerNotes(holding, waiting, notes);
}

void LogConsumer::LoseAll() {
  offsets_id_ = 0;
  for (Slot& slot : slots_) {
    if (slot.held()) lost_.push_back(slot.holding());
    // Of what was given back already nobody is told that it is lost: Close says so, unless the group has been joined again.
    if (slot.state == SlotState::kReleased && (slot.dirty || slot.commits > 0)) settlements_lost_ = true;
    if (slot.state != SlotState::kFree) Free(slot, GivenUp());
  }
}

void LogConsumer::FetchAll() {
  std::swap(to_fetch_, fetching_);
  for (uint32_t index : fetching_) {
    Slot& slot = slots_[index];
    slot.queued = false;
    if (slot.state != SlotState::kHeld || !slot.flow || slot.fetch_id != 0 || slot.checking || !connected_) continue;
    if (slot.stash.segment) {
      LogEvent event = std::move(slot.stash);
      slot.stash = {};
      Deliver(slot, event);
    } else {
      slot.fetch_id = next_id_++;
      LogRequest& request = requests_.emplace_back();
      request.method = LogMethod::kFetch;
      request.max = options_.batch_max;
      request.id = slot.fetch_id;
      request.partition = BrokerPartition(slot);
      request.offset = slot.position;
    }
  }
  fetching_.clear();
  if (!requests_.empty()) link_->SendAll(requests_, now_);
  requests_.clear();
}

std::string LogConsumer::Pending() const {
  std::string out;
  const auto say = [&out](const std::string& what) { out += (out.empty() ? "" : "; ") + what; };
  if (failed_) say("stopped for good");
  if (!connected_ && !failed_) say("no connection to the broker");
  if (membership_.state() == LogMembership::State::kJoining)
    say("group \"" + options_.group + "\": waits for all members to join");
  if (membership_.state() == LogMembership::State::kSyncing)
    say("group \"" + options_.group + "\": waits for the leader's assignment");
  if (membership_.state() == LogMembership::State::kOut && join_at_ > now_) say("stays out of the group for a while");
  for (const Slot& slot : slots_) {
    if (slot.state == SlotState::kStarting) say(NameOfSlot(slot) + ": asks where to start");
    if (slot.state == SlotState::kRevoking) say(NameOfSlot(slot) + ": is taken away and not released yet");
    if (slot.state == SlotState::kReleased) say(NameOfSlot(slot) + ": waits for its settlements to be taken");
    if (slot.held() && !slot.flow) say(NameOfSlot(slot) + ": flow is off");
    if (slot.held() && slot.dirty) say(NameOfSlot(slot) + ": a settlement waits for the group");
  }
  return out;
}

}  // namespace millrace::bus
