// What a queue broker says to clients below the drivers, as it is told.
#include <algorithm>
#include <utility>

#include "tests/scenarios/actors.h"
#include "tests/scenarios/queue_client.h"

namespace millrace::scenarios {

using bus::Event;
using bus::EventKind;

namespace {

std::string About(uint32_t channel) { return "channel " + std::to_string(channel); }

}  // namespace

void QueueClients::Receive(Client& client, MonotonicTime now) {
  if (client.link == nullptr || client.dropped) return;
  std::vector<Event> events;
  client.link->Receive(events);
  for (Event& event : events) OnEvent(client, event, now);
}

// Confirms are told in the order of the publishes: in which order, and how many at once, they come is the server's choice.
void QueueClients::OnConfirm(Client& client, const Event& event) {
  Channel& channel = client.channels[event.channel];
  const std::string what = event.kind == EventKind::kAcked ? "confirmed" : "refused";
  const auto end = channel.unconfirmed.lower_bound(event.tag);
  auto at = event.multiple ? channel.unconfirmed.begin() : channel.unconfirmed.find(event.tag - 1);
  while (at != channel.unconfirmed.end() && (at != end || !event.multiple)) {
    actors_->trace().Add(client.name, About(event.channel) + " " + what, "", channel.published.at(*at));
    at = channel.unconfirmed.erase(at);
    if (!event.multiple) break;
  }
}

void QueueClients::OnDelivered(Client& client, const Event& event) {
  Channel& channel = client.channels[event.channel];
  std::string text(event.message.body.value_or("(null)"));
  channel.delivered[text].push_back(event.tag);
  if (event.delivery_count > 0) {
    text += "(" + std::to_string(event.delivery_count) + ")";
  } else if (event.redelivered) {
    text += "*";
  }
  const auto consumer = channel.consumers.find(event.consumer);
  actors_->trace().Add(client.name,
                       About(event.channel) + " " + (consumer == channel.consumers.end() ? "?" : consumer->second),
                       "got", text);
}

void QueueClients::OnEvent(Client& client, Event& event, MonotonicTime now) {
  Trace& trace = actors_->trace();
  const auto tell = [&](const std::string& what) { trace.Add(client.name, About(event.channel), what); };
  const auto queue_of = [&] {
    const auto& consumers = client.channels[event.channel].consumers;
    const auto at = consumers.find(event.consumer);
    return at == consumers.end() ? std::string("?") : at->second;
  };
  const std::string code = std::to_string(event.code);
  switch (event.kind) {
    case EventKind::kConnectionOpened:
      return trace.Add(client.name, "", "opened");
    case EventKind::kConnectionClosed:
      client.channels.clear();
      return trace.Add(client.name, "", event.code == 0 ? "broken" : "closed " + code);
    case EventKind::kBlocked:
      return trace.Add(client.name, "", "blocked");
    case EventKind::kUnblocked:
      return trace.Add(client.name, "", "unblocked");
    case EventKind::kWritable:
    case EventKind::kHeartbeat:
      return;
    case EventKind::kChannelOpened:
      return tell("opened");
    case EventKind::kChannelClosed:
      client.link->Send({.method = bus::Method::kChannelCloseOk, .channel = event.channel}, now);
      client.channels.erase(event.channel);
      return tell("closed " + code);
    case EventKind::kChannelCloseOk:
      client.channels.erase(event.channel);
      return tell("closed");
    case EventKind::kExchangeDeclared:
      return tell("exchange is there");
    case EventKind::kQueueDeclared: {
      std::vector<std::string>& declaring = client.channels[event.channel].declaring;
      const std::string queue = declaring.empty() ? "?" : declaring.front();
      if (!declaring.empty()) declaring.erase(declaring.begin());
      return tell(queue + " is there, " + std::to_string(event.messages) + " ready, " +
                  std::to_string(event.consumers) + " consumers");
    }
    case EventKind::kQueueBound:
      return tell("bound");
    case EventKind::kQueueDeleted:
      return tell("deleted");
    case EventKind::kConfirmSelected:
      return tell("confirms");
    case EventKind::kQosSet:
      return;
    case EventKind::kConsumeOk:
      return tell("consumes " + queue_of());
    case EventKind::kCancelOk:
      return tell("consumes no more " + queue_of());
    case EventKind::kCancelled:
      return tell("cancelled " + queue_of());
    case EventKind::kDelivered:
      return OnDelivered(client, event);
    case EventKind::kReturned: {
      const auto& published = client.channels[event.channel].published;
      const size_t index = event.message_id - 1;
      return trace.Add(client.name, About(event.channel) + " returned " + code, "",
                       index < published.size() ? published[index] : "?");
    }
    case EventKind::kAcked:
    case EventKind::kNacked:
      return OnConfirm(client, event);
  }
}

}  // namespace millrace::scenarios
