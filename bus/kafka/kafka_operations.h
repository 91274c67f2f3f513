// What operators ask of a Kafka: bus/admin.h over librdkafka's administration.
//
// Blocking: each call, up to ten seconds for each thing that is asked. Threading: any thread.
#ifndef MILLRACE_BUS_KAFKA_KAFKA_OPERATIONS_H_
#define MILLRACE_BUS_KAFKA_KAFKA_OPERATIONS_H_

#include <memory>
#include <string>
#include <vector>

#include "bus/admin.h"
#include "bus/bus.h"
#include "bus/kafka/core/kafka_url.h"
#include "bus/kafka/kafka_admin.h"

namespace millrace::bus {

class KafkaOperations final : public Admin {
 public:
  // Both outlive it.
  KafkaOperations(const KafkaUrl& url, KafkaAdmin& admin) : url_(url), admin_(admin) {}

  absl::StatusOr<std::vector<TopologyItem>> Compare(const Topology& topology, Look look) override;
  absl::StatusOr<GroupState> Group(const std::string& group, const TopicSpec& topic) override;
  absl::StatusOr<std::vector<OffsetMove>> PlanOffsets(const std::string& group, const TopicSpec& topic,
                                                      const std::vector<int32_t>& partitions,
                                                      const OffsetTarget& target) override;
  absl::Status MoveOffsets(const std::string& group, const TopicSpec& topic,
                           std::span<const OffsetMove> moves) override;
  absl::StatusOr<std::unique_ptr<KeptReader>> OpenKept(const TopicSpec& topic) override;

 private:
  std::string GroupOnBroker(const std::string& name) const { return url_.prefix + name; }

  const KafkaUrl& url_;
  KafkaAdmin& admin_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_KAFKA_OPERATIONS_H_
