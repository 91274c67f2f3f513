// The drivers of kafka://: the client core of bus/memory over links to librdkafka.
//
// Threading: one thread at a time each. Ownership: clock and waker outlive them.
#ifndef MILLRACE_BUS_KAFKA_KAFKA_DRIVERS_H_
#define MILLRACE_BUS_KAFKA_KAFKA_DRIVERS_H_

#include <memory>

#include "bus/bus.h"
#include "bus/driver.h"
#include "bus/kafka/core/kafka_url.h"

namespace millrace::bus {

// `url` with its values resolved.
std::unique_ptr<ConsumerDriver> MakeKafkaConsumer(const KafkaUrl& url, const ConsumerOptions& options,
                                                  const Clock& clock, Waker& waker);
std::unique_ptr<ProducerDriver> MakeKafkaProducer(const KafkaUrl& url, const ProducerOptions& options,
                                                  const Clock& clock, Waker& waker);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_KAFKA_DRIVERS_H_
