// The queue broker model (bus/memory/queue_broker.h) and its client without the face of `mem:`, so that faults can be
// made.
#ifndef MILLRACE_TESTS_CONFORMANCE_QUEUE_MODEL_HARNESS_H_
#define MILLRACE_TESTS_CONFORMANCE_QUEUE_MODEL_HARNESS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/memory/queue_broker.h"
#include "bus/memory/queue_client.h"
#include "tests/conformance/hand_clock.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/model_options.h"

namespace millrace::conformance {

class QueueModelHarness final : public Harness, private bus::Bus {
 public:
  explicit QueueModelHarness(bus::ConfirmStyle confirms);
  // `prefix` stands before names on the broker: owners of partitions are found by hashing those.
  QueueModelHarness(const bus::QueueBrokerOptions& options, const Timing& timing, std::string prefix);
  // The model itself, for what a harness has no word for.
  bus::QueueBroker& broker() { return broker_; }

  bus::Bus& bus() override { return *this; }
  std::string Name(const std::string& name) override { return prefix_ + name; }
  const Timing& timing() const override { return timing_; }
  bool Has(Ability ability) const override;
  MonotonicTime Now() override { return clock_.Now(); }
  void WaitUntil(MonotonicTime until, Signal& signal) override;

  void ExpireSession(const std::string& instance) override;
  void StopBroker() override { broker_.Stop(Now()); }
  void StartBroker() override { broker_.Start(Now()); }
  void Destroy(const std::string& topic, int32_t partition) override;
  void RefusePublishes(const std::string& topic, int32_t partition, int count) override;
  void BlockPublishing(bool on) override { broker_.SetAlarm(on, Now()); }

 private:
  class NoWaker final : public bus::Waker {
    void Wake() override {}
  };

  const bus::Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Apply(const bus::Topology& topology) override;
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> OpenConsumer(const bus::ConsumerOptions& options,
                                                                    bus::Waker& waker) override;
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> OpenProducer(const bus::ProducerOptions& options,
                                                                    bus::Waker& waker) override;
  absl::StatusOr<std::vector<bus::PartitionLag>> Lag(const std::string& group, const std::string& topic) override;
  std::vector<bus::QueueTopic> TopicsOf(const std::vector<std::string>& names) const;

  const Timing timing_;
  const std::string prefix_;
  const bus::Capabilities capabilities_;
  HandClock clock_;
  NoWaker no_waker_;
  bus::QueueBroker broker_;
  Specs specs_;
  std::map<std::string, std::vector<bus::ConnectionId>>
      connections_;  // by instance: those opened for it when it was opened
  uint64_t incarnations_ = 0;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_QUEUE_MODEL_HARNESS_H_
