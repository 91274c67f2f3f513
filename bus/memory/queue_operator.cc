// What an operator can do to the broker and see of it, and what a test does in the place of fate.
#include <algorithm>
#include <utility>

#include "bus/memory/queue_broker.h"

namespace millrace::bus {
namespace {

// The queue takes a delivery back, or is gone. What was acked before is not acked again.
void ForgetDelivery(queue_internal::Channel& channel, queue_internal::Unacked& delivery) {
  using State = queue_internal::Unacked::State;
  if (delivery.state == State::kKept) --channel.kept;
  delivery.state = delivery.state == State::kKept ? State::kSettled : State::kForgotten;
}

}  // namespace

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

void QueueBroker::SetAlarm(bool on, MonotonicTime now, const UnblockedVisitor& each) {
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
      const uint64_t before = puts_;
      Process(*connection, request.View());
      if (each) each(id, puts_ > before);
    }
  }
  Finish();
}

bool QueueBroker::Blocked(ConnectionId id) const {
  const Connection* connection = Find(id);
  return connection != nullptr && !connection->ended && connection->blocked;
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
        if (delivery.queue != &queue || !delivery.Held()) continue;
        ForgetDelivery(*channel, delivery);
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
    if (delivery.consumer != old || !delivery.Held()) continue;
    ForgetDelivery(*old->channel, delivery);
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

uint64_t QueueBroker::RefusalsLeft(const std::string& name) const {
  const auto it = queues_.find(name);
  return it == queues_.end() ? 0 : it->second->refuse_next;
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
        if (delivery.queue != &queue || !delivery.Held()) continue;
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
