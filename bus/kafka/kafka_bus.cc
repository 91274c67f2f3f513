#include "bus/kafka/kafka_bus.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "bus/kafka/core/kafka_url.h"
#include "bus/kafka/core/topic_plan.h"
#include "bus/kafka/kafka_admin.h"
#include "bus/kafka/kafka_drivers.h"
#include "bus/kafka/kafka_operations.h"
#include "bus/memory/open_checks.h"

namespace millrace::bus {
namespace {

constexpr Duration kTopicsWait = std::chrono::seconds(15);
constexpr Duration kTopicsLook = std::chrono::milliseconds(50);
// 2.0.2 and what is older: rd_kafka_sticky_assignor_state_destroy asserts when a member goes, a commit during a rebalance can lose the
// assignment (librdkafka issue 4908), and the assignor can loop (4800).
constexpr int kCooperativeBreaks = 0x020002ff;

Capabilities CapabilitiesOf(const KafkaUrl& url) {
  Capabilities c;
  c.backend = "kafka";
  c.settlement = Settlement::kPrefix;
  c.replay = true;
  c.transactions = true;
  c.lag = true;
  c.notes = true;
  c.gapless_publish = true;
  c.message_bytes_max = url.message_bytes_max;
  c.crash_model =
      "survives: the death of any worker and of this program, and of as many brokers at a time as a topic has replicas "
      "in sync beyond its min.insync.replicas; destroyed by: a power cut where the replication is 1 (a broker confirms "
      "before its disk does), the loss of all replicas, a deleted topic, and retention, which is announced as DataLoss";
  return c;
}

class Kafka final : public KafkaBus {
 public:
  Kafka(KafkaUrl url, const Clock& clock, std::unique_ptr<KafkaAdmin> admin)
      : url_(std::move(url)),
        clock_(clock),
        capabilities_(CapabilitiesOf(url_)),
        admin_(std::move(admin)),
        operations_(url_, *admin_) {}

  const Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Apply(const Topology& topology) override;
  absl::StatusOr<std::unique_ptr<ConsumerDriver>> OpenConsumer(const ConsumerOptions& options, Waker& waker) override;
  absl::StatusOr<std::unique_ptr<ProducerDriver>> OpenProducer(const ProducerOptions& options, Waker& waker) override;
  absl::StatusOr<std::vector<PartitionLag>> Lag(const std::string& group, const std::string& topic) override;
  Admin* admin() override { return &operations_; }
  absl::Status DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset) override {
    return admin_->DeleteRecordsBefore(TopicOnBroker(topic), partition, offset);
  }

 private:
  std::string GroupOnBroker(const std::string& name) const { return url_.prefix + name; }
  std::string TopicOnBroker(const std::string& name) const {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto at = applied_.find(name);
    return at != applied_.end() ? at->second.name : url_.prefix + name;
  }
  absl::Status Verify(const TopicSpec& spec, const KafkaTopic& found);
  absl::Status AwaitUsable(const std::vector<KafkaNewTopic>& made);
  // NotFound where the topic is not there, or was applied without this group.
  absl::Status CheckTopic(const std::string& topic);
  absl::Status CheckGroup(const std::string& group, const std::string& topic);

  const KafkaUrl url_;
  const Clock& clock_;
  const Capabilities capabilities_;
  const std::unique_ptr<KafkaAdmin> admin_;
  KafkaOperations operations_;
  struct Applied {
    std::string name;  // on the broker
    std::set<std::string> groups;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Applied> applied_;  // by topic
};

absl::Status Kafka::Verify(const TopicSpec& spec, const KafkaTopic& found) {
  auto settings = admin_->Settings(NameOnBroker(spec, url_.prefix));
  if (!settings.ok()) return settings.status();
  const KafkaTopicFound there{
      .partitions = found.partitions, .replication = found.replication, .settings = *std::move(settings)};
  const TopologyItem item = CompareTopic(spec, url_, &there);
  if (item.state != TopologyItem::State::kRefused) return absl::OkStatus();
  std::string text = item.what;
  if (found.partitions != spec.partitions) {
    text += " has " + std::to_string(found.partitions) + " partitions and the pipeline says " +
            std::to_string(spec.partitions);
  } else {
    text += " takes records of up to " + item.fields.front().have + " bytes (max.message.bytes)";
  }
  return absl::FailedPreconditionError(text + "; " + item.advice);
}

absl::Status Kafka::Apply(const Topology& topology) {
  std::vector<KafkaNewTopic> missing;
  // What does not fit is found before anything is made.
  for (const TopicSpec& spec : topology.topics) {
    if (spec.partitions < 1)
      return absl::InvalidArgumentError("topic \"" + spec.name + "\": a topic has at least one partition");
    const absl::StatusOr<KafkaTopic> found = admin_->Describe(NameOnBroker(spec, url_.prefix));
    if (absl::IsNotFound(found.status()) && !spec.existing.empty()) {
      const TopologyItem item = CompareTopic(spec, url_, nullptr);
      return absl::FailedPreconditionError(item.what + ", which topic \"" + spec.name +
                                           "\" says exists, is not there; " + item.advice);
    } else if (absl::IsNotFound(found.status())) {
      KafkaTopicPlan plan = PlanOf(spec, url_);
      missing.push_back({.name = std::move(plan.name),
                         .partitions = plan.partitions,
                         .replication = plan.replication,
                         .settings = std::move(plan.settings)});
    } else if (!found.ok()) {
      return found.status();
    } else if (absl::Status s = Verify(spec, *found); !s.ok()) {
      return s;
    }
  }
  if (absl::Status s = admin_->Create(missing); !s.ok()) return s;
  if (absl::Status s = AwaitUsable(missing); !s.ok()) return s;
  std::lock_guard<std::mutex> lock(mutex_);
  for (const TopicSpec& spec : topology.topics) {
    Applied& applied = applied_[spec.name];
    applied.name = NameOnBroker(spec, url_.prefix);
    applied.groups.insert(spec.groups.begin(), spec.groups.end());
  }
  return absl::OkStatus();
}

absl::Status Kafka::AwaitUsable(const std::vector<KafkaNewTopic>& made) {
  for (const KafkaNewTopic& topic : made) {
    Duration waited = Duration::zero();
    while (true) {
      const absl::StatusOr<KafkaTopic> found = admin_->Describe(topic.name);
      if (found.ok() && found->usable) {
        // Somebody else may have made it meanwhile, otherwise.
        if (found->partitions == topic.partitions) break;
        return absl::FailedPreconditionError("topic \"" + topic.name + "\" was made by somebody else meanwhile, with " +
                                             std::to_string(found->partitions) + " partitions instead of " +
                                             std::to_string(topic.partitions));
      }
      if (waited >= kTopicsWait)
        return absl::UnavailableError("topic \"" + topic.name +
                                      "\" was made, and has no leader for each partition yet");
      std::this_thread::sleep_for(kTopicsLook);
      waited += kTopicsLook;
    }
  }
  return absl::OkStatus();
}

absl::Status Kafka::CheckTopic(const std::string& topic) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (applied_.count(topic) > 0) return absl::OkStatus();
  }
  return admin_->Describe(TopicOnBroker(topic)).status();
}

absl::Status Kafka::CheckGroup(const std::string& group, const std::string& topic) {
  if (absl::Status s = CheckTopic(topic); !s.ok()) return s;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto at = applied_.find(topic);
  // Kafka makes groups as they come; a topology that this bus was given names them, and a slip of the pen is found.
  if (at != applied_.end() && at->second.groups.count(group) == 0) return NoSuchGroup(group, topic);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ConsumerDriver>> Kafka::OpenConsumer(const ConsumerOptions& options, Waker& waker) {
  ConsumerOptions chosen = options;
  const ConsumerOptions standard;
  if (options.session_timeout == standard.session_timeout || url_.session_timeout_asked)
    chosen.session_timeout = url_.session_timeout;
  if (options.heartbeat_interval == standard.heartbeat_interval || url_.session_timeout_asked)
    chosen.heartbeat_interval = chosen.session_timeout / 10;
  chosen.cooperative = options.cooperative || url_.cooperative;
  if (absl::Status s = CheckConsumerOptions(chosen); !s.ok()) return s;
  for (const std::string& topic : options.topics) {
    if (absl::Status s = CheckGroup(options.group, topic); !s.ok()) return s;
  }
  chosen.group = GroupOnBroker(options.group);
  for (std::string& topic : chosen.topics) topic = TopicOnBroker(topic);
  return MakeKafkaConsumer(url_, chosen, clock_, waker);
}

absl::StatusOr<std::unique_ptr<ProducerDriver>> Kafka::OpenProducer(const ProducerOptions& options, Waker& waker) {
  if (absl::Status s = CheckTopics(options.topics); !s.ok()) return s;
  for (const std::string& topic : options.topics) {
    if (absl::Status s = CheckTopic(topic); !s.ok()) return s;
  }
  ProducerOptions chosen = options;
  for (std::string& topic : chosen.topics) topic = TopicOnBroker(topic);
  TransactionOptions& transaction = chosen.transaction;
  if (!transaction.id.empty()) transaction.id = GroupOnBroker(transaction.id);
  for (std::string& topic : transaction.inputs) topic = TopicOnBroker(topic);
  if (url_.transaction_timeout > Duration::zero()) transaction.timeout = url_.transaction_timeout;
  return MakeKafkaProducer(url_, chosen, clock_, waker);
}

absl::StatusOr<std::vector<PartitionLag>> Kafka::Lag(const std::string& group, const std::string& topic) {
  if (absl::Status s = CheckGroup(group, topic); !s.ok()) return s;
  const absl::StatusOr<std::vector<KafkaPlace>> places = admin_->Places(GroupOnBroker(group), TopicOnBroker(topic));
  if (!places.ok()) return places.status();
  std::vector<PartitionLag> lags;
  for (size_t n = 0; n < places->size(); ++n) {
    const KafkaPlace& place = (*places)[n];
    lags.push_back({.topic = topic,
                    .partition = static_cast<int32_t>(n),
                    .settled = std::max(place.committed, place.start),
                    .end = place.end,
                    .lag = place.lag});
  }
  return lags;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaBus>> OpenKafkaBus(std::string_view url, const Clock& clock) {
  absl::StatusOr<KafkaUrl> parsed = ParseKafkaUrl(url);
  if (!parsed.ok()) return parsed.status();
  if (parsed->cooperative && rd_kafka_version() <= kCooperativeBreaks) {
    return absl::FailedPreconditionError(
        PrintableKafkaUrl(url) + ": rebalance=cooperative ends processes with librdkafka " + rd_kafka_version_str() +
        " (an assertion in it fails when a member goes); say rebalance=eager, or leave it out");
  }
  if (absl::Status s = ResolveValues(parsed->properties); !s.ok()) return s;
  absl::StatusOr<std::unique_ptr<KafkaAdmin>> admin = KafkaAdmin::Open(*parsed);
  if (!admin.ok()) return admin.status();
  return std::make_unique<Kafka>(*std::move(parsed), clock, *std::move(admin));
}

absl::StatusOr<Capabilities> KafkaCapabilities(std::string_view url) {
  const absl::StatusOr<KafkaUrl> parsed = ParseKafkaUrl(url);
  if (!parsed.ok()) return parsed.status();
  return CapabilitiesOf(*parsed);
}

std::string PrintableKafkaBus(std::string_view url) { return PrintableKafkaUrl(url); }

}  // namespace millrace::bus
