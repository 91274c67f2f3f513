// How the leader of a group shares partitions out: pure functions of who is there and what each holds.
//
//   range               eager: per topic, members sorted by instance or id get contiguous ranges (Kafka's
//   RangeAssignor) cooperative-sticky  incremental (KIP-429): balanced within one partition a member, moving as few as
//   possible; what has to move is left
//                       unassigned until its owner has given it back, so nothing is ever held twice
//
// Threading: pure.
#ifndef MILLRACE_BUS_MEMORY_ASSIGNOR_H_
#define MILLRACE_BUS_MEMORY_ASSIGNOR_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bus/partition.h"

namespace millrace::bus {

inline constexpr std::string_view kRangeProtocol = "range";
inline constexpr std::string_view kCooperativeStickyProtocol = "cooperative-sticky";

// A member as the leader is told of it. Topics by the broker's ids.
struct GroupMember {
  std::string id;
  std::string instance;          // static id; empty: none
  std::vector<int32_t> topics;   // subscribed
  std::vector<Partition> owned;  // cooperative: what it holds
  int32_t generation = -1;       // of the assignment that `owned` comes from; older claims lose against newer ones
};

struct TopicPartitions {
  int32_t topic = 0;
  int32_t partitions = 0;
};

// One list per member, in the order of `members`, each ascending. Topics that nobody subscribes to are left out; those
// not in `topics` too.
using PartitionLists = std::vector<std::vector<Partition>>;

PartitionLists AssignRange(const std::vector<GroupMember>& members, const std::vector<TopicPartitions>& topics);

// Where everybody should end up.
PartitionLists AssignSticky(const std::vector<GroupMember>& members, const std::vector<TopicPartitions>& topics);
// The step towards it: AssignSticky without what somebody else still holds.
PartitionLists AssignCooperative(const std::vector<GroupMember>& members, const std::vector<TopicPartitions>& topics);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_ASSIGNOR_H_
