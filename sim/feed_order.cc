#include "sim/feed_order.h"

#include <algorithm>

#include "bus/partition.h"

namespace millrace::sim {
namespace {

constexpr int64_t kEpochMs = 1'767'225'600'000;  // 2026-01-01T00:00:00Z, as SimClock

}  // namespace

std::vector<const Job*> FeedOrder(const Plan& plan) {
  std::vector<const Job*> jobs;
  jobs.reserve(plan.jobs.size());
  for (const Job& job : plan.jobs) jobs.push_back(&job);
  const auto earlier = [](const Job* a, const Job* b) { return a->at_ns < b->at_ns; };
  if (!std::is_sorted(jobs.begin(), jobs.end(), earlier)) std::stable_sort(jobs.begin(), jobs.end(), earlier);
  return jobs;
}

int32_t FeedPartition(const bus::Message& message, bus::Digest128 id, int32_t partitions) {
  return message.key.has_value() ? bus::PartitionOfKey(*message.key, partitions)
                                 : static_cast<int32_t>(id.low % static_cast<uint64_t>(partitions));
}

int64_t FeedTimestamp(int64_t now_ns) { return kEpochMs + now_ns / 1'000'000; }

}  // namespace millrace::sim
