#include "bus/memory/log_bus.h"

#include <algorithm>
#include <utility>

#include "bus/memory/log_drivers.h"
#include "bus/memory/open_checks.h"

namespace millrace::bus {
namespace {

constexpr std::string_view kSemantics = "log";
constexpr uint64_t kOffsetMax = uint64_t{1} << 62;

Capabilities LogCapabilities(const MemoryUrl& url) {
  Capabilities c;
  c.backend = "mem (log)";
  c.settlement = Settlement::kPrefix;
  c.replay = true;
  c.transactions = true;
  c.lag = true;
  c.notes = true;
  c.gapless_publish = true;
  c.message_bytes_max = url.message_bytes_max;
  c.crash_model =
      "survives: the death of any worker, or of all of them; destroyed by: the end of the process, unless the bus was "
      "saved before";
  if (url.retention_bytes > 0) c.crash_model += ", and retention, which is announced as DataLoss";
  return c;
}

// Calls visit(record) for all from `offset` on that readers may see, until it says no.
template <class Visit>
bool Walk(const LogBroker& broker, Partition partition, int64_t offset, Visit visit) {
  while (true) {
    const LogPartition::Slice slice = broker.ReadCommitted(partition, offset, SIZE_MAX);
    for (const Delivery& record : slice.records) {
      if (!visit(record)) return false;
    }
    if (slice.next == offset) return true;
    offset = slice.next;
  }
}

}  // namespace

LogMemoryBus::LogMemoryBus(const MemoryUrl& url, const Clock& clock)
    : url_(url), capabilities_(LogCapabilities(url)), core_(NewBroker(), clock) {}

std::unique_ptr<LogBroker> LogMemoryBus::NewBroker() const {
  LogBrokerOptions options;
  options.segment_bytes = url_.segment_bytes;
  options.message_bytes_max = url_.message_bytes_max;
  options.retention_bytes = url_.retention_bytes;
  return std::make_unique<LogBroker>(options);
}

absl::Status LogMemoryBus::Apply(const Topology& topology) {
  CoreLock<LogBroker> lock(core_);
  // What does not fit is found before anything is made.
  LogBroker trial({});
  for (const TopicSpec& spec : topology.topics) {
    if (absl::Status s = trial.CreateTopic(spec).status(); !s.ok()) return s;
    const int32_t id = lock->TopicId(spec.name);
    if (id < 0 || lock->Spec(id).partitions == spec.partitions) continue;
    return lock->CreateTopic(spec).status();
  }
  for (const TopicSpec& spec : topology.topics) {
    if (absl::Status s = lock->CreateTopic(spec).status(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<int32_t> LogMemoryBus::TopicNamed(const std::string& topic) const {
  const int32_t id = core_.broker->TopicId(topic);
  if (id < 0) return NoSuchTopic(topic);
  return id;
}

absl::StatusOr<int32_t> LogMemoryBus::TopicOfGroup(const std::string& group, const std::string& topic) const {
  absl::StatusOr<int32_t> id = TopicNamed(topic);
  if (!id.ok()) return id;
  const std::vector<std::string>& groups = core_.broker->Spec(*id).groups;
  if (std::find(groups.begin(), groups.end(), group) == groups.end()) return NoSuchGroup(group, topic);
  return id;
}

absl::StatusOr<std::unique_ptr<ConsumerDriver>> LogMemoryBus::OpenConsumer(const ConsumerOptions& options,
                                                                           Waker& waker) {
  if (absl::Status s = CheckConsumerOptions(options); !s.ok()) return s;
  {
    CoreLock<LogBroker> lock(core_);
    for (const std::string& topic : options.topics) {
      if (absl::Status s = TopicOfGroup(options.group, topic).status(); !s.ok()) return s;
    }
    opened_ = true;
  }
  LogConsumerOptions log;
  log.session_is_connection = !url_.strict_sessions;
  // Who takes longer to give back what is revoked would be thrown out by the group: leave it twice the time it is told.
  log.rebalance_timeout = std::max<Duration>(log.rebalance_timeout, 2 * options.revoke_timeout);
  if (url_.strict_sessions) log.rebalance_timeout = options.revoke_timeout + options.session_timeout;
  return MakeLogConsumer(core_, options, log, waker);
}

absl::StatusOr<std::unique_ptr<ProducerDriver>> LogMemoryBus::OpenProducer(const ProducerOptions& options,
                                                                           Waker& waker) {
  if (absl::Status s = CheckTopics(options.topics); !s.ok()) return s;
  {
    CoreLock<LogBroker> lock(core_);
    for (const std::string& topic : options.topics) {
      if (absl::Status s = TopicNamed(topic).status(); !s.ok()) return s;
    }
    for (const std::string& topic : options.transaction.inputs) {
      if (absl::Status s = TopicNamed(topic).status(); !s.ok()) return s;
    }
    opened_ = true;
  }
  return MakeLogProducer(core_, options, waker);
}

absl::StatusOr<std::vector<PartitionLag>> LogMemoryBus::Lag(const std::string& group, const std::string& topic) {
  CoreLock<LogBroker> lock(core_);
  const absl::StatusOr<int32_t> id = TopicOfGroup(group, topic);
  if (!id.ok()) return id.status();
  std::vector<PartitionLag> lags;
  for (int32_t n = 0; n < lock->Spec(*id).partitions; ++n) {
    const LogPartition& log = lock->Log({*id, n});
    const int64_t settled = lock->SettledUpTo(group, {*id, n});
    lags.push_back({.topic = topic,
                    .partition = n,
                    .settled = settled,
                    .end = log.end(),
                    .lag = static_cast<int64_t>(lock->CommittedFrom({*id, n}, settled))});
  }
  return lags;
}

absl::Status LogMemoryBus::ForEachUnsettled(const std::string& group, const std::string& topic,
                                            const RestingVisitor& visit) {
  CoreLock<LogBroker> lock(core_);
  const absl::StatusOr<int32_t> id = TopicOfGroup(group, topic);
  if (!id.ok()) return id.status();
  for (int32_t n = 0; n < lock->Spec(*id).partitions; ++n) {
    const auto each = [&](const Delivery& d) {
      return visit({.partition = n, .offset = d.offset, .message = d.message});
    };
    if (!Walk(*lock, {*id, n}, lock->SettledUpTo(group, {*id, n}), each)) break;
  }
  return absl::OkStatus();
}

absl::Status LogMemoryBus::ForEachKept(const std::string& topic, const RestingVisitor& visit) {
  CoreLock<LogBroker> lock(core_);
  const absl::StatusOr<int32_t> id = TopicNamed(topic);
  if (!id.ok()) return id.status();
  if (!lock->Spec(*id).keep) return KeepsNothing(topic);
  for (int32_t n = 0; n < lock->Spec(*id).partitions; ++n) {
    const auto each = [&](const Delivery& d) {
      return visit({.partition = n, .offset = d.offset, .message = d.message});
    };
    if (!Walk(*lock, {*id, n}, lock->Log({*id, n}).start(), each)) break;
  }
  return absl::OkStatus();
}

Topology LogMemoryBus::Topics() const {
  CoreLock<LogBroker> lock(core_);
  Topology topology;
  for (int32_t id = 0; id < lock->topics(); ++id) topology.topics.push_back(lock->Spec(id));
  std::sort(topology.topics.begin(), topology.topics.end(),
            [](const TopicSpec& a, const TopicSpec& b) { return a.name < b.name; });
  return topology;
}

absl::Status LogMemoryBus::DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset) {
  CoreLock<LogBroker> lock(core_);
  const absl::StatusOr<int32_t> id = TopicNamed(topic);
  if (!id.ok()) return id.status();
  if (partition < 0 || partition >= lock->Spec(*id).partitions) return NoSuchPartition(topic, partition);
  lock->DeleteRecordsBefore({*id, partition}, offset);
  return absl::OkStatus();
}

void LogMemoryBus::WatchDestroyed(DestroyedVisitor visit) {
  CoreLock<LogBroker> lock(core_);
  on_destroyed_ = std::move(visit);
  Watch();
}

void LogMemoryBus::Watch() {
  if (!on_destroyed_) return;
  LogBroker& broker = *core_.broker;
  broker.WatchDestroyed([this, &broker](std::string_view group, Partition partition, const Delivery& record) {
    on_destroyed_(group, broker.Spec(partition.topic).name,
                  {.partition = partition.number, .offset = record.offset, .message = record.message});
  });
}

// ---------------------------------------------------------------- saving
//
//   "log", count of topics, for each topic its spec (open_checks.h), for each of its partitions:
//     start, end; for each group: committed + 1, note; then records as 1, offset, record; 0

absl::Status LogMemoryBus::SaveTo(const std::string& path) {
  CoreLock<LogBroker> lock(core_);
  SnapshotWriter out(path);
  out.Bytes(kSemantics);
  Save(*lock, out);
  return out.Finish();
}

void LogMemoryBus::Save(const LogBroker& broker, SnapshotWriter& out) {
  out.Number(static_cast<uint64_t>(broker.topics()));
  for (int32_t id = 0; id < broker.topics(); ++id) {
    const TopicSpec& spec = broker.Spec(id);
    SaveSpec(spec, out);
    for (int32_t n = 0; n < spec.partitions; ++n) {
      const LogPartition& log = broker.Log({id, n});
      out.Number(static_cast<uint64_t>(log.start()));
      out.Number(static_cast<uint64_t>(log.end()));
      for (const std::string& name : spec.groups) {
        const LogGroup::Committed& committed = broker.Group(name)->CommittedOf({id, n});
        out.Number(static_cast<uint64_t>(committed.offset + 1));
        out.Bytes(committed.note);
      }
      // Whoever loads it finds no transaction open.
      broker.ForEachOnceAborted({id, n}, [&](const Delivery& record) {
        out.Number(1);
        out.Number(static_cast<uint64_t>(record.offset));
        out.Record(record.message);
      });
      out.Number(0);
    }
  }
}

absl::Status LogMemoryBus::LoadFrom(const std::string& path) {
  CoreLock<LogBroker> lock(core_);
  if (opened_ || lock->topics() > 0) return LoadedTooLate(path);
  SnapshotReader in(path);
  const std::string semantics = in.Bytes();
  if (in.ok() && semantics != kSemantics) return OtherSemantics(path, semantics, kSemantics);
  // Into a broker of its own, which takes the place of ours when all of the file was good.
  std::unique_ptr<LogBroker> broker = NewBroker();
  Load(in, *broker);
  in.ExpectEnd();
  if (!in.ok()) return in.status();
  core_.broker = std::move(broker);
  Watch();
  return absl::OkStatus();
}

void LogMemoryBus::Load(SnapshotReader& in, LogBroker& broker) {
  const uint64_t topics = in.Number(uint64_t{1} << 20);
  for (uint64_t t = 0; t < topics && in.ok(); ++t) {
    const TopicSpec spec = LoadSpec(in);
    if (!in.ok()) return;
    const absl::StatusOr<int32_t> id = broker.CreateTopic(spec);
    if (!id.ok()) return in.Damaged(std::string(id.status().message()));
    for (int32_t n = 0; n < spec.partitions && in.ok(); ++n) LoadPartition(in, broker, {*id, n});
  }
}

void LogMemoryBus::LoadPartition(SnapshotReader& in, LogBroker& broker, Partition partition) {
  struct Place {
    int64_t offset;
    std::string note;
  };
  const int64_t start = static_cast<int64_t>(in.Number(kOffsetMax));
  const int64_t end = static_cast<int64_t>(in.Number(kOffsetMax));
  const std::vector<std::string> groups = broker.Spec(partition.topic).groups;
  std::vector<Place> places;
  for (size_t g = 0; g < groups.size() && in.ok(); ++g) {
    const int64_t offset = static_cast<int64_t>(in.Number(kOffsetMax)) - 1;
    places.push_back({offset, in.Bytes()});
  }
  if (!in.ok() || broker.Log(partition).records() > 0) return in.Damaged("a partition is there twice");
  broker.ResetLog(partition, start);
  while (in.Number(1) == 1) {
    const int64_t offset = static_cast<int64_t>(in.Number(kOffsetMax));
    const Message message = in.Record();
    const int64_t next = broker.Log(partition).end();
    if (!in.ok() || offset < next) return in.Damaged("offsets that do not ascend");
    broker.AppendGap(partition, offset - next);
    broker.Append(partition, message);
  }
  if (!in.ok()) return;
  if (end < broker.Log(partition).end()) return in.Damaged("a log that ends before its records");
  broker.AppendGap(partition, end - broker.Log(partition).end());
  for (size_t g = 0; g < groups.size(); ++g) {
    if (places[g].offset >= 0) broker.SetCommitted(groups[g], partition, places[g].offset, places[g].note);
  }
}

}  // namespace millrace::bus
