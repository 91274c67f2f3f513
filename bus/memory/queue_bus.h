// mem: with the semantics of queues: the thread-safe face over QueueBroker.
//
// Threading: any thread, see bus/memory/memory_bus.h.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_BUS_H_
#define MILLRACE_BUS_MEMORY_QUEUE_BUS_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/memory_bus.h"
#include "bus/memory/memory_core.h"
#include "bus/memory/memory_url.h"
#include "bus/memory/queue_client.h"
#include "bus/memory/snapshot.h"

namespace millrace::bus {

class QueueMemoryBus : public MemoryBus {
 public:
  QueueMemoryBus(const MemoryUrl& url, const Clock& clock);

  const Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Apply(const Topology& topology) override;
  absl::StatusOr<std::unique_ptr<ConsumerDriver>> OpenConsumer(const ConsumerOptions& options, Waker& waker) override;
  absl::StatusOr<std::unique_ptr<ProducerDriver>> OpenProducer(const ProducerOptions& options, Waker& waker) override;
  absl::StatusOr<std::vector<PartitionLag>> Lag(const std::string& group, const std::string& topic) override;

  absl::Status ForEachUnsettled(const std::string& group, const std::string& topic,
                                const RestingVisitor& visit) override;
  absl::Status ForEachKept(const std::string& topic, const RestingVisitor& visit) override;
  Topology Topics() const override;
  absl::Status SaveTo(const std::string& path) override;
  absl::Status LoadFrom(const std::string& path) override;
  absl::Status DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset) override;
  void WatchDestroyed(DestroyedVisitor) override {}

 private:
  using Core = MemoryCore<QueueBroker>;
  using Specs = std::map<std::string, TopicSpec>;

  std::unique_ptr<QueueBroker> NewBroker() const;
  static void Merge(const Topology& topology, Specs& specs);
  // All under the lock. nullptr or an error where there is none.
  absl::StatusOr<const TopicSpec*> TopicNamed(const std::string& topic) const;
  absl::StatusOr<const TopicSpec*> TopicOfGroup(const std::string& group, const std::string& topic) const;
  // Every queue of a topic, work queues first.
  static std::vector<std::string> QueuesOf(const TopicSpec& spec);

  const MemoryUrl url_;
  const Capabilities capabilities_;
  mutable Core core_;
  // Below: guarded by the core's lock.
  Specs specs_;
  std::set<std::pair<std::string, std::string>> instances_;  // open consumers: group, instance
  uint64_t opened_ = 0;                                      // consumers and producers, ever
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_BUS_H_
