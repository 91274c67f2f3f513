#include "bus/rabbitmq/management_look.h"

#include <simdjson.h>

#include <algorithm>

#include "bus/memory/queue_names.h"

namespace millrace::bus {
namespace {

using State = TopologyItem::State;

// What a policy does to a queue that we count on. Where what it takes out goes, and what happens to a full queue, the queue's
// own arguments say, which go before the policy's: ours say it with the trap only.
struct Harm {
  std::string_view key;
  const char* words;       // where nobody keeps it
  const char* kept_words;  // where something does: of a length, the publisher whom it refuses; of the others, the trap
  bool length = false;
};
constexpr Harm kHarms[] = {
    {"message-ttl", "destroys what waits longer than so many ms", "takes out what waits longer than so many ms"},
    {"delivery-limit", "destroys what was delivered so often, which a slow start or a killed process can reach",
     "takes out what was delivered so often, which a slow start or a killed process can reach"},
    {"max-length", "destroys the oldest beyond so many messages, and tells nobody",
     "refuses publishes beyond so many messages", true},
    {"max-length-bytes", "destroys the oldest beyond so many bytes, and tells nobody",
     "refuses publishes beyond so many bytes", true},
    {"expires", "deletes the queue, with all that is in it, when nobody has used it for so many ms",
     "deletes the queue, with all that is in it, when nobody has used it for so many ms"},
};

absl::Status NotManagement() {
  return absl::DataLossError("what answers at the management's address does not speak as RabbitMQ's management does");
}

std::string TextOf(simdjson::dom::element object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

bool Has(simdjson::dom::element queue, std::string_view own, std::string_view by_policy, std::string_view value) {
  std::string_view text;
  if (queue["arguments"][own].get(text) != simdjson::SUCCESS &&
      queue["effective_policy_definition"][by_policy].get(text) != simdjson::SUCCESS)
    return false;
  return value.empty() || text == value;
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
    QueuePolicy policy{.name = TextOf(queue, "policy"),
                       .sets = {},
                       .full_refuses = Has(queue, "x-overflow", "overflow", "reject-publish"),
                       .dead_kept = Has(queue, "x-dead-letter-exchange", "dead-letter-exchange", "")};
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
        const bool kept = harm->length ? policy.full_refuses : policy.dead_kept;
        const bool destroys = harm->length && !policy.full_refuses;
        if (item.state == State::kSame) item.state = State::kDiffers;
        if (destroys) item.state = State::kRefused;
        item.fields.push_back({key, value, "no such policy"});
        item.advice += (item.advice.empty() ? "" : "; ") + ("policy \"" + policy.name + "\" ") +
                       (kept ? harm->kept_words : harm->words) +
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
