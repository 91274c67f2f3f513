#include "bus/rabbitmq/rabbit_operations.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "bus/rabbitmq/percent.h"
#include "bus/rabbitmq/rabbit_kept.h"
#include "bus/rabbitmq/topology_look.h"

namespace millrace::bus {
namespace {

constexpr Duration kCallTime = std::chrono::seconds(10);
// What is looked at of a trap: so many messages, or bytes, whichever is less, and few of them ahead.
constexpr uint64_t kTrapShown = 1000;
constexpr uint64_t kTrapBytesShown = 4 << 20;
constexpr uint32_t kTrapPrefetch = 20;
constexpr char kTrapAdvice[] =
    "the server took these messages out of their queues by itself, because of a policy or because another program "
    "rejected them: they are lost to their stages until somebody moves them back. Correct the policy, then publish "
    "each to its topic's exchange again (they have their routing key; the shovel plugin moves them), and empty the "
    "trap";

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

absl::StatusOr<std::vector<TopologyItem>> RabbitOperations::Compare(const Topology& topology, Look look) {
  BlockingChannel server(Named(url_, "topology"), clock_);
  const MonotonicTime deadline = clock_.Now() + url_.apply_timeout;
  TopologyLook on_server(server, Trap(), deadline);
  std::vector<TopologyItem> items;
  Topology placed_topology;
  for (const TopicSpec& spec : topology.topics) {
    TopicSpec placed = spec;
    placed.name = url_.prefix + spec.name;
    for (std::string& group : placed.groups) group = url_.prefix + group;
    if (absl::Status s = on_server.Add(placed, spec.name, &items); !s.ok()) return s;
    placed_topology.topics.push_back(std::move(placed));
  }
  if (absl::Status s = on_server.AddTrap(&items); !s.ok()) return s;
  if (url_.trap && items.back().state == TopologyItem::State::kSame) {
    if (absl::Status s = AddTrapped(server, look, deadline, &items.back()); !s.ok()) return s;
  }
  const absl::StatusOr<ManagementView> view = ReadView();
  if (view.ok()) {
    AddManagementView(*view, BindingsOf(placed_topology, url_.prefix, Trap()), &items);
  } else if (!items.empty()) {
    TopologyItem& last = items.back();
    const bool refused = absl::IsPermissionDenied(view.status());
    last.advice += (last.advice.empty() ? "" : ". ") +
                   ("policies and bindings were not looked at: only the management plugin shows them, and it " +
                    std::string(refused ? "shows them not to this user" : "does not answer") + " (" +
                    std::string(view.status().message()) + ")");
    if (refused)
      last.advice +=
          ": give the user the tag management (rabbitmqctl set_user_tags), or say who may ask, in management=";
  }
  return items;
}

absl::StatusOr<ManagementView> RabbitOperations::ReadView() const {
  const Plugin plugin = Management();
  const std::string vhost = PercentEncoded(url_.connection.vhost);
  const absl::StatusOr<std::string> queues =
      HttpGet(plugin.base + "/api/queues/" + vhost +
                  "?columns=name,policy,operator_policy,effective_policy_definition,arguments",
              plugin.login);
  if (!queues.ok()) return queues.status();
  const absl::StatusOr<std::string> bindings =
      HttpGet(plugin.base + "/api/bindings/" + vhost + "?columns=source,destination,routing_key", plugin.login);
  if (!bindings.ok()) return bindings.status();
  return ParseManagementView(*queues, *bindings);
}

absl::Status RabbitOperations::AddTrapped(BlockingChannel& server, Look look, MonotonicTime deadline,
                                          TopologyItem* item) const {
  const std::string trap = Trap();
  const absl::StatusOr<Event> there =
      server.Call({.method = Method::kQueueDeclare, .passive = true, .queue = trap}, deadline);
  if (!there.ok()) return there.status();
  // Gone since it was found: what is missing is looked for by whoever applies.
  if (there->kind == EventKind::kChannelClosed) return absl::OkStatus();
  if (look == Look::kContents) return LookIntoTrap(item);
  if (there->messages == 0) return absl::OkStatus();
  item->state = TopologyItem::State::kDiffers;
  item->fields.push_back({"messages", std::to_string(there->messages), "0"});
  item->advice = std::string(kTrapAdvice) + ". From which queues they come, and why, says: millrace topology check";
  return absl::OkStatus();
}

absl::Status RabbitOperations::LookIntoTrap(TopologyItem* item) const {
  const absl::StatusOr<std::unique_ptr<KeptReader>> trap =
      OpenRabbitKept(Named(url_, "trap"), clock_, Trap(), kCallTime, kTrapPrefetch);
  if (!trap.ok()) return trap.status();
  std::map<std::string, uint64_t> counts;
  uint64_t count = 0, bytes = 0;
  const absl::Status read = (*trap)->Read([&](const KeptMessage& kept) {
    const auto text = [&](std::string_view name, std::string_view otherwise) {
      return std::string(kept.message.headers.Find(name).value_or(otherwise));
    };
    ++counts[text("x-first-death-reason", "dead") + " in " + text("x-first-death-queue", "?")];
    ++count;
    bytes += kept.message.Bytes();
    return count < kTrapShown && bytes < kTrapBytesShown ? absl::OkStatus() : absl::OutOfRangeError("enough");
  });
  if (!read.ok() && !absl::IsOutOfRange(read)) return read;
  if (count == 0) return absl::OkStatus();
  item->state = TopologyItem::State::kDiffers;
  const std::string more = read.ok() ? "" : " or more";
  for (const auto& [why, number] : counts) item->fields.push_back({why, std::to_string(number) + more, "0"});
  item->advice = kTrapAdvice;
  return absl::OkStatus();
}

// Over TLS each plugin has its usual port one lower: a password that was not for all to read stays so.
RabbitOperations::Plugin RabbitOperations::PluginAt(const PluginAddress& said, int port) const {
  const AmqpOptions& connection = url_.connection;
  Plugin plugin{.base = said.base,
                .login = {.user = connection.user, .password = connection.password, .tls = connection.tls}};
  if (said.own_login) {
    plugin.login.user = said.user;
    plugin.login.password = said.password;
  }
  // A name for the certificates of the connection's hosts says nothing of others'.
  const bool same = std::any_of(connection.hosts.begin(), connection.hosts.end(),
                                [&](const AmqpHost& host) { return host.name == said.host; });
  if (!said.base.empty()) {
    if (!same) plugin.login.tls.server_name.clear();
    return plugin;
  }
  const std::string host = connection.hosts.empty() ? "localhost" : connection.hosts.front().name;
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  plugin.base = connection.tls.on ? "https://" + shown + ":" + std::to_string(port - 1)
                                  : "http://" + shown + ":" + std::to_string(port);
  return plugin;
}

absl::StatusOr<RabbitOperations::Metrics> RabbitOperations::ReadManagement() const {
  const auto [base, login] = Management();
  const std::string vhost = PercentEncoded(url_.connection.vhost);
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
  absl::StatusOr<Metrics> metrics = ReadManagement();
  if (metrics.ok()) return metrics;
  Plugin prometheus = PluginAt(url_.prometheus, 15692);
  // It asks nobody who they are, unless somebody who does stands before it.
  if (!url_.prometheus.own_login) prometheus.login.user.clear();
  const absl::StatusOr<std::string> text =
      HttpGet(prometheus.base + "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count&vhost=" +
                  PercentEncoded(url_.connection.vhost),
              prometheus.login);
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

absl::StatusOr<std::set<std::string>> RabbitOperations::Members(const std::string& group) const {
  const std::string exchange = PresenceExchangeName(group);
  const Plugin plugin = Management();
  const absl::StatusOr<std::string> json =
      HttpGet(plugin.base + "/api/exchanges/" + PercentEncoded(url_.connection.vhost) + "/" + PercentEncoded(exchange) +
                  "/bindings/source?columns=destination",
              plugin.login);
  if (absl::IsNotFound(json.status())) return std::set<std::string>();
  if (!json.ok()) return json.status();
  return ParsePresence(*json, exchange);
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
  if (const auto trap = metrics->queues.find(Trap()); trap != metrics->queues.end())
    state.trapped = trap->second.ready + trap->second.unacked;
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
  state.instances = static_cast<int32_t>(busy.size());
  if (!metrics->named || !on_server.ordered) return state;
  const absl::StatusOr<std::set<std::string>> members = Members(group_there);
  if (!members.ok()) return state;
  state.instances = static_cast<int32_t>(members->size());
  state.idle = IdleMembers(*members, busy);
  return state;
}

absl::StatusOr<std::vector<OffsetMove>> RabbitOperations::PlanOffsets(const std::string&, const TopicSpec&,
                                                                      const std::vector<int32_t>&,
                                                                      const OffsetTarget&) {
  return NoLog();
}

absl::Status RabbitOperations::MoveOffsets(const std::string&, const TopicSpec&, std::span<const OffsetMove>) {
  return NoLog();
}

absl::StatusOr<std::unique_ptr<KeptReader>> RabbitOperations::OpenKept(const TopicSpec& topic) {
  return OpenRabbitKept(Named(url_, "dead letters"), clock_, KeepQueueName(url_.prefix + topic.name), kCallTime);
}

}  // namespace millrace::bus
