// A real Kafka, named by the environment variable MILLRACE_KAFKA_URL, in real time. Each harness has topics and groups
// of its own, so that tests can run beside each other and again.
#ifndef MILLRACE_TESTS_CONFORMANCE_KAFKA_HARNESS_H_
#define MILLRACE_TESTS_CONFORMANCE_KAFKA_HARNESS_H_

#include <memory>
#include <string>

#include "bus/kafka/kafka_bus.h"
#include "tests/conformance/harness.h"

namespace millrace::conformance {

class RealClock final : public Clock {
 public:
  MonotonicTime Now() const override;
  WallTime Wall() const override;
};

class KafkaHarness final : public Harness {
 public:
  enum class Rebalance { kEager, kCooperative };
  // Ends the process with a word on how to start a Kafka where there is none.
  explicit KafkaHarness(Rebalance rebalance);
  // The same of the Kafka at a URL, eager, with other times.
  KafkaHarness(const std::string& url, const Timing& timing);
  bus::KafkaBus& kafka() { return *bus_; }

  bus::Bus& bus() override { return *bus_; }
  std::string Name(const std::string& name) override { return prefix_ + name; }
  const Timing& timing() const override { return timing_; }
  bool Has(Ability ability) const override;
  MonotonicTime Now() override { return clock_.Now(); }
  void WaitUntil(MonotonicTime until, Signal& signal) override;
  void Destroy(const std::string& topic, int32_t partition) override;
  void MakeGap(const std::string& topic, int32_t partition) override;

 private:
  KafkaHarness(Rebalance rebalance, const std::string& url, const Timing& timing);

  const Timing timing_;
  const std::string prefix_;
  RealClock clock_;
  const std::string url_;
  std::unique_ptr<bus::KafkaBus> bus_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_KAFKA_HARNESS_H_
