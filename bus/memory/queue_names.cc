#include "bus/memory/queue_names.h"

#include <set>

#include "bus/memory/queue_broker.h"

namespace millrace::bus {
namespace {

constexpr size_t kNameBytesMax = 200;     // the server takes 255 for a queue's name: topic, group, partition and colons
constexpr size_t kShortStringMax = 255;   // AMQP 0-9-1, section 4.2.5.3
constexpr int32_t kPartitionsMax = 2000;  // a connection has 2047 channels

absl::Status CheckName(std::string_view what, std::string_view name) {
  const auto bad = [&](std::string_view why) {
    return absl::InvalidArgumentError(std::string(what) + " '" + std::string(name) + "' " + std::string(why));
  };
  if (name.empty()) return bad("has no name");
  if (name.size() > kNameBytesMax / 2) return bad("is longer than 100 bytes");
  if (name.find(':') != std::string_view::npos) {
    return bad("has a colon in its name; queues are named topic:group:partition, so topics and groups must not");
  }
  for (const std::string_view reserved : {"mr.", "amq."}) {
    if (name.substr(0, reserved.size()) == reserved) return bad("begins with a reserved prefix (mr. or amq.)");
  }
  return absl::OkStatus();
}

absl::Status CheckExisting(const TopicSpec& spec) {
  if (spec.existing.empty()) return absl::OkStatus();
  const std::string what = "topic '" + spec.name + "', which exists as '" + spec.existing + "', ";
  if (spec.existing.size() > kShortStringMax || spec.routing_key.size() > kShortStringMax)
    return absl::InvalidArgumentError(what + "has a name or routing key of more than 255 bytes");
  if (spec.keep) return absl::InvalidArgumentError(what + "is for dead letters or receipts, which have to be ours");
  if (spec.groups.size() > 1)
    return absl::InvalidArgumentError(what + "is one queue and gives each message to one group only; it has " +
                                      std::to_string(spec.groups.size()));
  if (!spec.groups.empty() && spec.ordered)
    return absl::InvalidArgumentError(what + "is a queue of others, which keeps no order of keys; make it unordered");
  return absl::OkStatus();
}

}  // namespace

QueueTopic QueueTopicOf(const TopicSpec& spec) {
  QueueTopic topic{.name = spec.name,
                   .partitions = spec.ordered ? spec.partitions : 1,
                   .ordered = spec.ordered,
                   .backlog_bytes_max = spec.backlog_bytes_max,
                   .existing = !spec.existing.empty(),
                   .queue = {},
                   .exchange = {},
                   .routing_key = {},
                   .trap = {}};
  if (!topic.existing) return topic;
  topic.partitions = 1;
  topic.ordered = false;
  if (spec.groups.empty()) {
    topic.exchange = spec.existing;
    topic.routing_key = spec.routing_key;
  } else {
    // The default exchange has each queue under its name (AMQP 0-9-1, section 3.1.3.1).
    topic.queue = topic.routing_key = spec.existing;
  }
  return topic;
}

std::string WorkQueueName(const QueueTopic& topic, std::string_view group, int32_t partition) {
  if (topic.existing) return topic.queue;
  std::string name = topic.name;
  name.append(":").append(group).append(":").append(topic.ordered ? std::to_string(partition) : "any");
  return name;
}

std::string KeepQueueName(std::string_view topic) { return std::string(topic) + "::keep"; }

std::string PresenceExchangeName(std::string_view group) { return "mr.presence." + std::string(group); }

std::string TrapName(std::string_view prefix) { return prefix.empty() ? "mr.trap" : "mr.trap." + std::string(prefix); }

QueueArguments WorkQueueArguments(const QueueTopic& topic, std::string_view group) {
  QueueArguments arguments = KeepQueueArguments(topic.trap);
  arguments.single_active_consumer = topic.ordered;
  if (topic.backlog_bytes_max > 0) {
    arguments.backlog_account = topic.name + ":" + std::string(group);
    arguments.backlog_bytes_max = topic.backlog_bytes_max;
  }
  return arguments;
}

QueueArguments KeepQueueArguments(std::string_view trap) {
  QueueArguments arguments;
  if (trap.empty()) return arguments;
  arguments.dead_letter_exchange = trap;
  // At least once, for which a full queue has to refuse instead of dropping.
  arguments.overflow = Overflow::kRejectPublish;
  arguments.dead_letter_at_least_once = true;
  return arguments;
}

QueueArguments TrapArguments() {
  QueueArguments arguments;
  arguments.overflow = Overflow::kRejectPublish;
  return arguments;
}

absl::Status CheckTopology(const Topology& topology) {
  std::set<std::string> topics;
  for (const TopicSpec& spec : topology.topics) {
    if (absl::Status s = CheckName("topic", spec.name); !s.ok()) return s;
    if (!topics.insert(spec.name).second) {
      return absl::InvalidArgumentError("topic '" + spec.name + "' is listed twice");
    }
    if (spec.partitions < 1 || spec.partitions > kPartitionsMax) {
      return absl::InvalidArgumentError("topic '" + spec.name + "' asks for " + std::to_string(spec.partitions) +
                                        " partitions; possible are 1 to " + std::to_string(kPartitionsMax));
    }
    if (absl::Status s = CheckExisting(spec); !s.ok()) return s;
    std::set<std::string> groups;
    for (const std::string& group : spec.groups) {
      if (absl::Status s = CheckName("group", group); !s.ok()) return s;
      if (!groups.insert(group).second) {
        return absl::InvalidArgumentError("group '" + group + "' is listed twice under topic '" + spec.name + "'");
      }
    }
  }
  return absl::OkStatus();
}

Capabilities MemoryQueueCapabilities() {
  Capabilities capabilities;
  capabilities.backend = "mem (queue)";
  capabilities.settlement = Settlement::kIndividual;
  capabilities.lag = true;
  capabilities.no_transactions = "a queue settles each message by itself";
  capabilities.crash_model =
      "survives: the death of any worker, or of all of them; destroyed by: the end of the process";
  return capabilities;
}

absl::StatusOr<std::vector<PartitionLag>> QueueLag(const QueueBroker& broker, const QueueTopic& topic,
                                                   const std::string& group) {
  std::vector<PartitionLag> lags;
  for (int32_t p = 0; p < topic.partitions; ++p) {
    const std::string queue = WorkQueueName(topic, group, p);
    if (!broker.HasQueue(queue)) {
      return absl::NotFoundError("no queue '" + queue + "': apply the topology with topic '" + topic.name +
                                 "' and group '" + group + "' first");
    }
    const QueueStats stats = broker.Stats(queue);
    PartitionLag& lag = lags.emplace_back();
    lag.topic = topic.name;
    lag.partition = p;
    lag.settled = static_cast<int64_t>(stats.acked);
    lag.end = static_cast<int64_t>(stats.put);
    lag.lag = static_cast<int64_t>(stats.ready + stats.unacked);
  }
  return lags;
}

}  // namespace millrace::bus
