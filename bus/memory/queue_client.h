// Everything a user of the queue client needs: bring topics to a broker, then open consumers and producers over links
// to it.
//
//   QueueAdmin admin(std::make_unique<DirectLink>(broker, waker), topology);
//   while (!admin.done()) admin.Poll(now);                      // over a DirectLink one call is enough
//   QueueConsumer consumer(options, QueueTopicsOf(topology, options.topics), client, links, waker);
//   consumer.Advance(now);
//   consumer.Poll(handler);
//
// How instances share out partitions: docs/decisions/0004-partitions-on-queues.md.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_CLIENT_H_
#define MILLRACE_BUS_MEMORY_QUEUE_CLIENT_H_

#include "bus/memory/queue_admin.h"
#include "bus/memory/queue_broker.h"
#include "bus/memory/queue_consumer.h"
#include "bus/memory/queue_direct_link.h"
#include "bus/memory/queue_names.h"
#include "bus/memory/queue_producer.h"

#endif  // MILLRACE_BUS_MEMORY_QUEUE_CLIENT_H_
