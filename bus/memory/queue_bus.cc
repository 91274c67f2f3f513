#include "bus/memory/queue_bus.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "bus/memory/open_checks.h"
#include "bus/memory/queue_drivers.h"

namespace millrace::bus {
namespace {

constexpr std::string_view kSemantics = "queue";
constexpr int kApplyRoundsMax = 100'000;

Capabilities QueueCapabilities(const MemoryUrl& url) {
  Capabilities c = MemoryQueueCapabilities();
  c.message_bytes_max = url.message_bytes_max;
  c.crash_model =
      "survives: the death of any worker, or of all of them; destroyed by: the end of the process, unless the bus was "
      "saved before";
  return c;
}

absl::Status ApplyOver(std::unique_ptr<QueueLink> link, const Topology& topology, MonotonicTime now) {
  if (absl::Status s = CheckTopology(topology); !s.ok()) return s;
  QueueAdmin admin(std::move(link), {}, topology, now);
  for (int round = 0; !admin.done() && round < kApplyRoundsMax; ++round) admin.Poll(now);
  if (!admin.done())
    return absl::UnavailableError("the topology could not be applied: the embedded broker does not answer");
  return admin.status();
}

int32_t PartitionOfRoutingKey(std::string_view key) {
  int32_t partition = 0;
  std::from_chars(key.data(), key.data() + key.size(), partition);
  return partition;
}

}  // namespace

QueueMemoryBus::QueueMemoryBus(const MemoryUrl& url, const Clock& clock)
    : url_(url), capabilities_(QueueCapabilities(url)), core_(NewBroker(), clock) {}

std::unique_ptr<QueueBroker> QueueMemoryBus::NewBroker() const {
  QueueBrokerOptions options;
  options.segment_bytes = url_.segment_bytes;
  options.message_bytes_max = url_.message_bytes_max;
  options.acks_on_their_way = 0;  // the model's imitation of a server's delay serves nobody here
  return std::make_unique<QueueBroker>(options);
}

void QueueMemoryBus::Merge(const Topology& topology, Specs& specs) {
  for (const TopicSpec& spec : topology.topics) {
    auto [at, fresh] = specs.emplace(spec.name, spec);
    if (fresh) continue;
    TopicSpec& known = at->second;
    known.keep = known.keep || spec.keep;
    for (const std::string& group : spec.groups) {
      if (std::find(known.groups.begin(), known.groups.end(), group) == known.groups.end())
        known.groups.push_back(group);
    }
  }
}

absl::Status QueueMemoryBus::Apply(const Topology& wanted) {
  Topology topology = wanted;
  for (TopicSpec& spec : topology.topics) spec.existing.clear();  // there are no others here
  const MonotonicTime now = core_.clock.Now();
  {
    CoreLock<QueueBroker> lock(core_);
    for (const TopicSpec& spec : topology.topics) {
      auto known = specs_.find(spec.name);
      if (known == specs_.end() || QueueTopicOf(known->second) == QueueTopicOf(spec)) continue;
      return absl::FailedPreconditionError("topic \"" + spec.name +
                                           "\" is there already with other partitions, order or backlog bound (" +
                                           std::to_string(known->second.partitions) +
                                           " partitions, ordered = " + (known->second.ordered ? "true" : "false") +
                                           "): use another topic name, or the old values");
    }
  }
  if (absl::Status s = ApplyOver(MakePolledLink(core_), topology, now); !s.ok()) return s;
  CoreLock<QueueBroker> lock(core_);
  Merge(topology, specs_);
  return absl::OkStatus();
}

absl::StatusOr<const TopicSpec*> QueueMemoryBus::TopicNamed(const std::string& topic) const {
  auto at = specs_.find(topic);
  if (at == specs_.end()) return NoSuchTopic(topic);
  return &at->second;
}

absl::StatusOr<const TopicSpec*> QueueMemoryBus::TopicOfGroup(const std::string& group,
                                                              const std::string& topic) const {
  const absl::StatusOr<const TopicSpec*> spec = TopicNamed(topic);
  if (!spec.ok()) return spec;
  if (std::find((*spec)->groups.begin(), (*spec)->groups.end(), group) == (*spec)->groups.end())
    return NoSuchGroup(group, topic);
  return spec;
}

absl::StatusOr<std::unique_ptr<ConsumerDriver>> QueueMemoryBus::OpenConsumer(const ConsumerOptions& options,
                                                                             Waker& waker) {
  if (absl::Status s = CheckConsumerOptions(options); !s.ok()) return s;
  if (options.transactional) return NoTransactions(capabilities_.backend);
  std::vector<QueueTopic> topics;
  QueueConsumerOptions queue;
  ConsumerOptions named = options;
  {
    CoreLock<QueueBroker> lock(core_);
    for (const std::string& topic : options.topics) {
      const absl::StatusOr<const TopicSpec*> spec = TopicOfGroup(options.group, topic);
      if (!spec.ok()) return spec.status();
      topics.push_back(QueueTopicOf(**spec));
    }
    queue.incarnation = ++opened_;
    queue.session.salt = opened_;
    if (named.instance.empty()) named.instance = "instance-" + std::to_string(opened_);
    if (!instances_.emplace(named.group, named.instance).second) {
      return absl::InvalidArgumentError("option instance: \"" + named.instance + "\" is in use in group \"" +
                                        named.group + "\"; give each consumer a name of its own");
    }
  }
  auto gone = [this, key = std::pair(named.group, named.instance)] {
    CoreLock<QueueBroker> lock(core_);
    instances_.erase(key);
  };
  return MakeQueueConsumer(core_, named, topics, queue, waker, std::move(gone));
}

absl::StatusOr<std::unique_ptr<ProducerDriver>> QueueMemoryBus::OpenProducer(const ProducerOptions& options,
                                                                             Waker& waker) {
  if (absl::Status s = CheckTopics(options.topics); !s.ok()) return s;
  if (!options.transaction.id.empty()) return NoTransactions(capabilities_.backend);
  std::vector<QueueTopic> topics;
  QueueProducerOptions queue;
  queue.message_bytes_max = url_.message_bytes_max;
  {
    CoreLock<QueueBroker> lock(core_);
    for (const std::string& topic : options.topics) {
      const absl::StatusOr<const TopicSpec*> spec = TopicNamed(topic);
      if (!spec.ok()) return spec.status();
      topics.push_back(QueueTopicOf(**spec));
    }
    queue.session.salt = ++opened_;
  }
  return MakeQueueProducer(core_, topics, queue, waker);
}

absl::StatusOr<std::vector<PartitionLag>> QueueMemoryBus::Lag(const std::string& group, const std::string& topic) {
  CoreLock<QueueBroker> lock(core_);
  const absl::StatusOr<const TopicSpec*> spec = TopicOfGroup(group, topic);
  if (!spec.ok()) return spec.status();
  return QueueLag(*lock, QueueTopicOf(**spec), group);
}

absl::Status QueueMemoryBus::ForEachUnsettled(const std::string& group, const std::string& topic,
                                              const RestingVisitor& visit) {
  CoreLock<QueueBroker> lock(core_);
  const absl::StatusOr<const TopicSpec*> spec = TopicOfGroup(group, topic);
  if (!spec.ok()) return spec.status();
  const QueueTopic queue_topic = QueueTopicOf(**spec);
  bool more = true;
  for (int32_t n = 0; n < queue_topic.partitions && more; ++n) {
    lock->BrowseUnsettled(WorkQueueName(queue_topic, group, n), [&](const QueueBroker::Resting& resting) {
      more = visit({.partition = n, .redeliveries = resting.delivery_count, .message = resting.message});
      return more;
    });
  }
  return absl::OkStatus();
}

absl::Status QueueMemoryBus::ForEachKept(const std::string& topic, const RestingVisitor& visit) {
  CoreLock<QueueBroker> lock(core_);
  const absl::StatusOr<const TopicSpec*> spec = TopicNamed(topic);
  if (!spec.ok()) return spec.status();
  if (!(*spec)->keep) return KeepsNothing(topic);
  const QueueTopic queue_topic = QueueTopicOf(**spec);
  bool more = true;
  // One queue keeps all partitions, in order of arrival.
  for (int32_t n = 0; n < queue_topic.partitions && more; ++n) {
    lock->BrowseUnsettled(KeepQueueName(topic), [&](const QueueBroker::Resting& resting) {
      if (PartitionOfRoutingKey(resting.routing_key) != n) return true;
      more = visit({.partition = n, .redeliveries = resting.delivery_count, .message = resting.message});
      return more;
    });
  }
  return absl::OkStatus();
}

Topology QueueMemoryBus::Topics() const {
  CoreLock<QueueBroker> lock(core_);
  Topology topology;
  for (const auto& [name, spec] : specs_) topology.topics.push_back(spec);
  return topology;
}

absl::Status QueueMemoryBus::DeleteRecordsBefore(const std::string& topic, int32_t, int64_t) {
  return absl::FailedPreconditionError("topic \"" + topic +
                                       "\": queues have no offsets to delete up to; open the bus with semantics=log");
}

// ---------------------------------------------------------------- saving
//
//   "queue", count of topics, their specs (open_checks.h); for each topic, for each of its queues (work queues by group
//   and partition, then the one that keeps): messages as 1, delivery count, routing key, record; 0

std::vector<std::string> QueueMemoryBus::QueuesOf(const TopicSpec& spec) {
  std::vector<std::string> queues;
  const QueueTopic topic = QueueTopicOf(spec);
  for (const std::string& group : spec.groups) {
    for (int32_t n = 0; n < topic.partitions; ++n) queues.push_back(WorkQueueName(topic, group, n));
  }
  if (spec.keep) queues.push_back(KeepQueueName(spec.name));
  return queues;
}

absl::Status QueueMemoryBus::SaveTo(const std::string& path) {
  CoreLock<QueueBroker> lock(core_);
  SnapshotWriter out(path);
  out.Bytes(kSemantics);
  out.Number(specs_.size());
  for (const auto& [name, spec] : specs_) SaveSpec(spec, out);
  for (const auto& [name, spec] : specs_) {
    for (const std::string& queue : QueuesOf(spec)) {
      lock->BrowseUnsettled(queue, [&](const QueueBroker::Resting& resting) {
        out.Number(1);
        out.Number(resting.delivery_count);
        out.Bytes(resting.routing_key);
        out.Record(resting.message);
        return true;
      });
      out.Number(0);
    }
  }
  return out.Finish();
}

absl::Status QueueMemoryBus::LoadFrom(const std::string& path) {
  CoreLock<QueueBroker> lock(core_);
  if (opened_ > 0 || !specs_.empty()) return LoadedTooLate(path);
  SnapshotReader in(path);
  const std::string semantics = in.Bytes();
  if (in.ok() && semantics != kSemantics) return OtherSemantics(path, semantics, kSemantics);
  Topology topology;
  const uint64_t topics = in.Number(uint64_t{1} << 20);
  for (uint64_t t = 0; t < topics && in.ok(); ++t) topology.topics.push_back(LoadSpec(in));
  if (!in.ok()) return in.status();
  // Into a broker of its own, which takes the place of ours when all of the file was good.
  MemoryCore<QueueBroker> fresh(NewBroker(), core_.clock);
  const MonotonicTime now = core_.clock.Now();
  if (absl::Status s = ApplyOver(MakePolledLink(fresh), topology, now); !s.ok()) {
    in.Damaged(std::string(s.message()));
    return in.status();
  }
  for (const TopicSpec& spec : topology.topics) {
    for (const std::string& queue : QueuesOf(spec)) {
      while (in.Number(1) == 1) {
        const uint32_t deliveries = static_cast<uint32_t>(in.Number(UINT32_MAX));
        const std::string key = in.Bytes();
        const Message message = in.Record();
        if (in.ok() && !fresh.broker->Restore(queue, message, deliveries, key, now))
          in.Damaged("a message of a queue that is not there");
      }
    }
  }
  in.ExpectEnd();
  if (!in.ok()) return in.status();
  core_.broker = std::move(fresh.broker);
  Merge(topology, specs_);
  return absl::OkStatus();
}

}  // namespace millrace::bus
