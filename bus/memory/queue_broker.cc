// Connections, channels and time. Requests are taken apart in queue_requests.cc, messages move in queue_traffic.cc, and
// the operator's side is in queue_operator.cc.
#include "bus/memory/queue_broker.h"

#include <algorithm>
#include <utility>

namespace millrace::bus {

QueueBroker::QueueBroker(QueueBrokerOptions options)
    : options_(options), store_(options.segment_bytes, options.segments_kept) {}

QueueBroker::~QueueBroker() = default;

// ---------------------------------------------------------------- connections

ConnectionId QueueBroker::Open(Waker& ready, MonotonicTime now) {
  now_ = std::max(now_, now);
  auto connection = std::make_unique<Connection>();
  connection->id = next_connection_++;
  connection->ready = &ready;
  connection->heard_at = now_;
  connection->channels.resize(1);
  Connection& c = *connection;
  connections_.emplace(c.id, std::move(connection));
  if (!up_) {
    Tell(c, EventKind::kConnectionClosed, 0).text = "connection refused: the server is not running";
    c.ended = true;
    return c.id;
  }
  Tell(c, EventKind::kConnectionOpened, 0);
  if (next_tick_ == MonotonicTime::Infinite()) next_tick_ = now_ + options_.tick;
  if (options_.heartbeat > Duration::zero() && heartbeat_due_ == MonotonicTime::Infinite()) {
    heartbeat_due_ = now_ + options_.heartbeat / 2;
  }
  return c.id;
}

QueueBroker::Connection* QueueBroker::Find(ConnectionId id) const {
  if (found_ != nullptr && found_->id == id) return found_;
  const auto it = connections_.find(id);
  return found_ = it == connections_.end() ? nullptr : it->second.get();
}

void QueueBroker::Receive(ConnectionId id, const Request& request, MonotonicTime now) {
  Connection* connection = Find(id);
  if (connection == nullptr || connection->ended) return;
  now_ = std::max(now_, now);
  connection->heard_at = now_;
  if (connection->blocked) {
    connection->unread.emplace_back(request);
    return;
  }
  Process(*connection, request);
  Finish();
}

bool QueueBroker::Writable(ConnectionId id) const {
  const Connection* connection = Find(id);
  return connection == nullptr || connection->stopped == 0;
}

void QueueBroker::TakeEvents(ConnectionId id, std::vector<Event>& into) {
  into.clear();
  Connection* connection = Find(id);
  if (connection == nullptr) return;
  if (!connection->confirming.empty()) FlushConfirms(*connection);
  std::swap(into, connection->outbox);
  connection->notified = false;
  if (connection->ended) Forget(id);
}

void QueueBroker::Drop(ConnectionId id, MonotonicTime now) {
  Connection* connection = Find(id);
  if (connection == nullptr) return;
  now_ = std::max(now_, now);
  if (!connection->ended) EndConnection(*connection, 0, "");
  Forget(id);
  Finish();
}

void QueueBroker::Forget(ConnectionId id) {
  found_ = nullptr;
  connections_.erase(id);
}

void QueueBroker::EndConnection(Connection& connection, uint16_t code, const std::string& text) {
  std::vector<Channel*> channels;
  for (const auto& channel : connection.channels) {
    if (channel != nullptr) channels.push_back(channel.get());
  }
  Retire(channels);
  connection.channels.clear();
  connection.confirming.clear();
  connection.unread.clear();
  connection.blocked = false;
  std::vector<WorkQueue*> exclusive;
  for (const auto& [name, queue] : queues_) {
    if (queue->owner == connection.id) exclusive.push_back(queue.get());
  }
  for (WorkQueue* queue : exclusive) EraseQueue(*queue);
  for (const auto& [name, account] : accounts_) std::erase(account->waiting, connection.id);
  Event& event = Tell(connection, EventKind::kConnectionClosed, 0);
  event.code = code;
  event.text = text;
  connection.ended = true;
}

void QueueBroker::Retire(std::span<Channel* const> channels) {
  // All consumers first, so that nothing is delivered to one that is about to go.
  for (Channel* channel : channels) {
    for (const auto& consumer : channel->consumers) {
      std::erase(consumer->queue->consumers, consumer.get());
      consumer->queue->next_consumer = 0;
      Touch(*consumer->queue);
    }
  }
  for (Channel* channel : channels) {
    for (size_t i = 0; i < channel->unacked.size(); ++i) {
      queue_internal::Unacked& delivery = channel->unacked[i];
      if (!delivery.Held()) continue;
      --delivery.queue->unacked;
      Return(*delivery.queue, std::move(delivery.stored), false);
    }
    channel->base_tag += channel->unacked.size();
    channel->kept = 0;
    channel->unacked.clear();
    channel->consumers.clear();
    channel->confirms.clear();
    channel->confirms_waiting = false;
    std::erase(channel->connection->confirming, channel->id);
  }
}

void QueueBroker::Fail(Channel& channel, uint16_t code, std::string text) {
  Channel* const one = &channel;
  Retire({&one, 1});
  channel.failed = true;
  Event& event = Tell(*channel.connection, EventKind::kChannelClosed, channel.id);
  event.code = code;
  event.text = std::move(text);
}

Event& QueueBroker::Tell(Connection& connection, EventKind kind, uint32_t channel) {
  Notify(connection);
  Event& event = connection.outbox.emplace_back();
  event.kind = kind;
  event.channel = channel;
  return event;
}

void QueueBroker::Notify(Connection& connection) {
  if (connection.notified) return;
  connection.notified = true;
  connection.ready->Wake();
}

// ---------------------------------------------------------------- time

void QueueBroker::Tick(MonotonicTime now) {
  now_ = std::max(now_, now);
  if (now_ >= next_tick_) {
    next_tick_ = connections_.empty() ? MonotonicTime::Infinite() : now_ + options_.tick;
    CheckTimeouts();
  }
  if (now_ >= heartbeat_due_) {
    heartbeat_due_ = connections_.empty() ? MonotonicTime::Infinite() : now_ + options_.heartbeat / 2;
    CheckHeartbeats();
  }
  if (now_ >= dead_letter_due_) {
    dead_letter_due_ = MonotonicTime::Infinite();
    DeliverDeadLetters(true);
  }
  if (now_ >= kept_due_) {
    kept_due_ = MonotonicTime::Infinite();
    for (const auto& [id, connection] : connections_) {
      for (const auto& channel : connection->channels) {
        if (channel != nullptr) PassKeptOn(*channel);
      }
    }
  }
  Finish();
}

MonotonicTime QueueBroker::NextTimer() const {
  return std::min(std::min(next_tick_, heartbeat_due_), std::min(dead_letter_due_, kept_due_));
}

void QueueBroker::CheckTimeouts() {
  for (const auto& [id, connection] : connections_) {
    for (const auto& channel : connection->channels) {
      if (channel == nullptr || channel->failed || channel->unacked.empty()) continue;
      if (now_ - channel->unacked.front().since <= options_.consumer_timeout) continue;
      const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(options_.consumer_timeout).count();
      Fail(*channel, kPreconditionFailed,
           "PRECONDITION_FAILED - delivery acknowledgement on channel " + std::to_string(channel->id) +
               " timed out. Timeout value used: " + std::to_string(ms) + " ms");
    }
  }
}

void QueueBroker::CheckHeartbeats() {
  for (const auto& [id, connection] : connections_) {
    if (connection->ended) continue;
    if (!connection->blocked && now_ - connection->heard_at >= 2 * options_.heartbeat) {
      EndConnection(*connection, 0, "missed heartbeats from the client");
    } else {
      Tell(*connection, EventKind::kHeartbeat, 0);
    }
  }
}

}  // namespace millrace::bus
