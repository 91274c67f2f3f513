// Which partitions a consumer wants, and the steps towards having them and no others.
#include <algorithm>
#include <utility>

#include "bus/memory/queue_consumer.h"
#include "bus/memory/queue_share.h"

namespace millrace::bus {
namespace {

constexpr uint32_t kConsumer = 1;  // the tag of each channel's only consumer
constexpr uint32_t kFlush = 2;     // … but for two that come before the end, see CloseChannel
constexpr uint32_t kFlushed = 3;

}  // namespace

std::vector<BeatTopic> QueueConsumer::BeatTopics() const {
  std::vector<BeatTopic> topics;
  for (const QueueTopic& topic : topics_) {
    if (topic.ordered) topics.push_back({.name = topic.name, .partitions = topic.partitions, .declined = {}});
  }
  for (const QueueSlot& slot : slots_) {
    if (!slot.ordered || now_ >= slot.declined_until) continue;
    for (BeatTopic& topic : topics) {
      if (topic.name == topics_[static_cast<size_t>(slot.partition.topic)].name) {
        topic.declined.push_back(slot.partition.number);
      }
    }
  }
  return topics;
}

void QueueConsumer::UpdateSelf() {
  const bool ready = session_.open() && !leaving_;
  if (!declines_changed_ && now_ < decline_ends_at_ && beats_.presence().self().ready == ready) return;
  declines_changed_ = false;
  decline_ends_at_ = MonotonicTime::Infinite();
  for (const QueueSlot& slot : slots_) {
    if (slot.declined_until > now_) decline_ends_at_ = std::min(decline_ends_at_, slot.declined_until);
  }
  beats_.presence().SetSelf(ready, BeatTopics());
}

void QueueConsumer::ShareOut() {
  UpdateSelf();
  const Presence& presence = beats_.presence();
  const bool settled = presence.Settled(now_);
  if (!settled || (shared_version_ == presence.version() && shared_settled_)) return;
  shared_version_ = presence.version();
  shared_settled_ = true;
  const std::vector<const Beat*> live = presence.Live();
  const std::vector<PartitionShare> shares = ShareOutPartitions(live);
  size_t orphans = 0;
  for (QueueSlot& slot : slots_) slot.owned = false;
  for (const PartitionShare& share : shares) {
    for (size_t t = 0; t < topics_.size(); ++t) {
      const QueueTopic& topic = topics_[t];
      if (!topic.ordered || topic.name != share.topic || share.partition >= topic.partitions) continue;
      slots_[first_slot_[t] + static_cast<size_t>(share.partition)].owned = share.owner == &presence.self();
      if (share.owner == nullptr) ++orphans;
    }
  }
  const bool short_of_room = orphans > 0 && session_.open();
  SetTrouble("owners", !short_of_room
                           ? absl::OkStatus()
                           : absl::ResourceExhaustedError(
                                 "group " + options_.group + ": " + std::to_string(orphans) +
                                 " partitions have no owner: the capacities of its " + std::to_string(live.size()) +
                                 " instances don't suffice, or all have given them up; start more"));
  SetTrouble("name", !presence.NameTaken()
                         ? absl::OkStatus()
                         : absl::FailedPreconditionError(
                               "group " + options_.group + ": a newer instance calls itself '" + presence.self().name +
                               "'; names must differ: give each process an instance= of its own "
                               "in the bus URL, or none, and a --name of its own"));
}

bool QueueConsumer::Wanted(const QueueSlot& slot) const {
  if (leaving_ || now_ < slot.declined_until) return false;
  return slot.ordered ? slot.owned : true;
}

void QueueConsumer::Reconcile() {
  ShareOut();
  const MonotonicTime deadline = now_ + options_.revoke_timeout;
  for (QueueSlot& slot : slots_) {
    const bool wanted = Wanted(slot);
    switch (slot.state) {
      case QueueSlot::State::kIdle:
        if (wanted && session_.open() && now_ >= slot.retry_at) Open(slot);
        break;
      case QueueSlot::State::kOpening:
        if (!wanted) CloseChannel(slot);
        break;
      case QueueSlot::State::kHeld:
        if (wanted) break;
        slot.state = QueueSlot::State::kRevoking;
        slot.deadline = deadline;
        revoking_.push_back(slot.holding());
        break;
      case QueueSlot::State::kRevoking:
        if (now_ < slot.deadline) break;
        Lose(slot);
        CloseChannel(slot);
        break;
      case QueueSlot::State::kClosing:
        break;
    }
  }
  if (!revoking_.empty()) {
    const std::vector<Holding> revoking = std::exchange(revoking_, {});
    handler_->OnRevoking(revoking, deadline);
  }
}

void QueueConsumer::Open(QueueSlot& slot) {
  slot.state = QueueSlot::State::kOpening;
  const QueueTopic& topic = topics_[static_cast<size_t>(slot.partition.topic)];
  const QueueArguments arguments = WorkQueueArguments(topic, options_.group);
  Send({.method = Method::kChannelOpen, .channel = slot.channel});
  Send({.method = Method::kQueueDeclare,
        .channel = slot.channel,
        .passive = !slot.recreate,
        .queue = slot.queue,
        .arguments = &arguments});
  if (slot.recreate) {
    const std::string key = std::to_string(slot.partition.number);
    Send({.method = Method::kQueueBind,
          .channel = slot.channel,
          .exchange = topic.name,
          .queue = slot.queue,
          .routing_key = key});
  }
  Send({.method = Method::kQos, .channel = slot.channel, .prefetch = options_.prefetch});
  Send({.method = Method::kConsume, .channel = slot.channel, .consumer = kConsumer, .queue = slot.queue});
}

// A quorum queue takes settlements asynchronously: from 32 on their way, the channel's process keeps further ones back,
// and forgets them when it ends; channel.close-ok says nothing about them. A subscription is synchronous in the queue.
// So one comes (what was on its way before has arrived, and what was kept back is sent) and then another (that has
// arrived too); only then the channel is closed, which ends them all. They stand behind the single active consumer. Where
// they are fed all the same (an unordered topic; the broker has made another consumer the active one), what they got
// returns with the channel, in order: cancelling them instead would let the next owner begin behind it.
void QueueConsumer::CloseChannel(QueueSlot& slot, bool flush) {
  flush = flush && slot.held() && slot.tags.settled() > 0;
  slot.withheld.clear();
  slot.state = QueueSlot::State::kClosing;
  if (!flush) return Send({.method = Method::kChannelClose, .channel = slot.channel});
  // With another prefetch than its owners an ordered queue gets its messages back in another order.
  if (!slot.ordered) Send({.method = Method::kQos, .channel = slot.channel, .prefetch = 1});
  Send({.method = Method::kConsume, .channel = slot.channel, .consumer = kFlush, .queue = slot.queue});
}

void QueueConsumer::OnFlushed(QueueSlot& slot, uint32_t consumer) {
  if (consumer == kFlush) {
    return Send({.method = Method::kConsume, .channel = slot.channel, .consumer = kFlushed, .queue = slot.queue});
  }
  if (consumer == kFlushed) Send({.method = Method::kChannelClose, .channel = slot.channel});
}

}  // namespace millrace::bus
