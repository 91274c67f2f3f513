// How jobs come to the bus: in which order, in which partition, at what time. What the feed of a run does (world_feed.cc)
// and the oracle counts on (oracle_walk.cc).
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_FEED_ORDER_H_
#define MILLRACE_SIM_FEED_ORDER_H_

#include <cstdint>
#include <vector>

#include "bus/digest.h"
#include "bus/message.h"
#include "sim/plan.h"

namespace millrace::sim {

// By time, and among those of one time as the plan has them. Points into the plan.
std::vector<const Job*> FeedOrder(const Plan& plan);

// `id`: digest of the message's ce_id, which decides where there is no key.
int32_t FeedPartition(const bus::Message& message, bus::Digest128 id, int32_t partitions);

// Message::timestamp_ms of what is handed over at that time of the world.
int64_t FeedTimestamp(int64_t now_ns);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FEED_ORDER_H_
