// The drivers of mem: with the semantics of queues: the client of this folder on the caller's thread, over links that
// take the bus's lock.
//
// Threading: one thread at a time each, beside any others of the same bus. Ownership: core and waker outlive them.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_DRIVERS_H_
#define MILLRACE_BUS_MEMORY_QUEUE_DRIVERS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/driver.h"
#include "bus/memory/memory_core.h"
#include "bus/memory/queue_consumer.h"
#include "bus/memory/queue_producer.h"

namespace millrace::bus {

// `gone` is called when the consumer is destroyed.
std::unique_ptr<ConsumerDriver> MakeQueueConsumer(MemoryCore<QueueBroker>& core, const ConsumerOptions& options,
                                                  const std::vector<QueueTopic>& topics,
                                                  const QueueConsumerOptions& queue_options, Waker& waker,
                                                  std::function<void()> gone);
std::unique_ptr<ProducerDriver> MakeQueueProducer(MemoryCore<QueueBroker>& core, const std::vector<QueueTopic>& topics,
                                                  const QueueProducerOptions& queue_options, Waker& waker);

// A link for whoever polls until it is done and needs no waking.
std::unique_ptr<QueueLink> MakePolledLink(MemoryCore<QueueBroker>& core);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_DRIVERS_H_
