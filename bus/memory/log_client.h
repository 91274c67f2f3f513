// Everything a user of the log client needs: a consumer and a producer over links to a log broker.
//
//   LogBroker broker({});
//   broker.CreateTopic({.name = "raw", .partitions = 2, .groups = {"parse"}});
//   LogProducer producer({"raw"}, {}, std::make_unique<LogDirectLink>(broker, waker), now);
//   LogConsumer consumer({.group = "parse", .topics = {"raw"}}, {}, std::make_unique<LogDirectLink>(broker, waker),
//   now); producer.Publish(messages, 1); consumer.Advance(now); consumer.Poll(handler);          // OnAssigned,
//   OnDelivered
#ifndef MILLRACE_BUS_MEMORY_LOG_CLIENT_H_
#define MILLRACE_BUS_MEMORY_LOG_CLIENT_H_

#include "bus/memory/log_broker.h"
#include "bus/memory/log_consumer.h"
#include "bus/memory/log_direct_link.h"
#include "bus/memory/log_producer.h"

#endif  // MILLRACE_BUS_MEMORY_LOG_CLIENT_H_
