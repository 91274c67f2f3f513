// What the driver asks of a producer where the URL says nothing else.
//
// Threading: pure.
#ifndef MILLRACE_BUS_KAFKA_CORE_PRODUCER_DEFAULTS_H_
#define MILLRACE_BUS_KAFKA_CORE_PRODUCER_DEFAULTS_H_

#include <string>
#include <utility>
#include <vector>

#include "bus/kafka/core/kafka_url.h"

namespace millrace::bus {

inline constexpr int kProducerQueueMessages = 100'000;

// Properties of librdkafka; those of the URL go before.
std::vector<std::pair<std::string, std::string>> ProducerDefaults(const KafkaUrl& url);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_CORE_PRODUCER_DEFAULTS_H_
