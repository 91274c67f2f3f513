#include "ops/audit.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bus/consumer.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "ops/sleeper.h"
#include "stages/pipeline_config.h"

namespace millrace::ops {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(200);
constexpr Duration kNothingComes = std::chrono::seconds(60);
constexpr Duration kLeave = std::chrono::seconds(10);
constexpr uint32_t kBatchMax = 1024;

// On queues: what a partition held before it was read, and what was read of it since.
//
// What comes again after a cut connection was read before, if its settlement did not reach the broker, or was only on its way
// then. Its id tells which, unless a message lies there twice. Nothing is put in meanwhile, so what was taken for read before was
// just that if, at the end, as many were read as there were.
class Reading {
 public:
  explicit Reading(std::vector<std::string> topics) : topics_(std::move(topics)) {}

  absl::Status Look(const std::string& group, bus::Bus* bus) {
    for (size_t topic = 0; topic < topics_.size(); ++topic) {
      const absl::StatusOr<std::vector<bus::PartitionLag>> lags = bus->Lag(group, topics_[topic]);
      if (!lags.ok()) return lags.status();
      for (const bus::PartitionLag& lag : *lags)
        parts_[{static_cast<int32_t>(topic), lag.partition}].held =
            static_cast<uint64_t>(std::max<int64_t>(lag.lag, 0));
    }
    return absl::OkStatus();
  }

  // Whether it is read for the first time.
  bool Takes(bus::Partition partition, const bus::Delivery& delivery) {
    Part& part = parts_[partition];
    const bool fresh = part.ids.insert(IdOf(delivery.message)).second;
    if (!fresh && delivery.redeliveries > 0) {
      ++part.again;
      return false;
    }
    ++part.read;
    return true;
  }

  absl::Status Check(const std::string& group) const {
    for (const auto& [partition, part] : parts_) {
      if (part.again == 0 || part.read == part.held) continue;
      return absl::UnavailableError(absl::StrCat(
          "the connection was cut while group ", group, " was read: of partition ", partition.number, " of topic ",
          topics_[static_cast<size_t>(partition.topic)], ", which held ", part.held, " messages, ", part.read,
          " were read and ", part.again,
          " came again, and which of those are others of the same id cannot be told. What was read is gone from the "
          "broker: say judge --begin, and run again"));
    }
    return absl::OkStatus();
  }

 private:
  struct Part {
    uint64_t held = 0, read = 0, again = 0;
    std::set<bus::Digest128> ids;
  };

  // What has none is what it says.
  static bus::Digest128 IdOf(const bus::Message& message) {
    const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
    return bus::DigestOf(envelope.id.empty() ? message.body.value_or("") : envelope.id);
  }

  const std::vector<std::string> topics_;
  std::map<bus::Partition, Part> parts_;
};

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
  Reading reading(options.topics);
  if (!log) {
    if (absl::Status s = reading.Look(options.group, bus); !s.ok()) return s;
  }
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
            if (!log && !reading.Takes(batch.holding.partition, delivery)) continue;
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
  const absl::Status closed = consumer.Close(clock.Now() + kLeave);
  const absl::Status all = reading.Check(options.group);
  return all.ok() ? closed : all;
}

}  // namespace millrace::ops
