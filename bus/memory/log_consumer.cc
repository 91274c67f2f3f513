// LogConsumer: the driver's calls, and what the broker says.
#include "bus/memory/log_consumer.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {
namespace {

LogMembershipOptions MembershipOptions(const ConsumerOptions& options, const LogConsumerOptions& log) {
  LogMembershipOptions out;
  out.group = options.group;
  out.static_id = options.static_id;
  out.cooperative = options.cooperative;
  out.session_timeout = options.session_timeout;
  out.rebalance_timeout = log.rebalance_timeout;
  out.heartbeat_interval = options.heartbeat_interval;
  out.retry_backoff = log.retry_backoff;
  out.session_is_connection = log.session_is_connection;
  return out;
}

absl::Status Stale() {
  return absl::AbortedError("the partition was given up before the broker had taken this settlement");
}

// Close tells nobody.
class NobodyHandler final : public ConsumerHandler {
 public:
  void OnAssigned(std::span<const Assignment>) override {}
  void OnRevoking(std::span<const Holding>, MonotonicTime) override {}
  void OnLost(std::span<const Holding>) override {}
  void OnDelivered(const DeliveryBatch&) override {}
  void OnNoted(Holding, const absl::Status&) override {}
  void OnTrouble(const absl::Status&) override {}
};

}  // namespace

LogConsumer::LogConsumer(const ConsumerOptions& options, const LogConsumerOptions& log_options,
                         std::unique_ptr<LogLink> link, MonotonicTime now)
    : options_(options),
      log_options_(log_options),
      link_(std::move(link)),
      now_(now),
      membership_(MembershipOptions(options, log_options), *link_, *this),
      connect_at_(now) {
  MR_CHECK(options_.batch_max > 0) << "a batch holds at least one message";
  polled_at_ = now;
  if (log_options_.auto_commit_interval > Duration::zero()) auto_commit_at_ = now + log_options_.auto_commit_interval;
}

LogConsumer::~LogConsumer() = default;

void LogConsumer::Poll(ConsumerHandler& handler) {
  MR_CHECK(!in_poll_) << "Poll was called inside a handler's call";
  if (closed()) return;
  in_poll_ = true;
  handler_ = &handler;
  polled_at_ = now_;
  due_ = false;
  Step();
  TellAll();
  bool fetched = false;
  // Answers over a direct link come at once, and lead to further requests; a fetch goes out once per partition, so this
  // ends.
  while (!closed()) {
    if (!to_commit_.empty()) CommitAll();
    Receive();
    if (events_.empty()) {
      if (fetched) break;
      fetched = true;
      FetchAll();
      continue;
    }
    for (LogEvent& event : events_) {
      Handle(event);
      TellAll();
    }
    events_.clear();
    Step();
    TellAll();
  }
  handler_ = nullptr;
  in_poll_ = false;
}

void LogConsumer::Receive() {
  if (waiting_.empty()) return link_->Receive(events_);
  std::swap(events_, waiting_);
  waiting_.clear();
}

void LogConsumer::KeepAlive() {
  if (closed() || !connected_) return;
  link_->Receive(events_);
  for (LogEvent& event : events_) {
    if (event.kind == LogEventKind::kReply && membership_.TakeSignOfLife(event)) continue;
    waiting_.push_back(std::move(event));
  }
  events_.clear();
  const bool gone = std::any_of(waiting_.begin(), waiting_.end(),
                                [](const LogEvent& e) { return e.kind == LogEventKind::kDisconnected; });
  if (gone) return;
  if (now_ - polled_at_ >= log_options_.rebalance_timeout) return membership_.StopUnpolled(now_);
  membership_.KeepAlive(now_);
}

MonotonicTime LogConsumer::NextTimer() const {
  if (closed()) return MonotonicTime::Infinite();
  if (due_ || attention_ || !waiting_.empty()) return now_;
  return std::min(wake_at_, membership_.NextTimer());
}

void LogConsumer::Tell() {
  if (!troubles_.empty()) {
    for (const absl::Status& trouble : std::exchange(troubles_, {})) handler_->OnTrouble(trouble);
  }
  if (!revoking_.empty()) {
    const std::vector<Holding> told = std::exchange(revoking_, {});
    handler_->OnRevoking(told, RevokeDeadline());
  }
  if (!lost_.empty()) {
    const std::vector<Holding> told = std::exchange(lost_, {});
    handler_->OnLost(told);
  }
  if (!noted_.empty()) {
    for (const auto& [holding, status] : std::exchange(noted_, {})) handler_->OnNoted(holding, status);
  }
  if (!assigned_.empty()) {
    const std::vector<Assignment> told = std::exchange(assigned_, {});
    handler_->OnAssigned(told);
  }
}

LogConsumer::Slot* LogConsumer::SlotOf(Holding holding) {
  const size_t topic = static_cast<size_t>(holding.partition.topic);
  if (topic >= slot_base_.size()) return nullptr;
  const size_t at = slot_base_[topic] + static_cast<size_t>(holding.partition.number);
  return at < slots_.size() && slots_[at].holding() == holding ? &slots_[at] : nullptr;
}

LogConsumer::Slot* LogConsumer::SlotOfBroker(Partition partition) {
  for (size_t t = 0; t < topic_ids_.size(); ++t) {
    if (topic_ids_[t] != partition.topic || slots_.empty()) continue;
    const size_t at = slot_base_[t] + static_cast<size_t>(partition.number);
    return at < slots_.size() && slots_[at].partition.number == partition.number ? &slots_[at] : nullptr;
  }
  return nullptr;
}

std::string LogConsumer::NameOfSlot(const Slot& slot) const {
  return options_.topics[static_cast<size_t>(slot.partition.topic)] + "/" + std::to_string(slot.partition.number);
}

size_t LogConsumer::held() const {
  return static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.held(); }));
}

// ---------------------------------------------------------------- the caller's verbs

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

void LogConsumer::Flow(Holding holding, bool on) {
  Slot* slot = SlotOf(holding);
  if (slot == nullptr || slot->state != SlotState::kHeld) return;
  slot->flow = on;
  if (on) WantFetch(*slot);
}

void LogConsumer::Release(Holding holding) {
  Slot* slot = SlotOf(holding);
  if (slot == nullptr || !slot->held()) return;
  if (slot->state == SlotState::kHeld) {
    // Unasked: the protocol has no way to give up one partition, so everything is given up, for a while.
    slot->deadline = RevokeDeadline();
    give_up_ = true;
  }
  slot->state = SlotState::kReleased;
  slot->stash = {};
  Attend();
}

void LogConsumer::StartClose() {
  if (phase_ != Phase::kRunning) return;
  phase_ = Phase::kClosing;
  for (Slot& slot : slots_) {
    slot.reassigned = false;
    if (slot.state == SlotState::kStarting) Free(slot, Stale());
    if (slot.held()) slot.state = SlotState::kReleased;
    slot.deadline = MonotonicTime::Infinite();
    slot.stash = {};
  }
  commit_at_ = std::min(commit_at_, now_);  // what was refused while running is tried once more, and not waited for
  Attend();
}

bool LogConsumer::TryClose() {
  StartClose();
  NobodyHandler nobody;
  Poll(nobody);
  return closed();
}

absl::Status LogConsumer::Close(MonotonicTime) {
  if (!TryClose()) {
    settlements_lost_ = settlements_lost_ || !commits_.empty() ||
                        std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.dirty; });
    phase_ = Phase::kClosed;
    link_->Drop(now_);
  }
  if (!settlements_lost_) return absl::OkStatus();
  return absl::UnavailableError(
      "group \"" + options_.group +
      "\": closed before the broker had taken every settlement; what it has not taken is delivered again");
}

// ---------------------------------------------------------------- what the broker says

void LogConsumer::Handle(LogEvent& event) {
  switch (event.kind) {
    case LogEventKind::kConnected:
      return OnConnected();
    case LogEventKind::kDisconnected:
      return OnDisconnected();
    case LogEventKind::kReply:
      break;
    case LogEventKind::kTrouble:
      troubles_.push_back(std::move(event.detail->trouble));
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
  if (unwell_) troubles_.push_back(absl::OkStatus());
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
  if (!unwell_) troubles_.push_back(absl::UnavailableError("the connection to the broker is gone; trying again"));
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
      troubles_.push_back(
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
    troubles_.push_back(absl::DataLossError(NameOfSlot(slot) + ": offsets 0 to " + std::to_string(offsets.start - 1) +
                                            " were destroyed before group \"" + options_.group +
                                            "\" had settled any; starting behind them"));
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
    troubles_.push_back(absl::FailedPreconditionError(NameOfSlot(*slot) + ": " + std::string(NameOf(event.error))));
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
    troubles_.push_back(absl::DataLossError(NameOfSlot(slot) + ": the log ends at offset " +
                                            std::to_string(offsets.end) + ", the group was at " +
                                            std::to_string(slot.position) + ": its end was destroyed; going on there"));
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
    troubles_.push_back(absl::DataLossError(NameOfSlot(slot) + ": retention destroyed offsets " +
                                            std::to_string(unread) + " to " + std::to_string(offsets.start - 1) +
                                            " before group \"" + options_.group +
                                            "\" had settled them; going on behind them"));
  }
  const bool idle = slot.settled >= slot.delivered;
  slot.position = std::max(slot.position, offsets.start);
  if (idle && !options_.transactional) {
    slot.settled = slot.position;
    slot.dirty = true;
  }
  WantFetch(slot);
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
    if (commit.notes > 0 && slot.note == note) slot.note = slot.note_taken;
    slot.dirty = true;
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
