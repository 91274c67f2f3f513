// A bus on a RabbitMQ server. The client is the one that the simulator runs (bus/memory/queue_client.h), over sockets.
// How it maps topics, groups and partitions: docs/decisions/0004-partitions-on-queues.md; this part:
// docs/decisions/0009-rabbitmq-driver.md; for people: docs/guides/rabbitmq.md.
//
//   auto bus = OpenRabbitBus("amqp://guest:guest@localhost/", clock);        // URL: bus/rabbitmq/amqp_url.h
//   if (!bus.ok()) return bus.status();
//   (*bus)->Apply(topology);
//
// Effect      opening connects once and closes again, so that what is wrong with the URL is told at once. Each consumer
//             has a connection to consume from and one for its beats, each producer one of its own.
// Blocking    Open, Apply and Lag for as long as the server takes, bounded by the URL's time limits. Drivers' calls
//             don't block, but Close: up to its deadline.
// Errors      Open: InvalidArgument for the URL, and where login or virtual host are refused; Unavailable where no
//             server answers. Apply: FailedPrecondition where the server has something else under a name. Lag:
//             Unavailable while a partition is handed over.
// Threading   any thread; each producer and consumer is used by one thread at a time.
// Ownership   the clock outlives the bus, the bus its producers and consumers, wakers the objects they were given to.
#ifndef MILLRACE_BUS_RABBITMQ_RABBIT_BUS_H_
#define MILLRACE_BUS_RABBITMQ_RABBIT_BUS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "bus/capabilities.h"
#include "bus/clock.h"

namespace millrace::bus {

absl::StatusOr<std::unique_ptr<Bus>> OpenRabbitBus(std::string_view url, const Clock& clock);

// The URL with its password hidden.
std::string PrintableRabbitBus(std::string_view url);

// What a bus at this URL can do, without connecting. InvalidArgument for the URL.
absl::StatusOr<Capabilities> RabbitCapabilities(std::string_view url);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_RABBIT_BUS_H_
