// What RabbitMQ's plugins say of queues: the management plugin in JSON, the Prometheus plugin in its text format.
//
// Threading: pure.
#ifndef MILLRACE_BUS_RABBITMQ_QUEUE_METRICS_H_
#define MILLRACE_BUS_RABBITMQ_QUEUE_METRICS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::bus {

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

// Of the answer to /metrics/detailed, those of one virtual host.
std::map<std::string, QueueMetrics> ParsePrometheusQueues(std::string_view text, std::string_view vhost);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_QUEUE_METRICS_H_
