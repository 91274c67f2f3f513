// The log broker model (bus/memory/log_broker.h) and its client without the face of `mem:`, so that faults can be made.
#ifndef MILLRACE_TESTS_CONFORMANCE_LOG_MODEL_HARNESS_H_
#define MILLRACE_TESTS_CONFORMANCE_LOG_MODEL_HARNESS_H_

#include <memory>
#include <string>
#include <vector>

#include "bus/memory/log_client.h"
#include "tests/conformance/hand_clock.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/model_options.h"

namespace millrace::conformance {

class LogModelHarness final : public Harness, private bus::Bus {
 public:
  LogModelHarness();
  LogModelHarness(const Timing& timing, const bus::LogBrokerOptions& options);
  // The model itself, for what a harness has no word for.
  bus::LogBroker& broker() { return broker_; }

  bus::Bus& bus() override { return *this; }
  std::string Name(const std::string& name) override { return name; }
  const Timing& timing() const override { return timing_; }
  bool Has(Ability ability) const override;
  MonotonicTime Now() override { return clock_.Now(); }
  void WaitUntil(MonotonicTime until, Signal& signal) override;

  // By time alone: who is not polled sends no heartbeats.
  void ExpireSession(const std::string&) override {}
  void StopBroker() override { broker_.Stop(); }
  void StartBroker() override { broker_.Start(Now()); }
  void Destroy(const std::string& topic, int32_t partition) override;
  void MakeGap(const std::string& topic, int32_t partition) override;
  void RefusePublishes(const std::string& topic, int32_t partition, int count) override;

 private:
  const bus::Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Apply(const bus::Topology& topology) override;
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> OpenConsumer(const bus::ConsumerOptions& options,
                                                                    bus::Waker& waker) override;
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> OpenProducer(const bus::ProducerOptions& options,
                                                                    bus::Waker& waker) override;
  absl::StatusOr<std::vector<bus::PartitionLag>> Lag(const std::string& group, const std::string& topic) override;

  const Timing timing_;
  bus::Capabilities capabilities_;
  HandClock clock_;
  bus::LogBroker broker_;
  Specs specs_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_LOG_MODEL_HARNESS_H_
