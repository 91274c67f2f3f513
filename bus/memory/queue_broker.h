// A deterministic model of RabbitMQ 3.10 with quorum queues: connections, channels, exchanges, queues, confirms,
// returns, prefetch, single active consumer, redelivery, delivery limits, dead-lettering, alarms, time-outs, restarts.
// It models what a client can see, the unpleasant parts on purpose: what is unroutable is acknowledged, a queue not
// bound loses silently, requeues come back in another order, a demoted consumer is not told, closing a channel counts
// as a delivery.
//
//   QueueBroker broker({});
//   auto connection = broker.Open(waker, now);
//   broker.Receive(connection, {.method = Method::kChannelOpen, .channel = 1}, now);
//   broker.TakeEvents(connection, events);     // kConnectionOpened, kChannelOpened
//
// Effect: requests take effect at once; what a client would see waits in its connection's outbox, which prefetch and
// confirm windows bound. Errors: those of clients close their channel or connection, as on the server; nothing that a
// client sends CHECKs. Threading: none of its own; one thread at a time. Time comes in as `now`, which never goes back.
// Ownership: message bytes are copied into pooled segments, one row of segments a queue, and freed when the last queue
// has settled them.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_BROKER_H_
#define MILLRACE_BUS_MEMORY_QUEUE_BROKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/memory/queue_state.h"
#include "bus/memory/queue_wire.h"
#include "bus/segment.h"

namespace millrace::bus {

using ConnectionId = uint64_t;  // 0: none

// How confirms leave the broker; all of them are legal on a server.
enum class ConfirmStyle : uint8_t {
  kMultiple,   // runs as one frame each
  kSingle,     // one by one, in order
  kScattered,  // some singly and out of order, the rest as runs
};

struct QueueBrokerOptions {
  size_t segment_bytes = 64 << 10;
  size_t segments_kept = 256;
  size_t message_bytes_max = 16 << 20;
  ConfirmStyle confirms = ConfirmStyle::kMultiple;
  // A channel with a delivery unsettled for longer is closed; looked at every `tick`.
  Duration consumer_timeout = std::chrono::minutes(30);
  Duration tick = std::chrono::seconds(60);
  // Connections silent for twice this long are closed. 0: off.
  Duration heartbeat = Duration::zero();
  // How long a dead letter that found no queue waits for the next try.
  Duration dead_letter_retry = std::chrono::seconds(1);
  // A channel passes so many acks of one moment on to the queues at once; the rest follows after ack_delay, or when a
  // consumer comes or goes on it, and is forgotten when the channel ends before that: those deliveries come again. 0: no
  // bound.
  uint32_t acks_on_their_way = 32;
  Duration ack_delay = std::chrono::milliseconds(1);
  uint64_t salt = 0;  // of the order in which requeues come back
};

// What a management plugin would say about a queue.
struct QueueStats {
  uint64_t ready = 0;
  uint64_t unacked = 0;
  uint64_t put = 0;            // ever put in
  uint64_t acked = 0;          // ever settled by consumers
  uint64_t dropped = 0;        // destroyed: overflow, or dead without a dead-letter exchange
  uint64_t dead_lettered = 0;  // moved on to the dead-letter exchange
  uint64_t bytes = 0;          // of ready and unacked messages
  size_t consumers = 0;
};

class QueueBroker {
 public:
  explicit QueueBroker(QueueBrokerOptions options);
  ~QueueBroker();
  QueueBroker(const QueueBroker&) = delete;
  QueueBroker& operator=(const QueueBroker&) = delete;

  // ------------------------------------------------------------ the clients' side

  // `ready` is woken whenever there is something to take after there was nothing; it must not call back, and outlives
  // the connection. The first event is kConnectionOpened, or kConnectionClosed where the broker is down.
  ConnectionId Open(Waker& ready, MonotonicTime now);
  void Receive(ConnectionId connection, const Request& request, MonotonicTime now);
  // Whether all accounts that the connection publishes to have room; where not, kWritable follows.
  bool Writable(ConnectionId connection) const;
  // Clears `into` and gives it all events waiting.
  void TakeEvents(ConnectionId connection, std::vector<Event>& into);
  // The client's side of the connection is gone; no event follows. Unknown ids are ignored.
  void Drop(ConnectionId connection, MonotonicTime now);
  // Does what is due.
  void Tick(MonotonicTime now);
  MonotonicTime NextTimer() const;

  // ------------------------------------------------------------ the operator's side, and faults

  // All connections break, and what was on its way to clients is lost. Durable exchanges, queues and messages stay;
  // unsettled deliveries return.
  void Stop(MonotonicTime now);
  void Start(MonotonicTime now);
  bool up() const { return up_; }
  // A memory or disk alarm: a connection is blocked at its next publish and read no further until the alarm ends.
  // At its end what was blocked is read; `each`, where given, is told of each such request whether a queue has taken its
  // message, before the next is read. It must not call the broker but for what is const.
  using UnblockedVisitor = std::function<void(ConnectionId connection, bool stored)>;
  void SetAlarm(bool on, MonotonicTime now, const UnblockedVisitor& each = nullptr);
  // Whether that connection's publish waits for the end of the alarm.
  bool Blocked(ConnectionId connection) const;
  // Closes from the server's side, with notice.
  void CloseConnection(ConnectionId connection, uint16_t code, const std::string& text, MonotonicTime now);
  void CloseChannel(ConnectionId connection, uint32_t channel, uint16_t code, const std::string& text,
                    MonotonicTime now);
  // In the order of their opening.
  std::vector<ConnectionId> Connections() const;
  bool DeleteQueue(const std::string& queue, MonotonicTime now);
  // The server loses sight of the active consumer's node: its unsettled messages return, the next consumer is
  // activated, the old one goes to the end of the line and is told nothing. Its later acks are taken and mean nothing.
  void Demote(const std::string& queue, MonotonicTime now);
  // The next `count` publishes to that queue are refused.
  void RefuseNext(const std::string& queue, uint64_t count);
  // Of those, how many are still to come.
  uint64_t RefusalsLeft(const std::string& queue) const;
  // While held, confirms wait in the broker.
  void HoldConfirms(bool on, MonotonicTime now);
  void SetConfirmStyle(ConfirmStyle style) { options_.confirms = style; }

  bool HasQueue(const std::string& queue) const { return queues_.find(queue) != queues_.end(); }
  // All zero where there is no such queue.
  QueueStats Stats(const std::string& queue) const;
  // Of all queues together: messages ever put in, and ever settled.
  uint64_t puts() const { return puts_; }
  // Where the bytes lie of the message that was stored last: all queues that took it share them, and deliver them.
  const Message& newest() const { return newest_; }
  const SegmentRef& newest_segment() const { return newest_segment_; }
  // Told each delivery whose ack a queue has taken: at once, or when the channel passes on what it kept back. Must not
  // call the broker.
  using AckedVisitor = std::function<void(ConnectionId connection, uint32_t channel, uint64_t tag)>;
  void WatchAcks(AckedVisitor visit) { on_acked_ = std::move(visit); }
  // Looks at the messages of a queue without touching them. Waiting: those that would be delivered next, in that order.
  // Unsettled: those in consumers' hands too, in the order in which they were put in. Views are valid during the call;
  // return false to stop.
  struct Resting {
    const Message& message;
    uint32_t delivery_count = 0;
    std::string_view routing_key;
  };
  using Visitor = std::function<bool(const Resting&)>;
  void BrowseWaiting(const std::string& queue, const Visitor& each) const;
  void BrowseUnsettled(const std::string& queue, const Visitor& each) const;
  // Puts a message into one queue as it was when it was browsed. The queue must exist and be bound under `routing_key`
  // somewhere.
  bool Restore(const std::string& queue, const Message& message, uint32_t delivery_count, std::string_view routing_key,
               MonotonicTime now);
  uint64_t segments_taken() const { return store_.segments_taken; }

 private:
  using Connection = queue_internal::Connection;
  using Channel = queue_internal::Channel;
  using Consumer = queue_internal::Consumer;
  using Exchange = queue_internal::Exchange;
  using WorkQueue = queue_internal::WorkQueue;
  using Stored = queue_internal::Stored;
  using Account = queue_internal::Account;

  Connection* Find(ConnectionId id) const;
  void Forget(ConnectionId id);
  void Process(Connection& connection, const Request& request);
  void OnChannel(Connection& connection, const Request& request);
  void OnDeclareExchange(Channel& channel, const Request& request);
  void OnDeclareQueue(Channel& channel, const Request& request);
  void OnBind(Channel& channel, const Request& request);
  void OnConsume(Channel& channel, const Request& request);
  void OnCancel(Channel& channel, const Request& request);
  void OnPublish(Channel& channel, const Request& request);
  void OnSettle(Channel& channel, const Request& request);
  bool KeepsBack(Channel& channel);
  void PassKeptOn(Channel& channel);
  void TakeAck(Channel& channel, size_t index);
  void PopSettled(Channel& channel);

  void StoreBytes(WorkQueue& queue, const Message& message, Stored& stored);
  // Puts a message into all queues bound; false where one of them refused it. `routed` tells whether there was any.
  bool Route(const Exchange& exchange, std::string_view key, const Message& message, Connection* publisher,
             bool* routed);
  void Charge(WorkQueue& queue, uint64_t bytes, Connection* publisher);
  void Discharge(WorkQueue& queue, uint64_t bytes);
  void Pump(WorkQueue& queue);
  void PumpTouched();
  void Touch(WorkQueue& queue);
  void Put(WorkQueue& queue, Stored&& stored, Connection* publisher);
  void Give(Consumer& consumer, Stored&& stored);
  Stored TakeHead(WorkQueue& queue);
  // Back into the queue after its delivery ended without settlement.
  void Return(WorkQueue& queue, Stored stored, bool by_nack);
  void RequeueNacked(std::vector<std::pair<WorkQueue*, Stored>> nacked);
  void DeadLetter(WorkQueue& queue, Stored stored, std::string_view reason);
  bool TryDeadLetter(queue_internal::DeadLetter& dead);
  void DeliverDeadLetters(bool retry);
  // The end of every call from outside: dead letters travel, queues deliver.
  void Finish();

  Event& Tell(Connection& connection, EventKind kind, uint32_t channel);
  void Notify(Connection& connection);
  void FlushConfirms(Connection& connection);
  void Fail(Channel& channel, uint16_t code, std::string text);
  // Takes the channels' consumers and messages back; then the channels may go.
  void Retire(std::span<Channel* const> channels);
  void RemoveConsumer(Consumer& consumer);
  void EndConnection(Connection& connection, uint16_t code, const std::string& text);
  void EraseQueue(WorkQueue& queue);
  void CheckTimeouts();
  void CheckHeartbeats();
  void ReturnToSender(Channel& channel, const Request& request);

  QueueBrokerOptions options_;
  bool up_ = true;
  bool alarm_ = false;
  bool hold_confirms_ = false;
  MonotonicTime now_;
  MonotonicTime next_tick_ = MonotonicTime::Infinite();
  MonotonicTime heartbeat_due_ = MonotonicTime::Infinite();
  MonotonicTime dead_letter_due_ = MonotonicTime::Infinite();
  MonotonicTime kept_due_ = MonotonicTime::Infinite();
  ConnectionId next_connection_ = 1;
  uint64_t puts_ = 0;
  Message newest_;
  SegmentRef newest_segment_;
  AckedVisitor on_acked_;
  queue_internal::Store store_;
  std::map<ConnectionId, std::unique_ptr<Connection>> connections_;
  mutable Connection* found_ = nullptr;  // by the last Find: most requests come in runs
  std::map<std::string, std::unique_ptr<Exchange>, std::less<>> exchanges_;
  std::map<std::string, std::unique_ptr<WorkQueue>, std::less<>> queues_;
  std::map<std::string, std::unique_ptr<Account>, std::less<>> accounts_;
  std::vector<WorkQueue*> touched_;                      // scratch
  std::vector<queue_internal::DeadLetter> dying_;        // to be moved on before the current call ends
  std::vector<queue_internal::DeadLetter> undelivered_;  // at-least-once: no queue has taken them yet
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_BROKER_H_
