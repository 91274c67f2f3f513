// What is owned and ordered: a partition of a topic, held under an epoch.
//
// Topics are named by their index in the list the consumer subscribed to (or the producer opened), so that no hot path
// compares strings.
//
// The epoch is local to one consumer: it grows each time that consumer is given any partition, and never repeats.
// Whatever refers to an earlier holding of a partition (a late result, a settlement) carries the earlier epoch and is
// dropped before it can reach the broker: the broker alone does not fence (a current member's commit for a partition
// that it does not own is accepted by Kafka).
#ifndef MILLRACE_BUS_PARTITION_H_
#define MILLRACE_BUS_PARTITION_H_

#include <cstdint>
#include <string_view>

namespace millrace::bus {

struct Partition {
  int32_t topic = 0;   // index into the subscription
  int32_t number = 0;  // 0 … count-1
  auto operator<=>(const Partition&) const = default;
};

using Epoch = uint64_t;  // 0: none

struct Holding {
  Partition partition;
  Epoch epoch = 0;
  bool operator==(const Holding&) const = default;
};

// The partition of a keyed message: as Java's DefaultPartitioner, toPositive(murmur2(key)) mod count (Apache Kafka,
// Utils.murmur2). count > 0.
int32_t PartitionOfKey(std::string_view key, int32_t count);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_PARTITION_H_
