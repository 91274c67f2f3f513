// How topics, groups and partitions are named on a queue broker, and what is declared for them.
//
//   exchange "raw"               direct; one per topic; the routing key is the partition number
//   queue "raw:parse:3"          one per (topic, group, partition) of an ordered topic; single active consumer
//   queue "raw:parse:any"        one per (topic, group) of an unordered topic; competing consumers
//   queue "raw::keep"            where TopicSpec::keep is set: everything, never consumed
//   exchange "mr.presence.parse" fanout; one per group; beats of its instances
//   exchange, queue "mr.trap"    where a real server puts what it takes out of queues by itself (a policy, somebody's
//                                reject); dead letters of ours never go there
//
// What belongs to others (TopicSpec::existing) has the names that it has.
//
// Names of topics and groups hold no colon, so a queue's name says its topic, group and partition without doubt.
// Threading: values and pure functions.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_NAMES_H_
#define MILLRACE_BUS_MEMORY_QUEUE_NAMES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "bus/capabilities.h"
#include "bus/memory/queue_wire.h"

namespace millrace::bus {

class QueueBroker;

// What a client has to know of a topic.
struct QueueTopic {
  std::string name;
  int32_t partitions = 1;  // 1 where the topic is unordered
  bool ordered = true;
  uint64_t backlog_bytes_max = 0;
  bool existing = false;  // of others: the queue to consume, and what is published with
  std::string queue;
  std::string exchange;
  std::string routing_key;
  std::string trap;  // not empty: the exchange that its queues are declared with as their dead-letter exchange
  bool operator==(const QueueTopic&) const = default;
};

QueueTopic QueueTopicOf(const TopicSpec& spec);

// `partition` is ignored where the topic is unordered.
std::string WorkQueueName(const QueueTopic& topic, std::string_view group, int32_t partition);
std::string KeepQueueName(std::string_view topic);
std::string PresenceExchangeName(std::string_view group);

// Of all topics whose names on the server begin with `prefix`.
std::string TrapName(std::string_view prefix);

QueueArguments WorkQueueArguments(const QueueTopic& topic, std::string_view group);
// `trap` as in QueueTopic.
QueueArguments KeepQueueArguments(std::string_view trap = {});
// Of the trap's queue: when it is full it refuses, and the message stays where it was taken out of.
QueueArguments TrapArguments();

// InvalidArgument names the topic or group and what is wrong with it.
absl::Status CheckTopology(const Topology& topology);

// What the embedded queue broker can do.
Capabilities MemoryQueueCapabilities();

// NotFound where a queue of that group is missing.
absl::StatusOr<std::vector<PartitionLag>> QueueLag(const QueueBroker& broker, const QueueTopic& topic,
                                                   const std::string& group);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_NAMES_H_
