// The drivers of mem: with the semantics of a log: the client of this folder on the caller's thread, over a link that
// takes the bus's lock.
//
// Threading: one thread at a time each, beside any others of the same bus. Ownership: core and waker outlive them.
#ifndef MILLRACE_BUS_MEMORY_LOG_DRIVERS_H_
#define MILLRACE_BUS_MEMORY_LOG_DRIVERS_H_

#include <memory>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/driver.h"
#include "bus/memory/log_consumer.h"
#include "bus/memory/memory_core.h"

namespace millrace::bus {

std::unique_ptr<ConsumerDriver> MakeLogConsumer(MemoryCore<LogBroker>& core, const ConsumerOptions& options,
                                                const LogConsumerOptions& log_options, Waker& waker);
std::unique_ptr<ProducerDriver> MakeLogProducer(MemoryCore<LogBroker>& core, const ProducerOptions& options,
                                                Waker& waker);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_DRIVERS_H_
