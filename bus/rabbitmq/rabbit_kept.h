// Reads the queue that keeps a topic's messages, without taking them out: they are held unsettled while the reader is
// open, and given back when it closes, in their order. Never by get and nack, which scrambles it.
#ifndef MILLRACE_BUS_RABBITMQ_RABBIT_KEPT_H_
#define MILLRACE_BUS_RABBITMQ_RABBIT_KEPT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bus/admin.h"
#include "bus/clock.h"
#include "bus/rabbitmq/amqp_options.h"

namespace millrace::bus {

// How many messages the server sends ahead, and so how much of the memory of whoever reads them they can take.
inline constexpr uint32_t kKeptPrefetch = 20'000;

// The clock outlives the reader. NotFound where the queue is not there.
absl::StatusOr<std::unique_ptr<KeptReader>> OpenRabbitKept(const AmqpOptions& options, const Clock& clock,
                                                           const std::string& queue, Duration time,
                                                           uint32_t prefetch = kKeptPrefetch);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_RABBIT_KEPT_H_
