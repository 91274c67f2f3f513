// mem: with the semantics of a log: the thread-safe face over LogBroker.
//
// Threading: any thread, see bus/memory/memory_bus.h.
#ifndef MILLRACE_BUS_MEMORY_LOG_BUS_H_
#define MILLRACE_BUS_MEMORY_LOG_BUS_H_

#include <memory>
#include <string>
#include <vector>

#include "bus/memory/log_broker.h"
#include "bus/memory/memory_bus.h"
#include "bus/memory/memory_core.h"
#include "bus/memory/memory_url.h"
#include "bus/memory/snapshot.h"

namespace millrace::bus {

class LogMemoryBus : public MemoryBus {
 public:
  LogMemoryBus(const MemoryUrl& url, const Clock& clock);

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
  void WatchDestroyed(DestroyedVisitor visit) override;

 private:
  using Core = MemoryCore<LogBroker>;

  std::unique_ptr<LogBroker> NewBroker() const;
  // All under the lock. The id, or NotFound.
  absl::StatusOr<int32_t> TopicNamed(const std::string& topic) const;
  absl::StatusOr<int32_t> TopicOfGroup(const std::string& group, const std::string& topic) const;
  // Of core_'s broker.
  void Watch();
  static void Save(const LogBroker& broker, SnapshotWriter& out);
  static void Load(SnapshotReader& in, LogBroker& broker);
  static void LoadPartition(SnapshotReader& in, LogBroker& broker, Partition partition);

  const MemoryUrl url_;
  const Capabilities capabilities_;
  mutable Core core_;
  bool opened_ = false;  // a consumer or producer, ever
  DestroyedVisitor on_destroyed_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_BUS_H_
