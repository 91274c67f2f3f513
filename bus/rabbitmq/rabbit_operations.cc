#include "bus/rabbitmq/rabbit_operations.h"

#include <set>
#include <utility>

#include "bus/rabbitmq/http_get.h"
#include "bus/rabbitmq/rabbit_kept.h"
#include "bus/rabbitmq/topology_look.h"

namespace millrace::bus {
namespace {

constexpr Duration kCallTime = std::chrono::seconds(10);

AmqpOptions Named(const AmqpUrl& url, const std::string& what) {
  AmqpOptions options = url.connection;
  options.connection_name += " " + what;
  return options;
}

absl::Status NoLog() {
  return absl::UnimplementedError(
      "RabbitMQ keeps no log: what a group has settled is gone, and there is no offset to go back to. Feed again what "
      "is needed (run with another --out), or redrive dead letters: millrace dlq redrive");
}

}  // namespace

absl::StatusOr<std::vector<TopologyItem>> RabbitOperations::Compare(const Topology& topology) {
  BlockingChannel server(Named(url_, "topology"), clock_);
  TopologyLook look(server, clock_.Now() + url_.apply_timeout);
  std::vector<TopologyItem> items;
  for (const TopicSpec& spec : topology.topics) {
    TopicSpec placed = spec;
    placed.name = url_.prefix + spec.name;
    for (std::string& group : placed.groups) group = url_.prefix + group;
    if (absl::Status s = look.Add(placed, spec.name, &items); !s.ok()) return s;
  }
  return items;
}

absl::StatusOr<RabbitOperations::Metrics> RabbitOperations::ReadManagement(const std::string& base) const {
  const HttpLogin login{.user = url_.connection.user, .password = url_.connection.password};
  const std::string vhost = UrlEncoded(url_.connection.vhost);
  const absl::StatusOr<std::string> queues = HttpGet(
      base + "/api/queues/" + vhost +
          "?columns=name,messages_ready,messages_unacknowledged,consumers,message_stats.ack,message_stats.publish",
      login);
  if (!queues.ok()) return queues.status();
  auto parsed = ParseManagementQueues(*queues);
  if (!parsed.ok()) return parsed.status();
  Metrics metrics{
      .queues = *std::move(parsed), .consumers = {}, .named = true, .source = "RabbitMQ's management plugin"};
  const absl::StatusOr<std::string> consumers = HttpGet(base + "/api/consumers/" + vhost, login);
  const absl::StatusOr<std::string> connections =
      HttpGet(base + "/api/connections?columns=name,user_provided_name", login);
  // A user who may not see all connections sees queues all the same.
  auto who = consumers.ok() ? ParseManagementConsumers(*consumers) : consumers.status();
  auto names = connections.ok() ? ParseManagementConnections(*connections) : connections.status();
  if (!who.ok()) {
    metrics.named = false;
    return metrics;
  }
  metrics.consumers = *std::move(who);
  for (auto& [queue, list] : metrics.consumers) {
    for (std::string& name : list) {
      const bool known = names.ok() && names->count(name) > 0 && !names->at(name).empty();
      if (known) name = names->at(name);
    }
  }
  return metrics;
}

absl::StatusOr<RabbitOperations::Metrics> RabbitOperations::ReadMetrics() const {
  const std::string host = url_.connection.hosts.empty() ? "localhost" : url_.connection.hosts.front().name;
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const std::string management = url_.management.empty() ? "http://" + shown + ":15672" : url_.management;
  const std::string prometheus = url_.prometheus.empty() ? "http://" + shown + ":15692" : url_.prometheus;
  absl::StatusOr<Metrics> metrics = ReadManagement(management);
  if (metrics.ok()) return metrics;
  const absl::StatusOr<std::string> text =
      HttpGet(prometheus + "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count&vhost=" +
                  UrlEncoded(url_.connection.vhost),
              {});
  if (text.ok()) {
    return Metrics{.queues = ParsePrometheusQueues(*text, url_.connection.vhost),
                   .consumers = {},
                   .named = false,
                   .source = "RabbitMQ's Prometheus plugin"};
  }
  return absl::UnavailableError(
      "neither the management nor the Prometheus plugin of RabbitMQ answers, and nothing else tells how many messages "
      "are in somebody's hands. On the server: rabbitmq-plugins enable rabbitmq_management; elsewhere than on the "
      "usual port: ?management=http://HOST:PORT in the bus URL. (" +
      std::string(metrics.status().message()) + "; " + std::string(text.status().message()) + ")");
}

int64_t RabbitOperations::Instances(const std::string& group) const {
  const std::string host = url_.connection.hosts.empty() ? "localhost" : url_.connection.hosts.front().name;
  const std::string base = url_.management.empty() ? "http://" + host + ":15672" : url_.management;
  const absl::StatusOr<std::string> json =
      HttpGet(base + "/api/exchanges/" + UrlEncoded(url_.connection.vhost) + "/" +
                  UrlEncoded(PresenceExchangeName(group)) + "/bindings/source?columns=destination",
              {.user = url_.connection.user, .password = url_.connection.password});
  if (!json.ok()) return absl::IsNotFound(json.status()) ? 0 : -1;
  int64_t count = 0;
  for (size_t at = json->find("\"destination\""); at != std::string::npos; at = json->find("\"destination\"", at + 1))
    ++count;
  return count;
}

absl::StatusOr<GroupState> RabbitOperations::Group(const std::string& group, const TopicSpec& topic) {
  const absl::StatusOr<Metrics> metrics = ReadMetrics();
  if (!metrics.ok()) return metrics.status();
  TopicSpec placed = topic;
  placed.name = url_.prefix + topic.name;
  const QueueTopic on_server = QueueTopicOf(placed);
  const std::string group_there = url_.prefix + group;
  GroupState state;
  state.source = metrics->source;
  for (int32_t p = 0; p < on_server.partitions; ++p) {
    const std::string queue = WorkQueueName(on_server, group_there, p);
    const auto at = metrics->queues.find(queue);
    if (at == metrics->queues.end())
      return absl::NotFoundError("there is no queue \"" + queue + "\"; make it with: millrace topology apply");
    const QueueMetrics& found = at->second;
    PartitionState& partition = state.partitions.emplace_back();
    partition.partition = p;
    partition.ready = found.ready;
    partition.unacked = found.unacked;
    partition.lag = found.ready + found.unacked;
    partition.committed = found.acked;
    if (found.acked >= 0) partition.end = found.acked + partition.lag;
    const auto who = metrics->consumers.find(queue);
    if (who != metrics->consumers.end()) {
      for (const std::string& name : who->second) partition.owner += (partition.owner.empty() ? "" : ", ") + name;
    } else if (!metrics->named && found.consumers > 0) {
      partition.owner = "somebody";
    }
  }
  // Who has a queue of any topic of the group is not idle.
  std::set<std::string> busy;
  for (const auto& [queue, names] : metrics->consumers) {
    if (queue.find(":" + group_there + ":") != std::string::npos) busy.insert(names.begin(), names.end());
  }
  const int64_t instances = metrics->named && on_server.ordered ? Instances(group_there) : -1;
  state.instances = static_cast<int32_t>(instances >= 0 ? instances : static_cast<int64_t>(busy.size()));
  for (auto idle = static_cast<int64_t>(busy.size()); idle < instances; ++idle) state.idle.push_back("(no queue)");
  return state;
}

absl::StatusOr<std::vector<OffsetMove>> RabbitOperations::PlanOffsets(const std::string&, const std::string&,
                                                                      const std::vector<int32_t>&,
                                                                      const OffsetTarget&) {
  return NoLog();
}

absl::Status RabbitOperations::MoveOffsets(const std::string&, const std::string&, std::span<const OffsetMove>) {
  return NoLog();
}

absl::StatusOr<std::unique_ptr<KeptReader>> RabbitOperations::OpenKept(const TopicSpec& topic) {
  return OpenRabbitKept(Named(url_, "dead letters"), clock_, KeepQueueName(url_.prefix + topic.name), kCallTime);
}

}  // namespace millrace::bus
