// Reads dead letters off a Kafka, and marks what is taken out (bus/kafka/core/handled_marks.h).
#ifndef MILLRACE_BUS_KAFKA_KAFKA_KEPT_H_
#define MILLRACE_BUS_KAFKA_KAFKA_KEPT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "bus/admin.h"
#include "bus/bus.h"
#include "bus/kafka/core/kafka_url.h"
#include "bus/kafka/kafka_admin.h"

namespace millrace::bus {

// Both outlive the reader. NotFound where the topic is not there.
absl::StatusOr<std::unique_ptr<KeptReader>> OpenKafkaKept(const KafkaUrl& url, KafkaAdmin& admin,
                                                          const TopicSpec& topic);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_KAFKA_KEPT_H_
