// Connection, deliveries and the driver's verbs. Who owns what is in queue_consumer_share.cc.
#include "bus/memory/queue_consumer.h"

#include <algorithm>
#include <utility>

namespace millrace::bus {
namespace {

constexpr uint32_t kRetryDoublingsMax = 6;
constexpr int kCloseRounds = 8;

Beat SelfOf(const ConsumerOptions& options, const QueueConsumerOptions& queue_options) {
  Beat self;
  self.name = options.instance.empty() ? "instance-" + std::to_string(queue_options.incarnation) : options.instance;
  self.incarnation = queue_options.incarnation;
  self.capacity = options.capacity;
  self.ready = false;  // until there is a connection to consume from
  return self;
}

QueueSessionOptions BeatSession(QueueSessionOptions options) {
  ++options.salt;  // so that the two connections don't come back in step
  return options;
}

}  // namespace

QueueConsumer::QueueConsumer(const ConsumerOptions& options, std::vector<QueueTopic> topics,
                             const QueueConsumerOptions& queue_options, std::unique_ptr<QueueLink> link,
                             std::unique_ptr<QueueLink> beat_link, Waker& waker, MonotonicTime now)
    : options_(options),
      queue_options_(queue_options),
      topics_(std::move(topics)),
      waker_(waker),
      now_(now),
      session_(std::move(link), queue_options.session, *this),
      beats_(
          options.group, queue_options.presence, SelfOf(options, queue_options), [this] { return Hands(); },
          BeatSession(queue_options.session), std::move(beat_link), now) {
  for (size_t t = 0; t < topics_.size(); ++t) {
    first_slot_.push_back(slots_.size());
    for (int32_t p = 0; p < topics_[t].partitions; ++p) {
      QueueSlot& slot = slots_.emplace_back();
      slot.partition = {static_cast<int32_t>(t), p};
      slot.ordered = topics_[t].ordered;
      slot.queue = WorkQueueName(topics_[t], options_.group, p);
      slot.channel = static_cast<uint32_t>(slots_.size());
      slot.retry_at = slot.declined_until = now_;
    }
  }
  // Where the broker answers at once the first beat says already that we are ready: instances that are opened one after
  // the other know of each other before any of them is polled.
  session_.Start(now_);
  session_.Poll(now_);
  UpdateSelf();
  beats_.Poll(now_);
  UpdateTimer();
}

QueueConsumer::~QueueConsumer() = default;

// ---------------------------------------------------------------- the connection

void QueueConsumer::OnUp() {
  SetTrouble("connection", absl::OkStatus());
  // What the connection before may have taken along has come back to whoever has the queues now, and is no news at the end.
  if (!leaving_) channels_lost_ = 0;
  for (QueueSlot& slot : slots_) slot.retry_at = now_;
}

void QueueConsumer::OnDown(const std::string& why) {
  for (QueueSlot& slot : slots_) {
    // Nobody was told, or will be, that its settlements may be lost.
    if (slot.state == QueueSlot::State::kClosing) ++channels_lost_;
    Lose(slot);
    slot.state = QueueSlot::State::kIdle;
  }
  if (leaving_) return session_.Close(now_);
  SetTrouble("connection", absl::UnavailableError("group " + options_.group + ": " + why + "; connecting again"));
}

QueueSlot* QueueConsumer::SlotOf(uint32_t channel) {
  return channel == 0 || channel > slots_.size() ? nullptr : &slots_[channel - 1];
}

QueueSlot* QueueConsumer::SlotOf(Holding holding) {
  const auto [topic, number] = holding.partition;
  if (topic < 0 || static_cast<size_t>(topic) >= topics_.size()) return nullptr;
  if (number < 0 || number >= topics_[static_cast<size_t>(topic)].partitions) return nullptr;
  QueueSlot& slot = slots_[first_slot_[static_cast<size_t>(topic)] + static_cast<size_t>(number)];
  return slot.held() && slot.epoch == holding.epoch ? &slot : nullptr;
}

void QueueConsumer::OnEvent(Event& event) {
  QueueSlot* slot = SlotOf(event.channel);
  if (slot == nullptr) return;
  switch (event.kind) {
    case EventKind::kConsumeOk:
      return OnSubscribed(*slot, event.consumer);
    case EventKind::kDelivered:
      return OnDelivered(*slot, event);
    case EventKind::kChannelClosed:
      return OnChannelClosed(*slot, event);
    case EventKind::kChannelCloseOk:
      if (slot->state == QueueSlot::State::kClosing) slot->state = QueueSlot::State::kIdle;
      return;
    case EventKind::kCancelled:
      return OnCancelled(*slot);
    default:
      return;
  }
}

void QueueConsumer::OnSubscribed(QueueSlot& slot, uint32_t consumer) {
  if (std::exchange(slot.recreate, false)) {
    // Somebody else may have declared it before us, and it may have been deleted again since: whether it was there just now
    // the broker does not say, and nobody but us may be left to know of it.
    untold_.AddLoss(slot.partition,
                    "queue '" + slot.queue +
                        "' was declared anew; where others had done so and it was deleted once more, what came in "
                        "between is gone too");
  }
  if (slot.state == QueueSlot::State::kClosing) return OnFlushed(slot, consumer);
  if (slot.state != QueueSlot::State::kOpening) return;
  slot.state = QueueSlot::State::kHeld;
  slot.epoch = ++last_epoch_;
  slot.flow = true;
  slot.failures = 0;
  slot.tags.Reset();
  SetTrouble(slot.queue, absl::OkStatus());
  assigned_.push_back({.holding = slot.holding(), .start = 0, .note = {}});
}

void QueueConsumer::OnChannelClosed(QueueSlot& slot, const Event& event) {
  Send({.method = Method::kChannelCloseOk, .channel = slot.channel});
  // Our channel.close has crossed the server's: nothing more will come.
  if (slot.state == QueueSlot::State::kClosing) {
    if (leaving_) ++channels_lost_;
    slot.state = QueueSlot::State::kIdle;
    return;
  }
  Lose(slot);
  slot.state = QueueSlot::State::kIdle;
  Retry(slot);
  if (event.code == kNotFound && !slot.recreate && !Existing(slot)) {
    slot.recreate = true;
    slot.retry_at = now_;
    untold_.AddLoss(slot.partition, "queue '" + slot.queue +
                                        "' is gone, and with it every message that was not settled; declaring it anew");
    return;
  }
  SetTrouble(slot.queue, absl::UnavailableError("the broker closed the channel of queue '" + slot.queue +
                                                "': " + event.text + "; opening it again"));
}

// The queue was deleted under its consumer. The channel lives on, with tags that settle nothing.
void QueueConsumer::OnCancelled(QueueSlot& slot) {
  if (slot.state == QueueSlot::State::kIdle || slot.state == QueueSlot::State::kClosing) return;
  const bool existing = Existing(slot);
  untold_.AddLoss(slot.partition, "queue '" + slot.queue +
                                      "' was deleted, and with it every message that was not settled; " +
                                      (existing ? "it is not ours: waiting for it to come back" : "declaring it anew"));
  Lose(slot);
  slot.recreate = !existing;
  CloseChannel(slot, /*flush=*/false);
  if (existing) Retry(slot);
}

void QueueConsumer::Lose(QueueSlot& slot) {
  if (batch_slot_ == &slot) {
    batch_.clear();
    batch_slot_ = nullptr;
    batch_segment_.reset();
  }
  const Epoch epoch = slot.epoch;
  const auto untold = [&](const Assignment& a) { return a.holding.epoch == epoch; };
  if (slot.held() && std::erase_if(assigned_, untold) == 0) lost_.push_back(slot.holding());
  slot.withheld.clear();
}

void QueueConsumer::Retry(QueueSlot& slot) {
  const uint32_t doublings = std::min(slot.failures++, kRetryDoublingsMax);
  slot.retry_at = now_ + queue_options_.session.backoff_min * (int64_t{1} << doublings);
}

// ---------------------------------------------------------------- deliveries

void QueueConsumer::OnDelivered(QueueSlot& slot, Event& event) {
  // What comes while the partition is on its way out stays unsettled and returns to the queue, in order, when the
  // channel closes.
  if (slot.state != QueueSlot::State::kHeld) {
    if (slot.state == QueueSlot::State::kRevoking) slot.tags.Delivered(event.tag);
    return;
  }
  if (!slot.tags.Delivered(event.tag)) {
    SetTrouble(slot.queue, absl::UnavailableError("queue '" + slot.queue + "' delivered tag " +
                                                  std::to_string(event.tag) + " out of turn; opening it again"));
    Lose(slot);
    CloseChannel(slot);
    return Retry(slot);
  }
  const auto delivery = [&event] {
    return Delivery{.sequence = event.tag,
                    .offset = -1,
                    .redeliveries = event.delivery_count > 0 ? event.delivery_count : (event.redelivered ? 1u : 0u),
                    .message = event.message};
  };
  if (!slot.flow || !slot.withheld.empty()) {
    slot.withheld.push_back({delivery(), std::move(event.segment)});
    return;
  }
  if (batch_slot_ != &slot || batch_segment_ != event.segment || batch_.size() >= options_.batch_max) {
    Tell();
    // The handler may have given the partition up, or stopped it, in the middle of this.
    if (slot.state != QueueSlot::State::kHeld) return;
    if (!slot.flow) {
      slot.withheld.push_back({delivery(), std::move(event.segment)});
      return;
    }
    batch_slot_ = &slot;
    batch_segment_ = std::move(event.segment);
  }
  batch_.push_back(delivery());
}

void QueueConsumer::TellBatch() {
  if (batch_slot_ == nullptr) return;
  const Holding holding = batch_slot_->holding();
  batch_slot_ = nullptr;
  SegmentRef segment = std::move(batch_segment_);
  handler_->OnDelivered({.holding = holding, .deliveries = batch_, .segment = std::move(segment)});
  batch_.clear();
}

void QueueConsumer::TellWithheld() {
  for (QueueSlot& slot : slots_) {
    while (slot.state == QueueSlot::State::kHeld && slot.flow && !slot.withheld.empty()) {
      batch_slot_ = &slot;
      batch_segment_ = slot.withheld.front().segment;
      while (!slot.withheld.empty() && slot.withheld.front().segment == batch_segment_ &&
             batch_.size() < options_.batch_max) {
        batch_.push_back(slot.withheld.front().delivery);
        slot.withheld.pop_front();
      }
      TellBatch();
    }
  }
}

void QueueConsumer::Tell() {
  if (handler_ == nullptr) return;
  // Lose has taken back what may not be told any more, so what has ended comes before what has begun since.
  if (!lost_.empty()) {
    const std::vector<Holding> lost = std::exchange(lost_, {});
    handler_->OnLost(lost);
  }
  if (!untold_.empty()) untold_.Tell(*handler_);
  if (!assigned_.empty()) {
    const std::vector<Assignment> assigned = std::exchange(assigned_, {});
    handler_->OnAssigned(assigned);
  }
  TellBatch();
}

// ---------------------------------------------------------------- driver

void QueueConsumer::Poll(ConsumerHandler& handler) {
  if (session_.closed()) return;
  handler_ = &handler;
  beats_.Poll(now_);
  // Answers to what Reconcile starts may be there at once; deliveries are left for the next Poll.
  for (int i = 0; i < 3; ++i) {
    if (!session_.Poll(now_) && i > 0) break;
    Tell();
    TellWithheld();
    Reconcile();
    Tell();
  }
  for (const Holding& holding : std::exchange(noted_, {})) {
    handler.OnNoted(holding, absl::InvalidArgumentError("queues keep no notes (Capabilities::notes)"));
  }
  beats_.Poll(now_);  // what Reconcile has to say about us
  if (leaving_ && std::all_of(slots_.begin(), slots_.end(),
                              [](const QueueSlot& slot) { return slot.state == QueueSlot::State::kIdle; })) {
    session_.Close(now_);
    session_.Poll(now_);
  }
  handler_ = nullptr;
  UpdateTimer();
}

void QueueConsumer::UpdateTimer() {
  MonotonicTime next = std::min(session_.NextTimer(), beats_.NextTimer());
  for (const QueueSlot& slot : slots_) {
    if (slot.state == QueueSlot::State::kRevoking) next = std::min(next, slot.deadline);
    if (slot.declined_until > now_) next = std::min(next, slot.declined_until);
    if (slot.state == QueueSlot::State::kIdle && slot.retry_at > now_) next = std::min(next, slot.retry_at);
  }
  next_timer_ = next;
}

MonotonicTime QueueConsumer::NextTimer() const { return next_timer_; }

void QueueConsumer::Settle(const struct Settle& settle) {
  if (settle.has_note) {
    noted_.push_back(settle.holding);
    waker_.Wake();
  }
  QueueSlot* slot = SlotOf(settle.holding);
  if (slot == nullptr) return;  // a stale epoch: its tags mean something else by now
  slot->tags.Settle(settle.ranges, [&](TagLedger::Ack ack) {
    Send({.method = Method::kAck, .channel = slot->channel, .multiple = ack.multiple, .tag = ack.tag});
  });
}

void QueueConsumer::Flow(Holding holding, bool on) {
  QueueSlot* slot = SlotOf(holding);
  if (slot == nullptr || slot->flow == on) return;
  slot->flow = on;
  if (on && !slot->withheld.empty()) waker_.Wake();
}

void QueueConsumer::Release(Holding holding) {
  QueueSlot* slot = SlotOf(holding);
  if (slot == nullptr) return;
  if (slot->state == QueueSlot::State::kHeld) {
    // Unasked: others shall have it, so the beats say that we don't want it for a while.
    slot->declined_until = now_ + queue_options_.decline_time;
    declines_changed_ = true;
    waker_.Wake();
  }
  if (batch_slot_ == slot) {
    batch_slot_ = nullptr;
    batch_.clear();
    batch_segment_.reset();
  }
  CloseChannel(*slot);
}

void QueueConsumer::StartClose() {
  if (leaving_) return;
  leaving_ = true;
  for (QueueSlot& slot : slots_) {
    if (slot.held() || slot.state == QueueSlot::State::kOpening) CloseChannel(slot);
  }
  beats_.Leave(now_);
}

absl::Status QueueConsumer::Close(MonotonicTime) {
  session_.Poll(now_);  // what has been lost already
  StartClose();
  const auto idle = [](const QueueSlot& slot) { return slot.state == QueueSlot::State::kIdle; };
  // Where answers come at once each step of the way back has its own.
  for (int i = 0; i < kCloseRounds && !std::all_of(slots_.begin(), slots_.end(), idle); ++i) {
    if (!session_.Poll(now_)) break;
  }
  channels_lost_ +=
      static_cast<size_t>(slots_.end() - slots_.begin() - std::count_if(slots_.begin(), slots_.end(), idle));
  channels_lost_ += lost_.size();
  session_.Close(now_);
  UpdateTimer();
  if (channels_lost_ == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      "group " + options_.group + ": " + std::to_string(channels_lost_) +
      " channels were not closed in order; their last settlements may be lost, and those "
      "messages come again");
}

// ---------------------------------------------------------------- for people

void QueueConsumer::SetTrouble(const std::string& about, absl::Status status) {
  const auto it = troubles_.find(about);
  if (status.ok()) {
    if (it == troubles_.end()) return;
    troubles_.erase(it);
    if (troubles_.empty()) untold_.Add(absl::OkStatus());
  } else if (it == troubles_.end() || it->second != status) {
    troubles_[about] = status;
    untold_.Add(std::move(status));
  }
}

std::vector<BeatHand> QueueConsumer::Hands() const {
  std::vector<BeatHand> hands;
  for (const QueueSlot& slot : slots_) {
    if (!slot.held()) continue;
    hands.push_back({.topic = topics_[static_cast<size_t>(slot.partition.topic)].name,
                     .partition = slot.partition.number,
                     .unsettled = slot.tags.unsettled()});
  }
  return hands;
}

uint32_t QueueConsumer::ChannelOf(Partition partition) const {
  return slots_[first_slot_[static_cast<size_t>(partition.topic)] + static_cast<size_t>(partition.number)].channel;
}

uint64_t QueueConsumer::SettledUnder(Holding holding) const {
  const QueueSlot* slot = SlotOf(holding);
  return slot == nullptr ? 0 : slot->tags.settled();
}

size_t QueueConsumer::held() const {
  return static_cast<size_t>(
      std::count_if(slots_.begin(), slots_.end(), [](const QueueSlot& slot) { return slot.held(); }));
}

std::string QueueConsumer::Pending() const {
  std::string text;
  for (const auto& [about, status] : troubles_) text.append(std::string(status.message())).append("; ");
  if (!shared_settled_ && !leaving_) text.append("waiting to hear who is there; ");
  for (const QueueSlot& slot : slots_) {
    if (slot.state == QueueSlot::State::kRevoking) text.append(slot.queue).append(": waiting for its release; ");
    if (slot.state == QueueSlot::State::kOpening) text.append(slot.queue).append(": subscribing; ");
    if (slot.state == QueueSlot::State::kClosing) text.append(slot.queue).append(": handing over; ");
    if (slot.held() && !slot.flow) text.append(slot.queue).append(": stopped; ");
  }
  return text;
}

}  // namespace millrace::bus
