#include "bus/rabbitmq/topology_look.h"

#include <utility>

#include "bus/rabbitmq/mismatch.h"

namespace millrace::bus {
namespace {

using State = TopologyItem::State;

constexpr int32_t kLookFurther = 2000;  // partitions that a topic has at most
constexpr char kTrapWayOut[] =
    "it was declared by an earlier version, or by somebody else, and cannot be changed while it exists: move back what "
    "lies in it, delete it there (rabbitmqctl delete_queue), and apply the topology again, which makes it anew";
constexpr char kWayOut[] =
    "it cannot be changed while it exists, and the server would close the channel over it: let it run empty (millrace "
    "lag), then delete it there, or go on with a new version of the topic under another name";

absl::Status Refused(const Event& event) {
  return absl::PermissionDeniedError("RabbitMQ: " + event.text +
                                     "; the user needs the rights to configure, write and read there");
}

}  // namespace

absl::StatusOr<std::optional<TopologyItem::Field>> TopologyLook::Declare(const Request& request) {
  const absl::StatusOr<Event> answer = server_.Call(request, deadline_);
  if (!answer.ok()) return answer.status();
  if (answer->kind != EventKind::kChannelClosed) return std::optional<TopologyItem::Field>();
  if (answer->code == kAccessRefused) return Refused(*answer);
  return std::optional(ParseMismatch(answer->text));
}

absl::StatusOr<bool> TopologyLook::Exists(const std::string& queue) {
  const absl::StatusOr<Event> answer =
      server_.Call({.method = Method::kQueueDeclare, .passive = true, .queue = queue}, deadline_);
  if (!answer.ok()) return answer.status();
  if (answer->kind == EventKind::kChannelClosed && answer->code == kAccessRefused) return Refused(*answer);
  // Locked by another connection: it is there all the same.
  return answer->kind != EventKind::kChannelClosed || answer->code != kNotFound;
}

// Of others: whether it is there is all that is asked.
absl::Status TopologyLook::AddExisting(const TopicSpec& spec, TopologyItem item, std::vector<TopologyItem>* items) {
  const bool read = !spec.groups.empty();
  item.what = std::string(read ? "queue \"" : "exchange \"") + spec.existing + "\" of others";
  const Request look{.method = read ? Method::kQueueDeclare : Method::kExchangeDeclare,
                     .passive = true,
                     .exchange = read ? std::string_view() : spec.existing,
                     .queue = read ? spec.existing : std::string_view()};
  const absl::StatusOr<Event> answer = server_.Call(look, deadline_);
  if (!answer.ok()) return answer.status();
  if (answer->kind == EventKind::kChannelClosed && answer->code == kNotFound) {
    item.state = State::kRefused;
    item.fields = {{"exists", "no", "yes"}};
    item.advice = "correct the name in the pipeline, have it made by whom it belongs to, or remove `existing`";
  }
  items->push_back(std::move(item));
  return absl::OkStatus();
}

absl::Status TopologyLook::AddExchange(const std::string& name, ExchangeKind kind, TopologyItem item,
                                       std::vector<TopologyItem>* items) {
  item.what = "exchange \"" + name + "\"";
  const absl::StatusOr<Event> answer =
      server_.Call({.method = Method::kExchangeDeclare, .passive = true, .exchange = name}, deadline_);
  if (!answer.ok()) return answer.status();
  if (answer->kind == EventKind::kChannelClosed) {
    item.state = State::kMissing;
    item.fields = {{"type", "", kind == ExchangeKind::kFanout ? "fanout" : "direct"}, {"durable", "", "true"}};
  } else {
    const auto differs = Declare({.method = Method::kExchangeDeclare, .exchange_kind = kind, .exchange = name});
    if (!differs.ok()) return differs.status();
    if (differs->has_value()) {
      item.state = State::kRefused;
      item.fields = {**differs};
      item.advice = kWayOut;
    }
  }
  items->push_back(std::move(item));
  return absl::OkStatus();
}

absl::Status TopologyLook::AddQueue(const std::string& name, const QueueArguments& arguments, TopologyItem item,
                                    std::vector<TopologyItem>* items) {
  item.what = "queue \"" + name + "\"";
  const absl::StatusOr<bool> exists = Exists(name);
  if (!exists.ok()) return exists.status();
  if (!*exists) {
    item.state = State::kMissing;
    item.fields = {{"x-queue-type", "", "quorum"}};
    if (arguments.single_active_consumer) item.fields.push_back({"x-single-active-consumer", "", "true"});
    if (!arguments.dead_letter_exchange.empty())
      item.fields.push_back({"x-dead-letter-exchange", "", arguments.dead_letter_exchange});
  } else {
    const auto differs = Declare({.method = Method::kQueueDeclare, .queue = name, .arguments = &arguments});
    if (!differs.ok()) return differs.status();
    if (differs->has_value()) {
      item.state = State::kRefused;
      const bool of_the_trap = (*differs)->name.rfind("x-dead-letter-", 0) == 0 || (*differs)->name == "x-overflow";
      item.fields = {**differs};
      item.advice = std::string(kWayOut) + (of_the_trap ? "; or leave it, with trap=off in the bus URL" : "");
    }
  }
  items->push_back(std::move(item));
  return absl::OkStatus();
}

absl::Status TopologyLook::AddTrap(std::vector<TopologyItem>* items) {
  if (trap_.empty()) return absl::OkStatus();
  if (absl::Status s = AddExchange(trap_, ExchangeKind::kFanout, {}, items); !s.ok()) return s;
  if (absl::Status s = AddQueue(trap_, TrapArguments(), {}, items); !s.ok()) return s;
  if (items->back().state == State::kRefused) items->back().advice = kTrapWayOut;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int32_t>> TopologyLook::OtherCount(const QueueTopic& topic, const std::string& group) {
  const auto exists = [&](int32_t p) { return Exists(WorkQueueName(topic, group, p)); };
  const absl::StatusOr<bool> first = exists(0), beyond = exists(topic.partitions);
  if (!first.ok()) return first.status();
  if (!beyond.ok()) return beyond.status();
  // Queues are made from the last to the first: without the first there is none, or an Apply that was cut short.
  int32_t count = topic.partitions;
  if (*beyond) {
    for (++count; count < kLookFurther; ++count) {
      const absl::StatusOr<bool> more = exists(count);
      if (!more.ok()) return more.status();
      if (!*more) break;
    }
    return std::optional(count);
  }
  if (!*first) return std::optional<int32_t>();
  for (; count > 1; --count) {
    const absl::StatusOr<bool> there = exists(count - 1);
    if (!there.ok()) return there.status();
    if (*there) break;
  }
  return count == topic.partitions ? std::optional<int32_t>() : std::optional(count);
}

absl::Status TopologyLook::Add(const TopicSpec& spec, const std::string& topic, std::vector<TopologyItem>* items) {
  TopologyItem item;
  item.topic = topic;
  if (!spec.existing.empty()) return AddExisting(spec, item, items);
  if (absl::Status s = AddExchange(spec.name, ExchangeKind::kDirect, item, items); !s.ok()) return s;
  QueueTopic on_server = QueueTopicOf(spec);
  on_server.trap = trap_;
  for (const std::string& group : spec.groups) {
    if (on_server.ordered) {
      const absl::StatusOr<std::optional<int32_t>> other = OtherCount(on_server, group);
      if (!other.ok()) return other.status();
      if (other->has_value()) {
        const std::string have = std::to_string(**other);
        TopologyItem refused = item;
        refused.what = "topic \"" + spec.name + "\" of group \"" + group + "\"";
        refused.state = State::kRefused;
        refused.fields = {{"partitions", have, std::to_string(on_server.partitions)}};
        refused.advice =
            "with another number keys move between partitions and lose their order: say partitions: " + have +
            " in the pipeline, or let the topic run empty (millrace lag) and go on with a new version of it, \"" +
            topic + ".v2\"";
        items->push_back(std::move(refused));
        continue;
      }
    }
    for (int32_t p = 0; p < on_server.partitions; ++p) {
      if (absl::Status s =
              AddQueue(WorkQueueName(on_server, group, p), WorkQueueArguments(on_server, group), item, items);
          !s.ok())
        return s;
    }
  }
  return spec.keep ? AddQueue(KeepQueueName(spec.name), KeepQueueArguments(trap_), item, items) : absl::OkStatus();
}

}  // namespace millrace::bus
