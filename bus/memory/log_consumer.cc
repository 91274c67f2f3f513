// LogConsumer: the driver's calls.
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
  if (!troubles_.empty()) troubles_.Tell(*handler_);
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

}  // namespace millrace::bus
