// What operators ask of a RabbitMQ server: bus/admin.h over AMQP, and over HTTP for what AMQP does not tell.
//
// AMQP shows a queue's arguments only by refusing others: what is there is looked for passively and, where it exists,
// declared again as the pipeline says, which changes nothing and is refused where it differs. How many messages are in
// somebody's hands only the server's plugins tell.
//
// Blocking: each call, up to the URL's apply_timeout and ten seconds for each HTTP request. Threading: any thread.
#ifndef MILLRACE_BUS_RABBITMQ_RABBIT_OPERATIONS_H_
#define MILLRACE_BUS_RABBITMQ_RABBIT_OPERATIONS_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/admin.h"
#include "bus/bus.h"
#include "bus/clock.h"
#include "bus/memory/queue_names.h"
#include "bus/rabbitmq/amqp_url.h"
#include "bus/rabbitmq/blocking_channel.h"
#include "bus/rabbitmq/http_get.h"
#include "bus/rabbitmq/management_look.h"
#include "bus/rabbitmq/queue_metrics.h"

namespace millrace::bus {

class RabbitOperations final : public Admin {
 public:
  // Both outlive it.
  RabbitOperations(const AmqpUrl& url, const Clock& clock) : url_(url), clock_(clock) {}

  absl::StatusOr<std::vector<TopologyItem>> Compare(const Topology& topology, Look look) override;
  absl::StatusOr<GroupState> Group(const std::string& group, const TopicSpec& topic) override;
  absl::StatusOr<std::vector<OffsetMove>> PlanOffsets(const std::string& group, const TopicSpec& topic,
                                                      const std::vector<int32_t>& partitions,
                                                      const OffsetTarget& target) override;
  absl::Status MoveOffsets(const std::string& group, const TopicSpec& topic,
                           std::span<const OffsetMove> moves) override;
  absl::StatusOr<std::unique_ptr<KeptReader>> OpenKept(const TopicSpec& topic) override;

 private:
  struct Metrics {
    std::map<std::string, QueueMetrics> queues;
    std::map<std::string, std::vector<std::string>> consumers;  // queue → names of connections
    bool named = false;                                         // whether `consumers` is known
    std::string source;
  };
  // Where a plugin answers: as the URL says, else on the usual port of the first host; and what it is asked with.
  struct Plugin {
    std::string base;
    HttpLogin login;
  };
  Plugin PluginAt(const PluginAddress& said, int port) const;
  Plugin Management() const { return PluginAt(url_.management, 15672); }
  std::string Trap() const { return url_.trap ? TrapName(url_.prefix) : ""; }
  // Says in the trap's item how much lies in it; looking closely, also from which queues and why.
  absl::Status AddTrapped(BlockingChannel& server, Look look, MonotonicTime deadline, TopologyItem* item) const;
  absl::Status LookIntoTrap(TopologyItem* item) const;
  absl::StatusOr<ManagementView> ReadView() const;
  absl::StatusOr<Metrics> ReadMetrics() const;
  absl::StatusOr<Metrics> ReadManagement() const;
  // Who says on the group's presence exchange that it is alive, by name.
  absl::StatusOr<std::set<std::string>> Members(const std::string& group) const;

  const AmqpUrl& url_;
  const Clock& clock_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_RABBIT_OPERATIONS_H_
