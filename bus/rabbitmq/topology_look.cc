#include "bus/rabbitmq/topology_look.h"

#include <utility>

#include "bus/rabbitmq/mismatch.h"

namespace millrace::bus {
namespace {

using State = TopologyItem::State;

constexpr int32_t kLookFurther = 2000;  // partitions that a topic has at most
constexpr char kWayOut[] =
    "it cannot be changed while it exists, and the server would close the channel over it: let it run empty (millrace "
    "lag), then delete it there, or go on with a new version of the topic under another name";

}  // namespace

absl::StatusOr<std::optional<TopologyItem::Field>> TopologyLook::Declare(const Request& request) {
  const absl::StatusOr<Event> answer = server_.Call(request, deadline_);
  if (!answer.ok()) return answer.status();
  if (answer->kind != EventKind::kChannelClosed) return std::optional<TopologyItem::Field>();
  return std::optional(ParseMismatch(answer->text));
}

absl::StatusOr<bool> TopologyLook::Exists(const std::string& queue) {
  const absl::StatusOr<Event> answer =
      server_.Call({.method = Method::kQueueDeclare, .passive = true, .queue = queue}, deadline_);
  if (!answer.ok()) return answer.status();
  // Locked by another connection: it is there all the same.
  return answer->kind != EventKind::kChannelClosed || answer->code != kNotFound;
}

absl::Status TopologyLook::AddExchange(const std::string& name, TopologyItem item, std::vector<TopologyItem>* items) {
  item.what = "exchange \"" + name + "\"";
  const absl::StatusOr<Event> answer =
      server_.Call({.method = Method::kExchangeDeclare, .passive = true, .exchange = name}, deadline_);
  if (!answer.ok()) return answer.status();
  if (answer->kind == EventKind::kChannelClosed) {
    item.state = State::kMissing;
    item.fields = {{"type", "", "direct"}, {"durable", "", "true"}};
  } else {
    const auto differs = Declare({.method = Method::kExchangeDeclare, .exchange = name});
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
  } else {
    const auto differs = Declare({.method = Method::kQueueDeclare, .queue = name, .arguments = &arguments});
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
  if (absl::Status s = AddExchange(spec.name, item, items); !s.ok()) return s;
  const QueueTopic on_server = QueueTopicOf(spec);
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
  return spec.keep ? AddQueue(KeepQueueName(spec.name), KeepQueueArguments(), item, items) : absl::OkStatus();
}

}  // namespace millrace::bus
