#include "bus/memory/queue_share.h"

#include <algorithm>
#include <map>

#include "bus/memory/rendezvous.h"

namespace millrace::bus {
namespace {

bool MayOwn(const Beat& beat, const std::string& topic, int32_t partition) {
  for (const BeatTopic& each : beat.topics) {
    if (each.name != topic) continue;
    return partition < each.partitions &&
           std::find(each.declined.begin(), each.declined.end(), partition) == each.declined.end();
  }
  return false;
}

}  // namespace

std::vector<PartitionShare> ShareOutPartitions(std::span<const Beat* const> live) {
  std::map<std::string, int32_t> topics;
  for (const Beat* beat : live) {
    for (const BeatTopic& topic : beat->topics) {
      int32_t& partitions = topics[topic.name];
      partitions = std::max(partitions, topic.partitions);
    }
  }
  std::vector<PartitionShare> shares;
  std::vector<uint64_t> keys;
  for (const auto& [topic, partitions] : topics) {
    for (int32_t p = 0; p < partitions; ++p) {
      shares.push_back({topic, p, nullptr});
      keys.push_back(SlotKey(topic, p));
    }
  }
  std::vector<RendezvousMember> members;
  std::vector<const Beat*> beats;
  for (const Beat* beat : live) {
    if (!beat->ready || beat->leaving) continue;
    RendezvousMember& member = members.emplace_back();
    member.name = beat->name;
    member.capacity = beat->capacity;
    for (uint32_t s = 0; s < shares.size(); ++s) {
      if (!MayOwn(*beat, shares[s].topic, shares[s].partition)) member.barred.push_back(s);
    }
    beats.push_back(beat);
  }
  const std::vector<int32_t> owners = Rendezvous(members, keys);
  for (size_t s = 0; s < shares.size(); ++s) {
    if (owners[s] >= 0) shares[s].owner = beats[static_cast<size_t>(owners[s])];
  }
  return shares;
}

}  // namespace millrace::bus
