// A ConsumerDriver over a queue broker. Partitions are shared out among the instances of a group by presence
// (queue_beats.h) and rendezvous hashing (rendezvous.h); only the owner subscribes, one channel a partition; the
// queue's single active consumer is the lock. See docs/decisions/0004-partitions-on-queues.md.
//
// A partition is told as assigned when the broker has taken the subscription. That is not yet possession: where another
// instance is still handing it over (or has another view of who is there) it is silent until the broker makes us
// active. No delivery comes to two holders except around a hand-over that the broker makes by itself.
//
// Sequences are the delivery tags of the partition's channel. Settle acknowledges a prefix with one multiple ack and
// the rest singly; it never nacks.
//
// Threading: one thread at a time. Handlers may call Settle, Flow and Release from inside their calls, but not Poll or
// Close. Blocking: nothing blocks. Over links with a delay, StartClose and Poll until closed() before Close. Ownership:
// the waker outlives the consumer.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_CONSUMER_H_
#define MILLRACE_BUS_MEMORY_QUEUE_CONSUMER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/memory/queue_beats.h"
#include "bus/memory/queue_names.h"
#include "bus/memory/queue_session.h"
#include "bus/memory/queue_slot.h"
#include "bus/memory/troubles.h"

namespace millrace::bus {

struct QueueConsumerOptions {
  QueueSessionOptions session;
  PresenceOptions presence;
  // Grows with each start of an instance of the same name (a counter, or the wall clock's nanoseconds); not 0.
  uint64_t incarnation = 1;
  // How long a partition that was released unasked is left to others.
  Duration decline_time = std::chrono::seconds(30);
};

class QueueConsumer : public ConsumerDriver, private QueueSession::Host {
 public:
  // Two links: deliveries and settlements go over one, beats over the other, because a server in an alarm stops reading
  // from whoever publishes. `topics` are those of options.topics, in that order. `waker` is woken when Flow has made
  // something due; links wake it by themselves.
  QueueConsumer(const ConsumerOptions& options, std::vector<QueueTopic> topics,
                const QueueConsumerOptions& queue_options, std::unique_ptr<QueueLink> link,
                std::unique_ptr<QueueLink> beat_link, Waker& waker, MonotonicTime now);
  ~QueueConsumer() override;

  // Time, before any other call; never goes back.
  void Advance(MonotonicTime now) { now_ = now; }

  void Poll(ConsumerHandler& handler) override;
  MonotonicTime NextTimer() const override;
  void Settle(const struct Settle& settle) override;
  void Flow(Holding holding, bool on) override;
  void Release(Holding holding) override;
  absl::Status Close(MonotonicTime deadline) override;

  // While nobody polls: see QueueSession::KeepAlive. Presence is not kept up: others may take over what this instance should
  // have, as far as the broker lets them.
  void KeepAlive() {
    session_.KeepAlive(now_);
    beats_.KeepAlive(now_);
  }

  // Begins to leave: channels are closed behind the settlements already sent, and a last beat says so.
  void StartClose();
  bool closed() const { return session_.closed(); }

  // Who holds what waits for what, for people; empty where nothing waits.
  std::string Pending() const;
  const Presence& presence() const { return beats_.presence(); }
  // Where a partition is consumed while it is held, and how many of its deliveries are settled under a holding; 0 for one
  // that is over.
  uint32_t ChannelOf(Partition partition) const;
  uint64_t SettledUnder(Holding holding) const;
  size_t held() const;

 private:
  void OnUp() override;
  void OnDown(const std::string& why) override;
  void OnEvent(Event& event) override;
  QueueSlot* SlotOf(uint32_t channel);
  QueueSlot* SlotOf(Holding holding);
  const QueueSlot* SlotOf(Holding holding) const { return const_cast<QueueConsumer*>(this)->SlotOf(holding); }
  void OnSubscribed(QueueSlot& slot, uint32_t consumer);
  void OnChannelClosed(QueueSlot& slot, const Event& event);
  void OnCancelled(QueueSlot& slot);
  void OnDelivered(QueueSlot& slot, Event& event);

  std::vector<BeatHand> Hands() const;
  // What this instance says of itself in its beats.
  std::vector<BeatTopic> BeatTopics() const;
  void UpdateSelf();
  // Brings `owned` flags up to the current view of presence.
  void ShareOut();
  bool Wanted(const QueueSlot& slot) const;
  // Moves each slot towards what is wanted.
  void Reconcile();
  void Open(QueueSlot& slot);
  // `flush`: what was settled is to have arrived before.
  void CloseChannel(QueueSlot& slot, bool flush = true);
  // The queue belongs to others: it is never declared.
  bool Existing(const QueueSlot& slot) const { return topics_[static_cast<size_t>(slot.partition.topic)].existing; }
  // The answers on the way there.
  void OnFlushed(QueueSlot& slot, uint32_t consumer);
  // The holding has ended without our doing; the channel is gone or has to be closed.
  void Lose(QueueSlot& slot);
  void Retry(QueueSlot& slot);
  // Tells what has piled up, in the order in which it may be told: lost, assigned, batch.
  void Tell();
  void TellBatch();
  void TellWithheld();
  void SetTrouble(const std::string& about, absl::Status status);
  void UpdateTimer();
  void Send(const Request& request) { session_.Send(request, now_); }

  ConsumerOptions options_;
  QueueConsumerOptions queue_options_;
  std::vector<QueueTopic> topics_;
  Waker& waker_;
  MonotonicTime now_;
  MonotonicTime next_timer_;
  QueueSession session_;
  QueueBeats beats_;
  std::vector<QueueSlot> slots_;    // fixed; topic by topic; slot i has channel i + 1
  std::vector<size_t> first_slot_;  // of each topic
  Epoch last_epoch_ = 0;
  bool leaving_ = false;
  uint64_t shared_version_ = 0;  // the view of presence that `owned` flags come from
  bool shared_settled_ = false;
  bool declines_changed_ = true;
  MonotonicTime decline_ends_at_ = MonotonicTime::Infinite();
  // Holdings that ended otherwise than by the broker's answer to our channel.close, and whose user was told nothing of
  // it.
  size_t channels_lost_ = 0;

  ConsumerHandler* handler_ = nullptr;
  std::vector<Assignment> assigned_;
  std::vector<Holding> lost_;
  std::vector<Holding> revoking_;
  std::vector<Holding> noted_;                    // settlements with a note, which queues don't have
  std::map<std::string, absl::Status> troubles_;  // what is wrong now, by what it is about
  Troubles untold_;
  // The batch being put together: deliveries of one slot out of one segment.
  QueueSlot* batch_slot_ = nullptr;
  std::vector<Delivery> batch_;
  SegmentRef batch_segment_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_CONSUMER_H_
