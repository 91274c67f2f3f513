#include "ops/audit.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bus/consumer.h"
#include "ops/sleeper.h"
#include "stages/pipeline_config.h"

namespace millrace::ops {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(200);
constexpr Duration kNothingComes = std::chrono::seconds(60);
constexpr Duration kLeave = std::chrono::seconds(10);
constexpr uint32_t kBatchMax = 1024;

absl::StatusOr<uint64_t> LeftOf(const std::string& group, const std::vector<std::string>& topics, bus::Bus* bus) {
  uint64_t left = 0;
  for (const std::string& topic : topics) {
    const absl::StatusOr<std::vector<bus::PartitionLag>> lags = bus->Lag(group, topic);
    if (!lags.ok()) return lags.status();
    for (const bus::PartitionLag& lag : *lags) left += static_cast<uint64_t>(std::max<int64_t>(lag.lag, 0));
  }
  return left;
}

}  // namespace

std::string AuditGroup(const stages::ResolvedPipeline& pipeline) { return pipeline.name + ".audit"; }

bus::Topology AuditTopology(const stages::ResolvedPipeline& pipeline) {
  bus::Topology topology = stages::TopologyOf(pipeline);
  for (bus::TopicSpec& topic : topology.topics) topic.groups.push_back(AuditGroup(pipeline));
  return topology;
}

absl::Status ReadAudit(const stages::ResolvedPipeline& pipeline, bus::Bus* bus, const Clock& clock,
                       const std::function<void(const AuditRecord&)>& take) {
  const bool log = bus->capabilities().settlement == bus::Settlement::kPrefix;
  bus::ConsumerOptions options;
  options.group = AuditGroup(pipeline);
  options.instance = "audit-0";
  options.batch_max = kBatchMax;
  for (const stages::TopicSettings& topic : pipeline.topics) options.topics.push_back(topic.name);
  Sleeper sleeper;
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> driver = bus->OpenConsumer(options, sleeper);
  if (!driver.ok()) return driver.status();
  bus::Consumer consumer(*std::move(driver), bus->capabilities());
  std::map<bus::Partition, uint64_t> counts;
  MonotonicTime came = clock.Now(), looked = clock.Now();
  while (true) {
    bool busy = false;
    consumer
        .PollEach([&](const bus::DeliveryBatch& batch) {
          busy = true;
          uint64_t& count = counts[batch.holding.partition];
          for (const bus::Delivery& delivery : batch.deliveries) {
            // On queues what is handed out again was read before.
            if (!log && delivery.redeliveries > 0) continue;
            take({.topic = static_cast<uint16_t>(batch.holding.partition.topic),
                  .partition = static_cast<uint16_t>(batch.holding.partition.number),
                  .sequence = log ? delivery.sequence : count,
                  .message = delivery.message});
            ++count;
          }
          consumer.SettleAll(batch).IgnoreError();
        })
        .IgnoreError();
    const MonotonicTime now = clock.Now();
    if (busy) came = now;
    if (!busy && now - looked >= kLookEvery) {
      const absl::StatusOr<uint64_t> left = LeftOf(options.group, options.topics, bus);
      looked = clock.Now();
      if (left.ok() && *left == 0) break;
      if (now - came > kNothingComes) {
        return left.ok() ? absl::DeadlineExceededError(absl::StrCat(*left, " messages of group ", options.group,
                                                                    " do not come; is somebody else reading them?"))
                         : left.status();
      }
    }
    if (!busy) sleeper.SleepUntil(std::min(consumer.NextTimer(), now + kLookEvery), clock);
  }
  return consumer.Close(clock.Now() + kLeave);
}

}  // namespace millrace::ops
