// `kafka://`: the bus on a real Kafka.
//
//   auto bus = OpenKafkaBus("kafka://127.0.0.1:9092", clock);        // parameters: bus/kafka/core/kafka_url.h
//   if (!bus.ok()) return bus.status();
//   (*bus)->Apply(topology);                                         // makes topics that are missing, refuses others
//
// How a stage keeps its promises on Kafka is the client core of bus/memory, over librdkafka: docs/decisions/0008 tells.
//
// Effect      Topics are Kafka's topics, groups its groups, notes the metadata of commits. Any producer's records are
//             valid input.
// Blocking    opening, Apply, OpenConsumer, OpenProducer and Lag wait for the broker, up to ten seconds for each thing
//             they ask. Closing a consumer or producer: up to its deadline, destroying one for a second or two; a
//             transactional producer whose coordinator is silent, for as long as its transactions may take.
// Errors      OpenKafkaBus: InvalidArgument naming the parameter, NotFound for a secret that is not where it is said to
//             be, Unavailable where no broker answers. Apply: FailedPrecondition for a topic that is not as the topology
//             says. Others: bus/bus.h.
// Threading   any thread; each producer and consumer is used by one thread at a time.
// Ownership   the clock outlives the bus, the bus its producers and consumers, wakers the objects they were given to.
#ifndef MILLRACE_BUS_KAFKA_KAFKA_BUS_H_
#define MILLRACE_BUS_KAFKA_KAFKA_BUS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "bus/clock.h"

namespace millrace::bus {

class KafkaBus : public Bus {
 public:
  // As retention would: destroys the records below `offset`. Consumers that had not read them are told DataLoss.
  virtual absl::Status DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset) = 0;
};

absl::StatusOr<std::unique_ptr<KafkaBus>> OpenKafkaBus(std::string_view url, const Clock& clock);

// What a bus at this URL can do, without connecting. Errors: InvalidArgument as above.
absl::StatusOr<Capabilities> KafkaCapabilities(std::string_view url);

// The URL without secrets, for people.
std::string PrintableKafkaBus(std::string_view url);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_KAFKA_BUS_H_
