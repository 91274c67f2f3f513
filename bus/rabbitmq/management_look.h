// What RabbitMQ's management plugin knows of a topology and AMQP does not show: policies over its queues, and bindings.
//
//   auto view = ParseManagementView(answer_to_api_queues, answer_to_api_bindings);
//   AddManagementView(*view, BindingsOf(topology, trap), &items);      // items as compared over AMQP
//
// Threading: pure.
#ifndef MILLRACE_BUS_RABBITMQ_MANAGEMENT_LOOK_H_
#define MILLRACE_BUS_RABBITMQ_MANAGEMENT_LOOK_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/admin.h"
#include "bus/bus.h"

namespace millrace::bus {

struct QueuePolicy {
  std::string name;  // of the policy, and of the operator's where there is one
  std::vector<std::pair<std::string, std::string>> sets;
  // Of the queue itself, else by a policy: what becomes of what it takes out.
  bool full_refuses = false;  // a publish beyond its length is refused; else the oldest message goes
  bool dead_kept = false;     // it has a dead-letter exchange
};

struct ManagementView {
  std::map<std::string, QueuePolicy> policies;                           // by queue
  std::set<std::tuple<std::string, std::string, std::string>> bindings;  // exchange, queue, routing key
};

// Of the answers to /api/queues/VHOST and /api/bindings/VHOST. DataLoss for what is none.
absl::StatusOr<ManagementView> ParseManagementView(const std::string& queues, const std::string& bindings);

struct WantedBinding {
  std::string topic;  // of the pipeline
  std::string exchange;
  std::string queue;
  std::string routing_key;
};
// Of topics with their names on the server, which begin with `prefix`; `trap` as in QueueTopic.
std::vector<WantedBinding> BindingsOf(const Topology& placed, std::string_view prefix, const std::string& trap);

// Policies that take messages out of a queue, refuse them or delete it: the queue's item differs, and says which policy. One
// by which each publish to a full queue destroys a message is refused.
// A binding that is missing between two things that are there: an item of its own.
void AddManagementView(const ManagementView& view, const std::vector<WantedBinding>& wanted,
                       std::vector<TopologyItem>* items);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_MANAGEMENT_LOOK_H_
