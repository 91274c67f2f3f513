// From a view of presence to the owners of partitions. Pure: instances with equal views come to equal results, whatever
// topics they read themselves.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_SHARE_H_
#define MILLRACE_BUS_MEMORY_QUEUE_SHARE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bus/memory/presence.h"

namespace millrace::bus {

struct PartitionShare {
  std::string topic;
  int32_t partition = 0;
  const Beat* owner = nullptr;  // one of `live`; nullptr: nobody has room or wants it
};

// All partitions of all topics that somebody reads, ascending. A partition is owned by an instance that is ready, reads
// its topic and has not declined it. Where instances differ on a topic's number of partitions, each is taken at its
// word for itself.
std::vector<PartitionShare> ShareOutPartitions(std::span<const Beat* const> live);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_SHARE_H_
