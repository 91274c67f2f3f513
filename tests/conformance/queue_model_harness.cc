#include "tests/conformance/queue_model_harness.h"

#include <algorithm>
#include <utility>

#include "tests/conformance/model_options.h"
#include "tests/conformance/timed_driver.h"

namespace millrace::conformance {
QueueModelHarness::QueueModelHarness(bus::ConfirmStyle confirms)
    : QueueModelHarness({.confirms = confirms},
                        {.session_timeout = std::chrono::seconds(10),
                         .heartbeat_interval = std::chrono::seconds(3),
                         .revoke_timeout = std::chrono::seconds(5),
                         .limit = std::chrono::seconds(120),
                         .quiet = std::chrono::seconds(30)},
                        "") {}

QueueModelHarness::QueueModelHarness(const bus::QueueBrokerOptions& options, const Timing& timing, std::string prefix)
    : timing_(timing), prefix_(std::move(prefix)), capabilities_(bus::MemoryQueueCapabilities()), broker_(options) {}

bool QueueModelHarness::Has(Ability ability) const {
  switch (ability) {
    case Ability::kRevokeDeadline:
    case Ability::kCapacity:
    case Ability::kRedeliveryCount:
    case Ability::kBacklogBound:
    case Ability::kExpireSession:
    case Ability::kRestartBroker:
    case Ability::kDestroy:
    case Ability::kRefusePublish:
    case Ability::kBlockPublishing:
      return true;
    case Ability::kStaticMembers:
    case Ability::kCooperative:
    case Ability::kGap:
      return false;
  }
  return false;
}

void QueueModelHarness::WaitUntil(MonotonicTime until, Signal&) {
  clock_.Set(std::max(Now(), std::min(until, broker_.NextTimer())));
  broker_.Tick(Now());
}

void QueueModelHarness::ExpireSession(const std::string& instance) {
  for (bus::ConnectionId connection : connections_[instance]) {
    broker_.CloseConnection(connection, 320, "CONNECTION_FORCED", Now());
  }
}

void QueueModelHarness::Destroy(const std::string& topic, int32_t partition) {
  const bus::TopicSpec& spec = specs_.at(Name(topic));
  for (const std::string& group : spec.groups) {
    broker_.DeleteQueue(bus::WorkQueueName(bus::QueueTopicOf(spec), group, partition), Now());
  }
}

void QueueModelHarness::RefusePublishes(const std::string& topic, int32_t partition, int count) {
  const bus::TopicSpec& spec = specs_.at(Name(topic));
  broker_.RefuseNext(bus::WorkQueueName(bus::QueueTopicOf(spec), spec.groups.at(0), partition),
                     static_cast<uint64_t>(count));
}

absl::Status QueueModelHarness::Apply(const bus::Topology& topology) {
  if (absl::Status s = bus::CheckTopology(topology); !s.ok()) return s;
  bus::QueueAdmin admin(std::make_unique<bus::DirectLink>(broker_, no_waker_), {}, topology, Now());
  for (int i = 0; i < 1000 && !admin.done(); ++i) admin.Poll(Now());
  if (!admin.done()) return absl::UnavailableError("the broker does not answer");
  if (!admin.status().ok()) return admin.status();
  Remember(specs_, topology);
  return absl::OkStatus();
}

std::vector<bus::QueueTopic> QueueModelHarness::TopicsOf(const std::vector<std::string>& names) const {
  std::vector<bus::QueueTopic> topics;
  for (const std::string& name : names) topics.push_back(bus::QueueTopicOf(specs_.at(name)));
  return topics;
}

absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> QueueModelHarness::OpenConsumer(
    const bus::ConsumerOptions& options, bus::Waker& waker) {
  if (absl::Status s = CheckConsumer(specs_, options); !s.ok()) return s;
  const std::vector<bus::ConnectionId> before = broker_.Connections();
  auto consumer = std::make_unique<bus::QueueConsumer>(options, TopicsOf(options.topics),
                                                       bus::QueueConsumerOptions{.incarnation = ++incarnations_},
                                                       std::make_unique<bus::DirectLink>(broker_, waker),
                                                       std::make_unique<bus::DirectLink>(broker_, waker), waker, Now());
  std::vector<bus::ConnectionId>& mine = connections_[options.instance];
  for (bus::ConnectionId connection : broker_.Connections()) {
    if (std::find(before.begin(), before.end(), connection) == before.end()) mine.push_back(connection);
  }
  return std::make_unique<TimedConsumer<bus::QueueConsumer>>(std::move(consumer), clock_);
}

absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> QueueModelHarness::OpenProducer(
    const bus::ProducerOptions& options, bus::Waker& waker) {
  if (absl::Status s = CheckTopics(specs_, options.topics); !s.ok()) return s;
  auto producer = std::make_unique<bus::QueueProducer>(TopicsOf(options.topics), bus::QueueProducerOptions{},
                                                       std::make_unique<bus::DirectLink>(broker_, waker), Now());
  return std::make_unique<TimedProducer<bus::QueueProducer>>(std::move(producer), clock_);
}

absl::StatusOr<std::vector<bus::PartitionLag>> QueueModelHarness::Lag(const std::string& group,
                                                                      const std::string& topic) {
  if (absl::Status s = CheckTopics(specs_, {topic}); !s.ok()) return s;
  return bus::QueueLag(broker_, bus::QueueTopicOf(specs_.at(topic)), group);
}

}  // namespace millrace::conformance
