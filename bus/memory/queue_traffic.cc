// What happens to messages in the broker: routing, storing, delivering, settling, returning, dying, confirming.
#include <algorithm>
#include <utility>

#include "bus/memory/queue_broker.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

using queue_internal::Unacked;

constexpr std::string_view kFirstDeathQueue = "x-first-death-queue";
constexpr std::string_view kLastDeathQueue = "x-last-death-queue";
constexpr std::string_view kLastDeathReason = "x-last-death-reason";
constexpr std::string_view kRejected = "rejected";

// A quorum queue tells publishers to stop when it has become longer than it may be, one message too late, and to go on when
// it has shrunk to four fifths of that (rabbit_fifo.erl, evaluate_limit and LOW_LIMIT).
bool Refusing(queue_internal::WorkQueue& queue) {
  if (queue.refusing && queue.Length() <= static_cast<uint64_t>(queue.arguments.max_length) * 4 / 5)
    queue.refusing = false;
  return queue.refusing;
}

}  // namespace

// ---------------------------------------------------------------- publishing

void QueueBroker::OnPublish(Channel& channel, const Request& request) {
  Connection& connection = *channel.connection;
  if (alarm_) {
    // The server blocks at the content's header: this publish is the first that it doesn't read.
    connection.blocked = true;
    connection.unread.emplace_back(request);
    Tell(connection, EventKind::kBlocked, 0).text = "low on memory";
    return;
  }
  if (channel.last_exchange == nullptr || channel.last_exchange->name != request.exchange) {
    const auto it = exchanges_.find(request.exchange);
    if (it == exchanges_.end()) {
      return Fail(channel, kNotFound, "NOT_FOUND - no exchange '" + std::string(request.exchange) + "' in vhost '/'");
    }
    channel.last_exchange = it->second.get();
  }
  const size_t bytes = request.message.Bytes();
  if (bytes > options_.message_bytes_max) {
    return Fail(channel, kPreconditionFailed,
                "PRECONDITION_FAILED - message size " + std::to_string(bytes) + " is larger than configured max size " +
                    std::to_string(options_.message_bytes_max));
  }
  bool routed = false;
  const bool taken = Route(*channel.last_exchange, request.routing_key, request.message, &connection, &routed);
  if (!routed && request.mandatory) ReturnToSender(channel, request);
  if (channel.confirming) {
    ++channel.published;
    channel.confirms.push_back(taken ? 1 : 0);
    if (!channel.confirms_waiting) {
      channel.confirms_waiting = true;
      connection.confirming.push_back(channel.id);
    }
    if (!hold_confirms_) Notify(connection);
  }
}

void QueueBroker::ReturnToSender(Channel& channel, const Request& request) {
  Event& event = Tell(*channel.connection, EventKind::kReturned, channel.id);
  event.code = kNoRoute;
  event.text = "NO_ROUTE";
  event.message_id = request.message_id;
  event.segment = store_.pool.Take(request.message.Bytes());
  event.message = *CopyInto(*event.segment.get(), request.message);
}

bool QueueBroker::Route(const Exchange& exchange, std::string_view key, const Message& message, Connection* publisher,
                        bool* routed) {
  const auto binding = exchange.bindings.find(exchange.kind == ExchangeKind::kFanout ? std::string_view() : key);
  *routed = binding != exchange.bindings.end() && !binding->second.empty();
  if (!*routed) return true;
  bool taken = true;
  Stored stored;
  WorkQueue* const last = binding->second.back();
  for (WorkQueue* queue : binding->second) {
    if (Refusing(*queue) || queue->refuse_next > 0) {
      if (queue->refuse_next > 0) --queue->refuse_next;
      taken = false;
      continue;
    }
    if (!stored.segment) {
      StoreBytes(*queue, message, stored);
      stored.routing_key = &binding->first;
    }
    Put(*queue, queue == last ? std::move(stored) : Stored(stored), publisher);
  }
  return taken;
}

// The row of segments of the first queue keeps the bytes for all: a queue that stands still pins no others' segments.
void QueueBroker::StoreBytes(WorkQueue& queue, const Message& message, Stored& stored) {
  const size_t bytes = message.Bytes();
  if (!queue.tail || queue.tail->Room() < bytes) {
    queue.tail = store_.pool.Take(bytes);
    ++store_.segments_taken;
  }
  stored.segment = queue.tail;
  stored.message = *CopyInto(*queue.tail.get(), message);
  newest_ = stored.message;
  if (newest_segment_ != stored.segment) newest_segment_ = stored.segment;
  stored.bytes = static_cast<uint32_t>(bytes);
}

void QueueBroker::Put(WorkQueue& queue, Stored&& stored, Connection* publisher) {
  stored.number = ++queue.put;
  ++puts_;
  Charge(queue, stored.bytes, publisher);
  queue.ready.push_back(std::move(stored));
  if (queue.arguments.max_length >= 0 && queue.arguments.overflow == Overflow::kRejectPublish) {
    queue.refusing = queue.refusing || queue.Length() > static_cast<uint64_t>(queue.arguments.max_length);
  } else if (queue.arguments.max_length >= 0) {
    while (queue.Length() > static_cast<uint64_t>(queue.arguments.max_length)) {
      DeadLetter(queue, TakeHead(queue), "maxlen");
    }
  }
  if (!queue.consumers.empty()) Touch(queue);
}

void QueueBroker::Charge(WorkQueue& queue, uint64_t bytes, Connection* publisher) {
  queue.bytes += bytes;
  Account* account = queue.account;
  if (account == nullptr) return;
  account->bytes += bytes;
  if (publisher == nullptr || account->bytes_max == 0 || account->bytes <= account->bytes_max) return;
  if (std::find(account->waiting.begin(), account->waiting.end(), publisher->id) != account->waiting.end()) return;
  account->waiting.push_back(publisher->id);
  ++publisher->stopped;
}

void QueueBroker::Discharge(WorkQueue& queue, uint64_t bytes) {
  queue.bytes -= bytes;
  Account* account = queue.account;
  if (account == nullptr) return;
  account->bytes -= bytes;
  // A quarter of room before publishers go on, so that they do so in batches.
  if (account->waiting.empty() || account->bytes > account->bytes_max / 4 * 3) return;
  for (const ConnectionId id : account->waiting) {
    Connection* connection = Find(id);
    if (connection != nullptr && --connection->stopped == 0) Tell(*connection, EventKind::kWritable, 0);
  }
  account->waiting.clear();
}

void QueueBroker::FlushConfirms(Connection& connection) {
  if (hold_confirms_ || connection.confirming.empty()) return;
  constexpr uint8_t kTold = 2;
  const Random random(options_.salt);
  for (const uint32_t id : connection.confirming) {
    Channel& channel = *connection.channels[id];
    channel.confirms_waiting = false;
    Ring<uint8_t>& confirms = channel.confirms;
    const uint64_t first = channel.published + 1 - confirms.size();
    const auto tell = [&](uint64_t tag, uint8_t result, bool multiple) {
      Event& event = Tell(connection, result == 1 ? EventKind::kAcked : EventKind::kNacked, id);
      event.tag = tag;
      event.multiple = multiple;
    };
    if (options_.confirms == ConfirmStyle::kScattered) {
      for (size_t i = confirms.size(); i-- > 0;) {
        if (random.Below(/*purpose=*/0x71, {connection.id, id, first + i}, 3) != 0) continue;
        tell(first + i, confirms[i], false);
        confirms[i] = kTold;
      }
    }
    uint64_t run = 0;  // the last tag of the run, 0: none
    uint8_t result = kTold;
    size_t length = 0;
    for (size_t i = 0; i < confirms.size(); ++i) {
      if (confirms[i] == kTold) continue;
      if (run != 0 && (confirms[i] != result || options_.confirms == ConfirmStyle::kSingle)) {
        tell(run, result, length > 1);
        length = 0;
      }
      run = first + i;
      result = confirms[i];
      ++length;
    }
    if (run != 0) tell(run, result, length > 1);
    confirms.clear();
  }
  connection.confirming.clear();
}

// ---------------------------------------------------------------- delivering

void QueueBroker::Touch(WorkQueue& queue) {
  if (queue.touched) return;
  queue.touched = true;
  touched_.push_back(&queue);
}

void QueueBroker::Finish() {
  DeliverDeadLetters(false);
  PumpTouched();
}

void QueueBroker::PumpTouched() {
  for (size_t i = 0; i < touched_.size(); ++i) {
    touched_[i]->touched = false;
    Pump(*touched_[i]);
  }
  touched_.clear();
}

void QueueBroker::Pump(WorkQueue& queue) {
  std::vector<Consumer*>& consumers = queue.consumers;
  while (queue.Length() > 0 && !consumers.empty()) {
    Consumer* chosen = nullptr;
    if (queue.arguments.single_active_consumer) {
      if (consumers.front()->HasCredit()) chosen = consumers.front();
    } else {
      for (size_t i = 0; i < consumers.size() && chosen == nullptr; ++i) {
        const size_t at = (queue.next_consumer + i) % consumers.size();
        if (!consumers[at]->HasCredit()) continue;
        chosen = consumers[at];
        queue.next_consumer = (at + 1) % consumers.size();
      }
    }
    if (chosen == nullptr) return;
    Give(*chosen, TakeHead(queue));
  }
}

QueueBroker::Stored QueueBroker::TakeHead(WorkQueue& queue) {
  Ring<Stored>& from = queue.returned.empty() ? queue.ready : queue.returned;
  Stored head = std::move(from.front());
  from.pop_front();
  return head;
}

void QueueBroker::Give(Consumer& consumer, Stored&& stored) {
  Channel& channel = *consumer.channel;
  ++consumer.unacked;
  ++consumer.queue->unacked;
  Event& event = Tell(*channel.connection, EventKind::kDelivered, channel.id);
  event.consumer = consumer.tag;
  event.tag = channel.base_tag + channel.unacked.size();
  event.redelivered = stored.deliveries > 0;
  event.delivery_count = stored.deliveries;
  event.message = stored.message;
  event.segment = stored.segment;
  Unacked& delivery = channel.unacked.push_back();
  delivery.state = Unacked::State::kOpen;
  delivery.queue = consumer.queue;
  delivery.consumer = &consumer;
  delivery.since = now_;
  delivery.stored = std::move(stored);
}

// ---------------------------------------------------------------- settling

bool QueueBroker::KeepsBack(Channel& channel) {
  if (options_.acks_on_their_way == 0) return false;
  if (channel.acked_at != now_) {
    channel.acked_at = now_;
    channel.acks = 0;
    PassKeptOn(channel);
  }
  if (++channel.acks <= options_.acks_on_their_way) return false;
  kept_due_ = std::min(kept_due_, now_ + options_.ack_delay);
  return true;
}

void QueueBroker::PassKeptOn(Channel& channel) {
  for (size_t i = 0; i < channel.unacked.size() && channel.kept > 0; ++i) {
    Unacked& delivery = channel.unacked[i];
    if (delivery.state != Unacked::State::kKept) continue;
    --channel.kept;
    TakeAck(channel, i);
  }
  PopSettled(channel);
}

void QueueBroker::TakeAck(Channel& channel, size_t index) {
  Unacked& delivery = channel.unacked[index];
  delivery.state = Unacked::State::kSettled;
  WorkQueue& queue = *delivery.queue;
  --queue.unacked;
  if (delivery.consumer != nullptr) --delivery.consumer->unacked;
  Touch(queue);
  ++queue.acked;
  Discharge(queue, delivery.stored.bytes);
  delivery.stored = {};
  if (on_acked_) on_acked_(channel.connection->id, channel.id, channel.base_tag + index);
}

void QueueBroker::PopSettled(Channel& channel) {
  while (!channel.unacked.empty() && channel.unacked.front().state == Unacked::State::kSettled) {
    channel.unacked.pop_front();
    ++channel.base_tag;
  }
}

void QueueBroker::OnSettle(Channel& channel, const Request& request) {
  const bool ack = request.method == Method::kAck;
  const bool keep = ack && KeepsBack(channel);
  Ring<Unacked>& unacked = channel.unacked;
  const bool everything = request.tag == 0 && request.multiple;
  const uint64_t index = request.tag - channel.base_tag;
  const auto answered = [](const Unacked& delivery) {
    return delivery.state == Unacked::State::kSettled || delivery.state == Unacked::State::kKept;
  };
  if (!everything && (request.tag < channel.base_tag || index >= unacked.size() || answered(unacked[index]))) {
    return Fail(channel, kPreconditionFailed,
                "PRECONDITION_FAILED - unknown delivery tag " + std::to_string(request.tag));
  }
  const size_t end = everything ? unacked.size() : index + 1;
  std::vector<std::pair<WorkQueue*, Stored>> nacked;
  for (size_t i = request.multiple ? 0 : index; i < end; ++i) {
    Unacked& delivery = unacked[i];
    if (answered(delivery)) continue;
    if (delivery.state == Unacked::State::kForgotten) {
      delivery.state = Unacked::State::kSettled;
    } else if (keep && delivery.queue->arguments.durable) {
      delivery.state = Unacked::State::kKept;
      ++channel.kept;
    } else if (ack) {
      TakeAck(channel, i);
    } else {
      delivery.state = Unacked::State::kSettled;
      WorkQueue& queue = *delivery.queue;
      --queue.unacked;
      if (delivery.consumer != nullptr) --delivery.consumer->unacked;
      Touch(queue);
      if (request.requeue) {
        nacked.emplace_back(&queue, std::move(delivery.stored));
      } else {
        DeadLetter(queue, std::move(delivery.stored), kRejected);
      }
      delivery.stored = {};
    }
  }
  PopSettled(channel);
  if (!nacked.empty()) RequeueNacked(std::move(nacked));
}

void QueueBroker::RequeueNacked(std::vector<std::pair<WorkQueue*, Stored>> nacked) {
  // The server walks them in the order of a hash: without meaning, but the same each time.
  const Random random(options_.salt);
  while (!nacked.empty()) {
    const uint64_t pick = random.Below(/*purpose=*/0x72, {nacked.size(), nacked.front().first->put}, nacked.size());
    Return(*nacked[pick].first, std::move(nacked[pick].second), true);
    nacked.erase(nacked.begin() + static_cast<ptrdiff_t>(pick));
  }
}

void QueueBroker::Return(WorkQueue& queue, Stored stored, bool by_nack) {
  ++stored.deliveries;
  Touch(queue);
  const int32_t limit = queue.arguments.delivery_limit;
  if (limit >= 0 && stored.deliveries > static_cast<uint32_t>(limit)) {
    DeadLetter(queue, std::move(stored), "delivery_limit");
  } else if (by_nack && limit < 0) {
    queue.ready.push_back(std::move(stored));  // behind everything: a requeue without a limit would loop at the head
  } else {
    queue.returned.push_back(std::move(stored));
  }
}

// ---------------------------------------------------------------- dying

void QueueBroker::DeadLetter(WorkQueue& queue, Stored stored, std::string_view reason) {
  if (queue.arguments.dead_letter_exchange.empty()) {
    ++queue.dropped;
    Discharge(queue, stored.bytes);
    return;
  }
  dying_.push_back({&queue, std::move(stored), reason});
}

// Whether it has found a queue that took it.
bool QueueBroker::TryDeadLetter(queue_internal::DeadLetter& dead) {
  const QueueArguments& arguments = dead.queue->arguments;
  const auto exchange = exchanges_.find(arguments.dead_letter_exchange);
  if (exchange == exchanges_.end()) return false;
  const std::string_view key = arguments.dead_letter_routing_key.empty()
                                   ? std::string_view(*dead.stored.routing_key)
                                   : std::string_view(arguments.dead_letter_routing_key);
  const Headers before = dead.stored.message.headers;
  // Died here before, and nobody rejected it since: the server breaks such circles by dropping.
  if (dead.reason != kRejected &&
      (before.Find(kFirstDeathQueue) == dead.queue->name || before.Find(kLastDeathQueue) == dead.queue->name)) {
    return false;
  }
  HeaderBuilder headers;
  if (!before.Find(kFirstDeathQueue).has_value()) headers.Add(kFirstDeathQueue, dead.queue->name);
  headers.Add(kLastDeathQueue, dead.queue->name).Add(kLastDeathReason, dead.reason);
  for (const Header header : before) {
    if (header.name != kLastDeathQueue && header.name != kLastDeathReason) headers.Add(header.name, header.value);
  }
  Message message = dead.stored.message;
  message.headers = headers.View();
  bool routed = false;
  return Route(*exchange->second, key, message, nullptr, &routed) && routed;
}

void QueueBroker::DeliverDeadLetters(bool retry) {
  if (retry) {
    dying_.insert(dying_.end(), std::make_move_iterator(undelivered_.begin()),
                  std::make_move_iterator(undelivered_.end()));
    undelivered_.clear();
  }
  // Moving one on may kill another: the list grows while it is walked.
  for (size_t i = 0; i < dying_.size(); ++i) {
    queue_internal::DeadLetter dead = std::move(dying_[i]);
    const QueueArguments& arguments = dead.queue->arguments;
    const bool at_least_once = arguments.dead_letter_at_least_once && arguments.overflow == Overflow::kRejectPublish;
    if (TryDeadLetter(dead)) {
      ++dead.queue->dead_lettered;
    } else if (at_least_once) {
      undelivered_.push_back(std::move(dead));
      dead_letter_due_ = std::min(dead_letter_due_, now_ + options_.dead_letter_retry);
      continue;
    } else {
      ++dead.queue->dropped;
    }
    Discharge(*dead.queue, dead.stored.bytes);
  }
  dying_.clear();
}

}  // namespace millrace::bus
