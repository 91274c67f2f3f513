// Connections, channels, declarations, time and the operator's hand. What happens to messages is in queue_traffic.cc.
#include "bus/memory/queue_broker.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {
namespace {

std::string InVhost(std::string_view kind, std::string_view name) {
  return std::string(kind) + " '" + std::string(name) + "' in vhost '/'";
}

// The first argument in which two declarations differ, as the server words it; empty where they agree.
std::string Difference(const QueueArguments& now, const QueueArguments& asked, std::string_view queue) {
  std::string found;
  const auto compare = [&](std::string_view argument, const std::string& current, const std::string& received) {
    if (!found.empty() || current == received) return;
    found = "inequivalent arg '" + std::string(argument) + "' for " + InVhost("queue", queue) + ": received '" +
            received + "' but current is '" + current + "'";
  };
  const auto number = [](int64_t n) { return n < 0 ? std::string("none") : std::to_string(n); };
  const auto flag = [](bool b) { return std::string(b ? "true" : "false"); };
  compare("durable", flag(now.durable), flag(asked.durable));
  compare("exclusive", flag(now.exclusive), flag(asked.exclusive));
  compare("x-single-active-consumer", flag(now.single_active_consumer), flag(asked.single_active_consumer));
  compare("x-max-length", number(now.max_length), number(asked.max_length));
  const auto overflow = [](Overflow o) {
    return std::string(o == Overflow::kDropHead ? "drop-head" : "reject-publish");
  };
  compare("x-overflow", overflow(now.overflow), overflow(asked.overflow));
  compare("x-delivery-limit", number(now.delivery_limit), number(asked.delivery_limit));
  compare("x-dead-letter-exchange", now.dead_letter_exchange, asked.dead_letter_exchange);
  compare("x-dead-letter-routing-key", now.dead_letter_routing_key, asked.dead_letter_routing_key);
  compare("x-dead-letter-strategy", flag(now.dead_letter_at_least_once), flag(asked.dead_letter_at_least_once));
  return found;
}

}  // namespace

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
  FlushConfirms(*connection);
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
      if (delivery.state != queue_internal::Unacked::State::kOpen) continue;
      --delivery.queue->unacked;
      Return(*delivery.queue, std::move(delivery.stored), false);
    }
    channel->base_tag += channel->unacked.size();
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

// ---------------------------------------------------------------- requests

void QueueBroker::Process(Connection& connection, const Request& request) {
  if (request.channel == 0) {
    if (request.method == Method::kConnectionClose) EndConnection(connection, 200, "closed by the client");
    return;  // heartbeats have been heard
  }
  const bool known = request.channel < connection.channels.size() && connection.channels[request.channel] != nullptr;
  if (request.method == Method::kChannelOpen) {
    if (request.channel > kChannelMax) {
      EndConnection(connection, kNotAllowed, "NOT_ALLOWED - channel number above the agreed maximum of 2047");
      return;
    }
    if (known) {
      EndConnection(connection, kChannelError, "CHANNEL_ERROR - second 'channel.open' seen");
      return;
    }
    if (connection.channels.size() <= request.channel) connection.channels.resize(request.channel + 1);
    auto channel = std::make_unique<Channel>();
    channel->connection = &connection;
    channel->id = request.channel;
    connection.channels[request.channel] = std::move(channel);
    Tell(connection, EventKind::kChannelOpened, request.channel);
    return;
  }
  if (!known) {
    EndConnection(connection, kChannelError, "CHANNEL_ERROR - expected 'channel.open'");
    return;
  }
  OnChannel(connection, request);
}

void QueueBroker::OnChannel(Connection& connection, const Request& request) {
  Channel& channel = *connection.channels[request.channel];
  if (channel.failed && request.method != Method::kChannelCloseOk && request.method != Method::kChannelClose) return;
  switch (request.method) {
    case Method::kChannelClose: {
      FlushConfirms(connection);
      Channel* const one = &channel;
      Retire({&one, 1});
      connection.channels[request.channel].reset();
      Tell(connection, EventKind::kChannelCloseOk, request.channel);
      return;
    }
    case Method::kChannelCloseOk:
      if (channel.failed) connection.channels[request.channel].reset();
      return;
    case Method::kExchangeDeclare:
      return OnDeclareExchange(channel, request);
    case Method::kQueueDeclare:
      return OnDeclareQueue(channel, request);
    case Method::kQueueBind:
      return OnBind(channel, request);
    case Method::kQueueDelete: {
      const auto it = queues_.find(request.queue);
      if (it != queues_.end()) EraseQueue(*it->second);
      Tell(connection, EventKind::kQueueDeleted, channel.id);
      return;
    }
    case Method::kConfirmSelect:
      channel.confirming = true;
      Tell(connection, EventKind::kConfirmSelected, channel.id);
      return;
    case Method::kQos:
      channel.qos = request.prefetch;
      Tell(connection, EventKind::kQosSet, channel.id);
      return;
    case Method::kConsume:
      return OnConsume(channel, request);
    case Method::kCancel:
      return OnCancel(channel, request);
    case Method::kPublish:
      return OnPublish(channel, request);
    case Method::kAck:
    case Method::kNack:
      return OnSettle(channel, request);
    case Method::kChannelOpen:
    case Method::kHeartbeat:
    case Method::kConnectionClose:
      return;
  }
}

void QueueBroker::OnDeclareExchange(Channel& channel, const Request& request) {
  auto it = exchanges_.find(request.exchange);
  if (it == exchanges_.end()) {
    auto exchange = std::make_unique<Exchange>();
    exchange->name = request.exchange;
    exchange->kind = request.exchange_kind;
    it = exchanges_.emplace(exchange->name, std::move(exchange)).first;
  } else if (it->second->kind != request.exchange_kind) {
    Fail(channel, kPreconditionFailed,
         "PRECONDITION_FAILED - inequivalent arg 'type' for " + InVhost("exchange", request.exchange));
    return;
  }
  Tell(*channel.connection, EventKind::kExchangeDeclared, channel.id);
}

void QueueBroker::OnDeclareQueue(Channel& channel, const Request& request) {
  auto it = queues_.find(request.queue);
  if (it != queues_.end() && it->second->owner != 0 && it->second->owner != channel.connection->id) {
    return Fail(channel, kResourceLocked,
                "RESOURCE_LOCKED - cannot obtain exclusive access to locked " + InVhost("queue", request.queue));
  }
  if (it == queues_.end() && request.passive) {
    return Fail(channel, kNotFound, "NOT_FOUND - no " + InVhost("queue", request.queue));
  }
  if (!request.passive && (request.arguments == nullptr || request.queue.empty())) {
    return Fail(channel, kPreconditionFailed, "PRECONDITION_FAILED - a queue needs a name and arguments");
  }
  if (it == queues_.end()) {
    auto queue = std::make_unique<WorkQueue>();
    queue->name = request.queue;
    queue->arguments = *request.arguments;
    if (queue->arguments.exclusive) queue->owner = channel.connection->id;
    it = queues_.emplace(queue->name, std::move(queue)).first;
  } else if (!request.passive) {
    const std::string difference = Difference(it->second->arguments, *request.arguments, request.queue);
    if (!difference.empty()) return Fail(channel, kPreconditionFailed, "PRECONDITION_FAILED - " + difference);
  }
  if (!request.passive && !request.arguments->backlog_account.empty()) {
    std::unique_ptr<Account>& account = accounts_[request.arguments->backlog_account];
    if (account == nullptr) account = std::make_unique<Account>();
    account->bytes_max = request.arguments->backlog_bytes_max;
    it->second->account = account.get();
  }
  Tell(*channel.connection, EventKind::kQueueDeclared, channel.id).messages = it->second->Length();
}

void QueueBroker::OnBind(Channel& channel, const Request& request) {
  const auto exchange = exchanges_.find(request.exchange);
  if (exchange == exchanges_.end()) {
    return Fail(channel, kNotFound, "NOT_FOUND - no " + InVhost("exchange", request.exchange));
  }
  const auto queue = queues_.find(request.queue);
  if (queue == queues_.end()) return Fail(channel, kNotFound, "NOT_FOUND - no " + InVhost("queue", request.queue));
  const bool fanout = exchange->second->kind == ExchangeKind::kFanout;
  auto& bound = exchange->second->bindings[std::string(fanout ? std::string_view() : request.routing_key)];
  if (std::find(bound.begin(), bound.end(), queue->second.get()) == bound.end()) bound.push_back(queue->second.get());
  Tell(*channel.connection, EventKind::kQueueBound, channel.id);
}

void QueueBroker::OnConsume(Channel& channel, const Request& request) {
  const auto it = queues_.find(request.queue);
  if (it == queues_.end()) return Fail(channel, kNotFound, "NOT_FOUND - no " + InVhost("queue", request.queue));
  if (it->second->owner != 0 && it->second->owner != channel.connection->id) {
    return Fail(channel, kResourceLocked,
                "RESOURCE_LOCKED - cannot obtain exclusive access to locked " + InVhost("queue", request.queue));
  }
  for (const auto& consumer : channel.consumers) {
    if (consumer->tag != request.consumer) continue;
    return EndConnection(*channel.connection, kNotAllowed, "NOT_ALLOWED - attempt to reuse a consumer tag");
  }
  auto consumer = std::make_unique<Consumer>();
  consumer->channel = &channel;
  consumer->tag = request.consumer;
  consumer->queue = it->second.get();
  consumer->prefetch = channel.qos;
  it->second->consumers.push_back(consumer.get());
  channel.consumers.push_back(std::move(consumer));
  Tell(*channel.connection, EventKind::kConsumeOk, channel.id).consumer = request.consumer;
  Touch(*it->second);
}

void QueueBroker::OnCancel(Channel& channel, const Request& request) {
  for (const auto& consumer : channel.consumers) {
    if (consumer->tag != request.consumer) continue;
    Touch(*consumer->queue);
    RemoveConsumer(*consumer);
    break;
  }
  Tell(*channel.connection, EventKind::kCancelOk, channel.id).consumer = request.consumer;
}

// Its unsettled deliveries stay with the channel.
void QueueBroker::RemoveConsumer(Consumer& consumer) {
  Channel& channel = *consumer.channel;
  std::erase(consumer.queue->consumers, &consumer);
  consumer.queue->next_consumer = 0;
  for (size_t i = 0; i < channel.unacked.size(); ++i) {
    if (channel.unacked[i].consumer == &consumer) channel.unacked[i].consumer = nullptr;
  }
  std::erase_if(channel.consumers, [&](const auto& each) { return each.get() == &consumer; });
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
  Finish();
}

MonotonicTime QueueBroker::NextTimer() const { return std::min({next_tick_, heartbeat_due_, dead_letter_due_}); }

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

// ---------------------------------------------------------------- the operator's hand

void QueueBroker::Stop(MonotonicTime now) {
  if (!up_) return;
  now_ = std::max(now_, now);
  for (const auto& [id, connection] : connections_) {
    if (connection->ended) continue;
    connection->outbox.clear();
    EndConnection(*connection, 0, "connection lost: the server went away");
  }
  std::vector<WorkQueue*> transient;
  for (const auto& [name, queue] : queues_) {
    if (!queue->arguments.durable) transient.push_back(queue.get());
  }
  for (WorkQueue* queue : transient) EraseQueue(*queue);
  Finish();
  up_ = false;
}

void QueueBroker::Start(MonotonicTime now) {
  now_ = std::max(now_, now);
  up_ = true;
}

void QueueBroker::SetAlarm(bool on, MonotonicTime now) {
  now_ = std::max(now_, now);
  alarm_ = on;
  if (on) return;
  for (const auto& [id, connection] : connections_) {
    if (!connection->blocked) continue;
    connection->blocked = false;
    Tell(*connection, EventKind::kUnblocked, 0);
    const std::vector<StoredRequest> unread = std::move(connection->unread);
    connection->unread.clear();
    for (const StoredRequest& request : unread) {
      if (connection->ended) break;
      Process(*connection, request.View());
    }
  }
  Finish();
}

void QueueBroker::CloseConnection(ConnectionId id, uint16_t code, const std::string& text, MonotonicTime now) {
  now_ = std::max(now_, now);
  Connection* connection = Find(id);
  if (connection == nullptr || connection->ended) return;
  EndConnection(*connection, code, text);
  Finish();
}

void QueueBroker::CloseChannel(ConnectionId id, uint32_t channel, uint16_t code, const std::string& text,
                               MonotonicTime now) {
  now_ = std::max(now_, now);
  Connection* connection = Find(id);
  if (connection == nullptr || channel >= connection->channels.size()) return;
  if (connection->channels[channel] == nullptr || connection->channels[channel]->failed) return;
  Fail(*connection->channels[channel], code, text);
  Finish();
}

std::vector<ConnectionId> QueueBroker::Connections() const {
  std::vector<ConnectionId> ids;
  for (const auto& [id, connection] : connections_) {
    if (!connection->ended) ids.push_back(id);
  }
  return ids;
}

bool QueueBroker::DeleteQueue(const std::string& name, MonotonicTime now) {
  now_ = std::max(now_, now);
  const auto it = queues_.find(name);
  if (it == queues_.end()) return false;
  EraseQueue(*it->second);
  Finish();
  return true;
}

void QueueBroker::EraseQueue(WorkQueue& queue) {
  while (!queue.consumers.empty()) {
    Consumer& consumer = *queue.consumers.front();
    Tell(*consumer.channel->connection, EventKind::kCancelled, consumer.channel->id).consumer = consumer.tag;
    RemoveConsumer(consumer);
  }
  for (const auto& [id, connection] : connections_) {
    for (const auto& channel : connection->channels) {
      if (channel == nullptr) continue;
      for (size_t i = 0; i < channel->unacked.size(); ++i) {
        queue_internal::Unacked& delivery = channel->unacked[i];
        if (delivery.queue != &queue || delivery.state != queue_internal::Unacked::State::kOpen) continue;
        delivery.state = queue_internal::Unacked::State::kForgotten;
        delivery.stored = {};
      }
    }
  }
  for (const auto& [name, exchange] : exchanges_) {
    for (auto& [key, bound] : exchange->bindings) std::erase(bound, &queue);
  }
  const auto from_here = [&](const queue_internal::DeadLetter& dead) { return dead.queue == &queue; };
  std::erase_if(dying_, from_here);
  std::erase_if(undelivered_, from_here);
  std::erase(touched_, &queue);
  Discharge(queue, queue.bytes);
  queues_.erase(queues_.find(queue.name));
}

void QueueBroker::Demote(const std::string& name, MonotonicTime now) {
  now_ = std::max(now_, now);
  const auto it = queues_.find(name);
  if (it == queues_.end() || it->second->consumers.empty()) return;
  WorkQueue& queue = *it->second;
  Consumer* old = queue.consumers.front();
  for (size_t i = 0; i < old->channel->unacked.size(); ++i) {
    queue_internal::Unacked& delivery = old->channel->unacked[i];
    if (delivery.consumer != old || delivery.state != queue_internal::Unacked::State::kOpen) continue;
    delivery.state = queue_internal::Unacked::State::kForgotten;
    --queue.unacked;
    Return(queue, std::move(delivery.stored), false);
  }
  old->unacked = 0;
  std::rotate(queue.consumers.begin(), queue.consumers.begin() + 1, queue.consumers.end());
  Touch(queue);
  Finish();
}

void QueueBroker::RefuseNext(const std::string& name, uint64_t count) {
  const auto it = queues_.find(name);
  if (it != queues_.end()) it->second->refuse_next = count;
}

void QueueBroker::HoldConfirms(bool on, MonotonicTime now) {
  now_ = std::max(now_, now);
  hold_confirms_ = on;
  if (on) return;
  for (const auto& [id, connection] : connections_) {
    if (!connection->confirming.empty()) Notify(*connection);
  }
}

QueueStats QueueBroker::Stats(const std::string& name) const {
  const auto it = queues_.find(name);
  if (it == queues_.end()) return {};
  const WorkQueue& queue = *it->second;
  return {.ready = queue.Length(),
          .unacked = queue.unacked,
          .put = queue.put,
          .acked = queue.acked,
          .dropped = queue.dropped,
          .dead_lettered = queue.dead_lettered,
          .bytes = queue.bytes,
          .consumers = queue.consumers.size()};
}

void QueueBroker::BrowseWaiting(const std::string& name, const Visitor& each) const {
  const auto it = queues_.find(name);
  if (it == queues_.end()) return;
  for (const Ring<Stored>* ring : {&it->second->returned, &it->second->ready}) {
    for (size_t i = 0; i < ring->size(); ++i) {
      const Stored& stored = (*ring)[i];
      if (!each({stored.message, stored.deliveries, *stored.routing_key})) return;
    }
  }
}

void QueueBroker::BrowseUnsettled(const std::string& name, const Visitor& each) const {
  const auto it = queues_.find(name);
  if (it == queues_.end()) return;
  const WorkQueue& queue = *it->second;
  std::vector<const Stored*> all;
  for (const Ring<Stored>* ring : {&queue.returned, &queue.ready}) {
    for (size_t i = 0; i < ring->size(); ++i) all.push_back(&(*ring)[i]);
  }
  for (const auto& [id, connection] : connections_) {
    for (const auto& channel : connection->channels) {
      if (channel == nullptr) continue;
      for (size_t i = 0; i < channel->unacked.size(); ++i) {
        const queue_internal::Unacked& delivery = channel->unacked[i];
        if (delivery.queue != &queue || delivery.state != queue_internal::Unacked::State::kOpen) continue;
        all.push_back(&delivery.stored);
      }
    }
  }
  for (const auto* dead : {&dying_, &undelivered_}) {
    for (const queue_internal::DeadLetter& each_dead : *dead) {
      if (each_dead.queue == &queue) all.push_back(&each_dead.stored);
    }
  }
  std::sort(all.begin(), all.end(), [](const Stored* a, const Stored* b) { return a->number < b->number; });
  for (const Stored* stored : all) {
    if (!each({stored->message, stored->deliveries, *stored->routing_key})) return;
  }
}

bool QueueBroker::Restore(const std::string& name, const Message& message, uint32_t delivery_count,
                          std::string_view routing_key, MonotonicTime now) {
  now_ = std::max(now_, now);
  const auto it = queues_.find(name);
  if (it == queues_.end()) return false;
  for (const auto& [exchange_name, exchange] : exchanges_) {
    const auto binding = exchange->bindings.find(routing_key);
    if (binding == exchange->bindings.end()) continue;
    if (std::find(binding->second.begin(), binding->second.end(), it->second.get()) == binding->second.end()) continue;
    Stored stored;
    StoreBytes(*it->second, message, stored);
    stored.routing_key = &binding->first;
    stored.deliveries = delivery_count;
    Put(*it->second, std::move(stored), nullptr);
    Finish();
    return true;
  }
  return false;
}

}  // namespace millrace::bus
