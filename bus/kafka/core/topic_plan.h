// How a topic should be on Kafka, and how far it is from that: what Apply makes and refuses, and what `topology` shows.
//
// Threading: pure.
#ifndef MILLRACE_BUS_KAFKA_CORE_TOPIC_PLAN_H_
#define MILLRACE_BUS_KAFKA_CORE_TOPIC_PLAN_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bus/admin.h"
#include "bus/bus.h"
#include "bus/kafka/core/kafka_url.h"

namespace millrace::bus {

struct KafkaTopicPlan {
  std::string name;  // on the broker
  int32_t partitions = 1;
  int replication = 0;                                        // 0: as the broker is set up
  std::vector<std::pair<std::string, std::string>> settings;  // in the order in which they are told
};

KafkaTopicPlan PlanOf(const TopicSpec& spec, const KafkaUrl& url);

struct KafkaTopicFound {
  int32_t partitions = 0;
  int32_t replication = 0;
  std::map<std::string, std::string> settings;  // as they apply
};

// `found`: nullptr where the topic is not there.
TopologyItem CompareTopic(const TopicSpec& spec, const KafkaUrl& url, const KafkaTopicFound* found);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_CORE_TOPIC_PLAN_H_
