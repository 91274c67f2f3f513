#include "bus/rabbitmq/management_look.h"

#include <simdjson.h>

#include <algorithm>

#include "bus/memory/queue_names.h"

namespace millrace::bus {
namespace {

using State = TopologyItem::State;

// What a policy does to a queue that we count on. A dead-letter exchange or what happens to a full queue it cannot say:
// the queue's own argument goes before it.
struct Harm {
  std::string_view key;
  const char* words;
};
constexpr Harm kHarms[] = {
    {"message-ttl", "takes out what waits longer than so many ms"},
    {"delivery-limit", "takes out what was delivered so often, which a slow start or a killed process can reach"},
    {"max-length", "refuses publishes beyond so many messages"},
    {"max-length-bytes", "refuses publishes beyond so many bytes"},
    {"expires", "deletes the queue, with all that is in it, when nobody has used it for so many ms"},
};

absl::Status NotManagement() {
  return absl::DataLossError("what answers at the management's address does not speak as RabbitMQ's management does");
}

std::string TextOf(simdjson::dom::element object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

std::string QueueItem(const std::string& queue) { return "queue \"" + queue + "\""; }

}  // namespace

absl::StatusOr<ManagementView> ParseManagementView(const std::string& queues, const std::string& bindings) {
  ManagementView view;
  simdjson::dom::parser parser;
  simdjson::dom::array array;
  if (parser.parse(queues).get(array) != simdjson::SUCCESS) return NotManagement();
  for (const simdjson::dom::element queue : array) {
    simdjson::dom::object sets;
    if (queue["effective_policy_definition"].get(sets) != simdjson::SUCCESS) continue;
    QueuePolicy policy{.name = TextOf(queue, "policy"), .sets = {}};
    if (const std::string by = TextOf(queue, "operator_policy"); !by.empty())
      policy.name += (policy.name.empty() ? "" : " and ") + by;
    for (const auto& [key, value] : sets) policy.sets.emplace_back(key, simdjson::minify(value));
    if (!policy.sets.empty()) view.policies[TextOf(queue, "name")] = policy;
  }
  if (parser.parse(bindings).get(array) != simdjson::SUCCESS) return NotManagement();
  for (const simdjson::dom::element binding : array) {
    view.bindings.emplace(TextOf(binding, "source"), TextOf(binding, "destination"), TextOf(binding, "routing_key"));
  }
  return view;
}

std::vector<WantedBinding> BindingsOf(const Topology& placed, std::string_view prefix, const std::string& trap) {
  std::vector<WantedBinding> wanted;
  for (const TopicSpec& spec : placed.topics) {
    if (!spec.existing.empty()) continue;
    const QueueTopic topic = QueueTopicOf(spec);
    const std::string name = spec.name.substr(prefix.size());
    for (int32_t p = 0; p < topic.partitions; ++p) {
      for (const std::string& group : spec.groups)
        wanted.push_back({name, spec.name, WorkQueueName(topic, group, p), std::to_string(p)});
      if (spec.keep) wanted.push_back({name, spec.name, KeepQueueName(spec.name), std::to_string(p)});
    }
  }
  if (!trap.empty()) wanted.push_back({"", trap, trap, ""});
  return wanted;
}

void AddManagementView(const ManagementView& view, const std::vector<WantedBinding>& wanted,
                       std::vector<TopologyItem>* items) {
  const auto there = [&](const std::string& what) {
    return std::any_of(items->begin(), items->end(),
                       [&](const TopologyItem& item) { return item.what == what && item.state != State::kMissing; });
  };
  for (TopologyItem& item : *items) {
    for (const auto& [queue, policy] : view.policies) {
      if (item.what != QueueItem(queue)) continue;
      for (const auto& [key, value] : policy.sets) {
        const auto* harm = std::find_if(std::begin(kHarms), std::end(kHarms),
                                        [&key = key](const Harm& each) { return each.key == key; });
        if (harm == std::end(kHarms)) continue;
        if (item.state == State::kSame) item.state = State::kDiffers;
        item.fields.push_back({key, value, "no such policy"});
        item.advice += (item.advice.empty() ? "" : "; ") + ("policy \"" + policy.name + "\" ") + harm->words +
                       ": narrow its pattern or remove it (rabbitmqctl list_policies)";
      }
    }
  }
  std::vector<TopologyItem> missing;
  for (const WantedBinding& binding : wanted) {
    if (view.bindings.count({binding.exchange, binding.queue, binding.routing_key}) != 0) continue;
    if (!there(QueueItem(binding.queue)) || !there("exchange \"" + binding.exchange + "\"")) continue;
    missing.push_back({.topic = binding.topic,
                       .what = "binding of queue \"" + binding.queue + "\" to exchange \"" + binding.exchange + "\"",
                       .state = State::kMissing,
                       .fields = {{"routing key", "", binding.routing_key}},
                       .advice =
                           "somebody has unbound it: what is published there is returned until it is bound again, "
                           "by topology apply or run"});
  }
  items->insert(items->end(), missing.begin(), missing.end());
}

}  // namespace millrace::bus
