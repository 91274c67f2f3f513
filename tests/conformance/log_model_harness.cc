#include "tests/conformance/log_model_harness.h"

#include <algorithm>
#include <utility>

#include "tests/conformance/timed_driver.h"

namespace millrace::conformance {

LogModelHarness::LogModelHarness()
    : LogModelHarness(Timing{.session_timeout = std::chrono::seconds(10),
                             .heartbeat_interval = std::chrono::seconds(3),
                             .revoke_timeout = std::chrono::seconds(5),
                             .limit = std::chrono::seconds(120),
                             .quiet = std::chrono::seconds(30)},
                      bus::LogBrokerOptions{}) {}

LogModelHarness::LogModelHarness(const Timing& timing, const bus::LogBrokerOptions& options)
    : timing_(timing), broker_(options) {
  capabilities_.backend = "log model";
  capabilities_.settlement = bus::Settlement::kPrefix;
  capabilities_.replay = true;
  capabilities_.transactions = true;
  capabilities_.lag = true;
  capabilities_.notes = true;
  capabilities_.crash_model = "survives: restarts of the model";
}

bool LogModelHarness::Has(Ability ability) const {
  switch (ability) {
    case Ability::kStaticMembers:
    case Ability::kCooperative:
    case Ability::kRevokeDeadline:
    case Ability::kBacklogBound:
    case Ability::kExpireSession:
    case Ability::kRestartBroker:
    case Ability::kDestroy:
    case Ability::kGap:
    case Ability::kRefusePublish:
      return true;
    case Ability::kCapacity:
    case Ability::kRedeliveryCount:
    case Ability::kBlockPublishing:
      return false;
  }
  return false;
}

void LogModelHarness::WaitUntil(MonotonicTime until, Signal&) {
  clock_.Set(std::max(Now(), std::min(until, broker_.NextTimer())));
  broker_.Advance(Now());
}

void LogModelHarness::Destroy(const std::string& topic, int32_t partition) {
  const bus::Partition at{broker_.TopicId(topic), partition};
  broker_.DeleteRecordsBefore(at, broker_.Log(at).end());
}

void LogModelHarness::MakeGap(const std::string& topic, int32_t partition) {
  broker_.AppendGap({broker_.TopicId(topic), partition}, 2);  // a record that was taken back, and its marker
}

void LogModelHarness::RefusePublishes(const std::string& topic, int32_t, int count) {
  broker_.RefuseNext(broker_.TopicId(topic), static_cast<uint64_t>(count));
}

absl::Status LogModelHarness::Apply(const bus::Topology& topology) {
  for (const bus::TopicSpec& spec : topology.topics) {
    if (auto id = broker_.CreateTopic(spec); !id.ok()) return id.status();
  }
  Remember(specs_, topology);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> LogModelHarness::OpenConsumer(const bus::ConsumerOptions& options,
                                                                                   bus::Waker& waker) {
  if (absl::Status s = CheckConsumer(specs_, options); !s.ok()) return s;
  auto consumer = std::make_unique<bus::LogConsumer>(options, bus::LogConsumerOptions{},
                                                     std::make_unique<bus::LogDirectLink>(broker_, waker), Now());
  return std::make_unique<TimedConsumer<bus::LogConsumer>>(std::move(consumer), clock_);
}

absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> LogModelHarness::OpenProducer(const bus::ProducerOptions& options,
                                                                                   bus::Waker& waker) {
  if (absl::Status s = CheckTopics(specs_, options.topics); !s.ok()) return s;
  auto producer =
      std::make_unique<bus::LogProducer>(options.topics, bus::LogProducerOptions{.transaction = options.transaction},
                                         std::make_unique<bus::LogDirectLink>(broker_, waker), Now());
  return std::make_unique<TimedProducer<bus::LogProducer>>(std::move(producer), clock_);
}

absl::StatusOr<std::vector<bus::PartitionLag>> LogModelHarness::Lag(const std::string& group,
                                                                    const std::string& topic) {
  if (absl::Status s = CheckTopics(specs_, {topic}); !s.ok()) return s;
  if (absl::Status s = CheckGroup(specs_, group, {topic}); !s.ok()) return s;
  std::vector<bus::PartitionLag> lags;
  for (int32_t p = 0; p < specs_.at(topic).partitions; ++p) {
    const bus::Partition at{broker_.TopicId(topic), p};
    bus::PartitionLag& lag = lags.emplace_back();
    lag.topic = topic;
    lag.partition = p;
    lag.settled = broker_.SettledUpTo(group, at);
    lag.end = broker_.Log(at).end();
    lag.lag = static_cast<int64_t>(broker_.CommittedFrom(at, lag.settled));
  }
  return lags;
}

}  // namespace millrace::conformance
