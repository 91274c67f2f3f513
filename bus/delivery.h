// What a consumer is handed: batches of deliveries of one partition, in order, as views that keep their segment alive.
#ifndef MILLRACE_BUS_DELIVERY_H_
#define MILLRACE_BUS_DELIVERY_H_

#include <cstdint>
#include <span>
#include <string>

#include "bus/message.h"
#include "bus/partition.h"
#include "bus/segment.h"

namespace millrace::bus {

struct Delivery {
  // Names the delivery within (partition, epoch): strictly increasing in delivery order. On a log it is the offset,
  // with gaps where compaction or transaction markers took records out; on a queue it counts deliveries.
  uint64_t sequence = 0;
  // The place in the topic's log, for people and derived ids; -1 on queues.
  int64_t offset = -1;
  // How often the broker has handed this message out before, as far as it counts; 0 the first time. A lower bound.
  uint32_t redeliveries = 0;
  Message message;
};

struct DeliveryBatch {
  Holding holding;
  std::span<const Delivery> deliveries;  // valid during the call; the bytes as long as `segment` is held
  SegmentRef segment;
};

struct Assignment {
  Holding holding;
  // Where the group resumes: sequence of the first message not settled. There is always one: where a log has no
  // committed offset the driver says the beginning, explicitly. 0 on queues.
  uint64_t start = 0;
  std::string note;  // what the last settlement carried; empty where there was none, or without Capabilities::notes
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_DELIVERY_H_
