#include "tests/scenarios/queue_client.h"

#include <algorithm>
#include <utility>

#include "tests/scenarios/actors.h"

namespace millrace::scenarios {

using bus::Method;
using bus::Request;

std::string QueueNameOf(const std::string& word, conformance::Harness& harness) {
  const size_t colon = word.find(':');
  if (colon == std::string::npos) return harness.Name(word);
  const size_t end = word.find(':', colon + 1);
  const std::string group = word.substr(colon + 1, end == std::string::npos ? end : end - colon - 1);
  return harness.Name(word.substr(0, colon)) + ":" + (group.empty() ? "" : harness.Name(group)) +
         (end == std::string::npos ? "" : word.substr(end));
}

absl::Status QueueClients::Open(const std::string& name, Actors& actors) {
  actors_ = &actors;
  Client& client = clients_[name];
  if (client.link != nullptr && !client.dropped)
    return absl::InvalidArgumentError("there is a client \"" + name + "\"");
  client.name = name;
  client.dropped = false;
  client.channels.clear();
  if (client.link == nullptr) {
    client.waker = std::make_unique<conformance::WakeFlag>(actors.world().signal());
    client.link = actors.ground().OpenQueue(*client.waker);
  }
  client.link->Connect(actors.world().Now());
  return absl::OkStatus();
}

absl::Status QueueClients::Drop(const std::string& name, MonotonicTime now) {
  const auto client = Find(name);
  if (!client.ok()) return client.status();
  (*client)->link->Drop(now);
  (*client)->dropped = true;
  return absl::OkStatus();
}

absl::StatusOr<QueueClients::Client*> QueueClients::Find(const std::string& name) {
  const auto at = clients_.find(name);
  if (at == clients_.end()) return absl::InvalidArgumentError("there is no client \"" + name + "\"");
  return &at->second;
}

absl::Status QueueClients::Declare(const Step& step, Client& client, Request& request, Actors& actors) {
  bus::QueueArguments arguments;
  conformance::Harness& harness = actors.world().harness();
  for (const auto& [option, value] : step.options) {
    if (option == "passive") request.passive = true;
    if (option == "exclusive") {
      arguments.exclusive = true;
      arguments.durable = false;
    }
    if (option == "single-active") arguments.single_active_consumer = true;
    if (option == "reject-publish") arguments.overflow = bus::Overflow::kRejectPublish;
    if (option == "at-least-once") arguments.dead_letter_at_least_once = true;
    if (option == "dead-letter") arguments.dead_letter_exchange = harness.Name(value);
    if (option != "max-length" && option != "delivery-limit") continue;
    const auto number = ParseNumber(value);
    if (!number.ok()) return number.status();
    if (option == "max-length") arguments.max_length = *number;
    if (option == "delivery-limit") arguments.delivery_limit = static_cast<int32_t>(*number);
  }
  const std::string queue = QueueNameOf(step.words[2], harness);
  request.method = Method::kQueueDeclare;
  request.queue = queue;
  request.arguments = &arguments;
  client.channels[request.channel].declaring.push_back(step.words[2]);
  client.link->Send(request, actors.world().Now());
  return absl::OkStatus();
}

absl::Status QueueClients::Publish(const Step& step, Client& client, Request& request, Actors& actors) {
  conformance::Harness& harness = actors.world().harness();
  Channel& channel = client.channels[request.channel];
  const std::string exchange = harness.Name(step.words[2]);
  const std::string& key = step.words[3];
  for (const std::string& text : Texts(step.words, 4)) {
    request.method = Method::kPublish;
    request.exchange = exchange;
    request.routing_key = key;
    request.mandatory = step.options.count("mandatory") == 1;
    request.message.body = text;
    request.message_id = channel.published.size() + 1;
    if (channel.confirms) channel.unconfirmed.insert(channel.published.size());
    channel.published.push_back(text);
    client.link->Send(request, actors.world().Now());
  }
  return absl::OkStatus();
}

absl::Status QueueClients::Settle(const Step& step, Client& client, Request& request, Actors& actors) {
  Channel& channel = client.channels[request.channel];
  request.method = step.verb == "ack" ? Method::kAck : Method::kNack;
  request.multiple = step.options.count("multiple") == 1;
  request.requeue = step.verb == "nack" && step.options.count("discard") == 0;
  for (const std::string& text : Texts(step.words, 2)) {
    if (text.rfind("tag:", 0) == 0) {
      const auto tag = ParseNumber(text.substr(4));
      if (!tag.ok()) return tag.status();
      request.tag = static_cast<uint64_t>(*tag);
    } else {
      const auto at = channel.delivered.find(text);
      if (at == channel.delivered.end()) return absl::InvalidArgumentError("\"" + text + "\" was not delivered there");
      request.tag = at->second.back();
    }
    client.link->Send(request, actors.world().Now());
  }
  return absl::OkStatus();
}

absl::Status QueueClients::Rest(const Step& step, Client& client, Request& request, Actors& actors) {
  conformance::Harness& harness = actors.world().harness();
  Channel& channel = client.channels[request.channel];
  const std::string third = step.words.size() < 3 ? "" : step.words[2];
  std::string queue, exchange, key;
  if (step.verb == "channel") {
    channel = Channel();
    request.method = Method::kChannelOpen;
  } else if (step.verb == "close-channel") {
    request.method = Method::kChannelClose;
  } else if (step.verb == "exchange") {
    request.method = Method::kExchangeDeclare;
    exchange = harness.Name(third);
    request.exchange_kind = step.options.count("fanout") == 1 ? bus::ExchangeKind::kFanout : bus::ExchangeKind::kDirect;
    request.passive = step.options.count("passive") == 1;
  } else if (step.verb == "confirm") {
    request.method = Method::kConfirmSelect;
    channel.confirms = true;
  } else if (step.verb == "qos") {
    const auto count = ParseNumber(third);
    if (!count.ok()) return count.status();
    request.method = Method::kQos;
    request.prefetch = static_cast<uint32_t>(*count);
  } else {
    queue = QueueNameOf(third, harness);
    if (step.verb == "delete") request.method = Method::kQueueDelete;
    if (step.verb == "bind") {
      request.method = Method::kQueueBind;
      exchange = harness.Name(step.words[3]);
      key = step.words[4];
    }
    if (step.verb == "consume") {
      request.method = Method::kConsume;
      request.consumer = client.next_consumer++;
      if (const auto at = step.options.find("tag"); at != step.options.end()) {
        const auto tag = ParseNumber(at->second);
        if (!tag.ok()) return tag.status();
        request.consumer = static_cast<uint32_t>(*tag);
      }
      channel.consumers[request.consumer] = third;
    }
    if (step.verb == "cancel") {
      request.method = Method::kCancel;
      for (const auto& [tag, of] : channel.consumers) {
        if (of == third) request.consumer = tag;
      }
    }
  }
  request.queue = queue;
  request.exchange = exchange;
  request.routing_key = key;
  client.link->Send(request, actors.world().Now());
  return absl::OkStatus();
}

absl::Status QueueClients::Do(const Step& step, Actors& actors) {
  const auto client = Find(step.words[0]);
  if (!client.ok()) return client.status();
  Request request;
  if (step.verb == "hang-up") {
    request.method = Method::kConnectionClose;
    (*client)->link->Send(request, actors.world().Now());
    return absl::OkStatus();
  }
  const auto channel = ParseNumber(step.words[1]);
  if (!channel.ok()) return channel.status();
  request.channel = static_cast<uint32_t>(*channel);
  if (step.verb == "declare") return Declare(step, **client, request, actors);
  if (step.verb == "send") return Publish(step, **client, request, actors);
  if (step.verb == "ack" || step.verb == "nack") return Settle(step, **client, request, actors);
  return Rest(step, **client, request, actors);
}

void QueueClients::Look(MonotonicTime now) {
  for (auto& [name, client] : clients_) Receive(client, now);
}

}  // namespace millrace::scenarios
