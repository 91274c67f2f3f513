#include "bus/rabbitmq/queue_metrics.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

namespace millrace::bus {
namespace {

absl::Status NotManagement() {
  return absl::DataLossError("what answers at the management's address does not speak as RabbitMQ's management does");
}

int64_t NumberOf(simdjson::dom::element object, const char* pointer, int64_t otherwise) {
  int64_t number = otherwise;
  if (object.at_pointer(pointer).get(number) != simdjson::SUCCESS) return otherwise;
  return number;
}

std::string TextOf(simdjson::dom::element object, const char* pointer) {
  std::string_view text;
  return object.at_pointer(pointer).get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

// Calls f for each object of an array.
template <typename F>
absl::Status Each(const std::string& json, F f) {
  simdjson::dom::parser parser;
  simdjson::dom::array array;
  if (parser.parse(json).get(array) != simdjson::SUCCESS) return NotManagement();
  for (const simdjson::dom::element element : array) f(element);
  return absl::OkStatus();
}

// The value of a label in `name="a",vhost="b"`; labels of queues may hold anything, with \ before " and \.
std::string LabelOf(std::string_view labels, std::string_view name) {
  std::string value;
  const std::string begin = std::string(name) + "=\"";
  for (size_t at = labels.find(begin); at != std::string_view::npos; at = labels.find(begin, at + 1)) {
    if (at != 0 && labels[at - 1] != ',') continue;
    for (size_t i = at + begin.size(); i < labels.size() && labels[i] != '"'; ++i) {
      if (labels[i] == '\\' && i + 1 < labels.size()) ++i;
      value += labels[i];
    }
    return value;
  }
  return value;
}

}  // namespace

absl::StatusOr<std::map<std::string, QueueMetrics>> ParseManagementQueues(const std::string& json) {
  std::map<std::string, QueueMetrics> queues;
  const absl::Status read = Each(json, [&](simdjson::dom::element queue) {
    queues[TextOf(queue, "/name")] = {.ready = NumberOf(queue, "/messages_ready", 0),
                                      .unacked = NumberOf(queue, "/messages_unacknowledged", 0),
                                      .consumers = NumberOf(queue, "/consumers", 0),
                                      .acked = NumberOf(queue, "/message_stats/ack", 0)};
  });
  if (!read.ok()) return read;
  return queues;
}

absl::StatusOr<std::map<std::string, std::vector<std::string>>> ParseManagementConsumers(const std::string& json) {
  std::map<std::string, std::vector<std::string>> consumers;
  const absl::Status read = Each(json, [&](simdjson::dom::element consumer) {
    consumers[TextOf(consumer, "/queue/name")].push_back(TextOf(consumer, "/channel_details/connection_name"));
  });
  if (!read.ok()) return read;
  return consumers;
}

absl::StatusOr<std::map<std::string, std::string>> ParseManagementConnections(const std::string& json) {
  std::map<std::string, std::string> names;
  const absl::Status read = Each(json, [&](simdjson::dom::element connection) {
    names[TextOf(connection, "/name")] = TextOf(connection, "/user_provided_name");
  });
  if (!read.ok()) return read;
  return names;
}

absl::StatusOr<std::set<std::string>> ParsePresence(const std::string& json, const std::string& exchange) {
  std::set<std::string> members;
  const absl::Status read = Each(json, [&](simdjson::dom::element binding) {
    // "mr.presence.GROUP.MEMBER.INCARNATION"
    const std::string queue = TextOf(binding, "/destination");
    const size_t begin = exchange.size() + 1, end = queue.rfind('.');
    if (queue.rfind(exchange + ".", 0) != 0 || end == std::string::npos || end <= begin) return;
    const std::string member = queue.substr(begin, end - begin);
    if (member.rfind(kLagReader, 0) != 0) members.insert(member);
  });
  if (!read.ok()) return read;
  return members;
}

std::vector<std::string> IdleMembers(const std::set<std::string>& members, const std::set<std::string>& owners) {
  std::vector<std::string> idle;
  for (const std::string& member : members) {
    const std::string end = " " + member;
    const bool busy = std::any_of(owners.begin(), owners.end(), [&](const std::string& owner) {
      return owner.size() >= end.size() && owner.compare(owner.size() - end.size(), end.size(), end) == 0;
    });
    if (!busy) idle.push_back(member);
  }
  return idle;
}

std::map<std::string, QueueMetrics> ParsePrometheusQueues(std::string_view text, std::string_view vhost) {
  struct Family {
    std::string_view name;
    int64_t QueueMetrics::*field;
  };
  constexpr Family kFamilies[] = {{"rabbitmq_detailed_queue_messages_ready", &QueueMetrics::ready},
                                  {"rabbitmq_detailed_queue_messages_unacked", &QueueMetrics::unacked},
                                  {"rabbitmq_detailed_queue_consumers", &QueueMetrics::consumers}};
  std::map<std::string, QueueMetrics> queues;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t open = line.find('{'), close = line.rfind("} ");
    if (line.empty() || line[0] == '#' || open == std::string_view::npos || close == std::string_view::npos) continue;
    const auto* family = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                      [&](const Family& f) { return f.name == line.substr(0, open); });
    const std::string_view labels = line.substr(open + 1, close - open - 1), value = line.substr(close + 2);
    if (family == std::end(kFamilies) || LabelOf(labels, "vhost") != vhost) continue;
    int64_t number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    queues[LabelOf(labels, "queue")].*family->field = number;
  }
  return queues;
}

}  // namespace millrace::bus
