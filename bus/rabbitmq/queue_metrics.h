// What RabbitMQ's plugins say of queues: the management plugin in JSON, the Prometheus plugin in its text format.
//
// Threading: pure.
#ifndef MILLRACE_BUS_RABBITMQ_QUEUE_METRICS_H_
#define MILLRACE_BUS_RABBITMQ_QUEUE_METRICS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::bus {

// What the name of whoever asks a group for its lag begins with; no instance's does.
inline constexpr std::string_view kLagReader = "(lag)@";

struct QueueMetrics {
  int64_t ready = 0;
  int64_t unacked = 0;
  int64_t consumers = 0;
  int64_t acked = -1;  // ever, on this server's count; -1: not known
};

// Of the answer to /api/queues/VHOST. DataLoss for what is none.
absl::StatusOr<std::map<std::string, QueueMetrics>> ParseManagementQueues(const std::string& json);

// Queue → connections that consume it, of the answer to /api/consumers/VHOST.
absl::StatusOr<std::map<std::string, std::vector<std::string>>> ParseManagementConsumers(const std::string& json);
// Connection → the name that its program gave it, of the answer to /api/connections.
absl::StatusOr<std::map<std::string, std::string>> ParseManagementConnections(const std::string& json);

// Who is alive in a group, by the queues bound to its presence exchange, of the answer to
// /api/exchanges/VHOST/EXCHANGE/bindings/source. Who only asks for lag is none of them.
absl::StatusOr<std::set<std::string>> ParsePresence(const std::string& json, const std::string& exchange);
// Those of `members` that have no connection among `owners`: a connection's name ends with its member's.
std::vector<std::string> IdleMembers(const std::set<std::string>& members, const std::set<std::string>& owners);

// Of the answer to /metrics/detailed, those of one virtual host.
std::map<std::string, QueueMetrics> ParsePrometheusQueues(std::string_view text, std::string_view vhost);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_QUEUE_METRICS_H_
