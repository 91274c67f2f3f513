// What clients ask of the broker, but for messages.
#include <algorithm>
#include <utility>

#include "bus/memory/queue_broker.h"

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
  if (request.passive) {
    if (it == exchanges_.end())
      return Fail(channel, kNotFound, "NOT_FOUND - no " + InVhost("exchange", request.exchange));
    Tell(*channel.connection, EventKind::kExchangeDeclared, channel.id);
    return;
  }
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
  Event& event = Tell(*channel.connection, EventKind::kQueueDeclared, channel.id);
  event.messages = it->second->Length();
  event.consumers = static_cast<uint32_t>(it->second->consumers.size());
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
  PassKeptOn(channel);
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
  PassKeptOn(channel);
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

}  // namespace millrace::bus
