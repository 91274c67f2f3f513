// Compares a topology with what a RabbitMQ server has, one declaration after the other.
//
// Blocking: up to the deadline. Threading: one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_TOPOLOGY_LOOK_H_
#define MILLRACE_BUS_RABBITMQ_TOPOLOGY_LOOK_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bus/admin.h"
#include "bus/bus.h"
#include "bus/memory/queue_names.h"
#include "bus/rabbitmq/blocking_channel.h"

namespace millrace::bus {

class TopologyLook {
 public:
  // `trap` as in QueueTopic.
  TopologyLook(BlockingChannel& server, std::string trap, MonotonicTime deadline)
      : server_(server), trap_(std::move(trap)), deadline_(deadline) {}

  // `spec` with its names on the server; `topic`: the pipeline's name of it. Adds its parts to `items`.
  absl::Status Add(const TopicSpec& spec, const std::string& topic, std::vector<TopologyItem>* items);
  // The trap: its exchange and its queue, which is the last item. Nothing where there is none.
  absl::Status AddTrap(std::vector<TopologyItem>* items);

 private:
  absl::Status AddExisting(const TopicSpec& spec, TopologyItem item, std::vector<TopologyItem>* items);
  absl::Status AddExchange(const std::string& name, ExchangeKind kind, TopologyItem item,
                           std::vector<TopologyItem>* items);
  absl::Status AddQueue(const std::string& name, const QueueArguments& arguments, TopologyItem item,
                        std::vector<TopologyItem>* items);
  // How many partitions a group has on the server, where that is another number than asked for.
  absl::StatusOr<std::optional<int32_t>> OtherCount(const QueueTopic& topic, const std::string& group);
  absl::StatusOr<bool> Exists(const std::string& queue);
  // nothing: the same; else how it differs.
  absl::StatusOr<std::optional<TopologyItem::Field>> Declare(const Request& request);

  BlockingChannel& server_;
  const std::string trap_;
  const MonotonicTime deadline_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_TOPOLOGY_LOOK_H_
