// A real Kafka as a ground of scenarios.
#ifndef MILLRACE_TESTS_SCENARIOS_KAFKA_GROUND_H_
#define MILLRACE_TESTS_SCENARIOS_KAFKA_GROUND_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/conformance/kafka_harness.h"
#include "tests/scenarios/ground.h"
#include "tests/scenarios/own_broker.h"

namespace millrace::scenarios {

class KafkaGround final : public Ground {
 public:
  // `own` is nullptr where the broker at `url` serves others too.
  KafkaGround(std::string url, OwnBroker* own) : url_(std::move(url)), own_(own) {}

  Family family() const override { return Family::kLog; }
  bool real() const override { return true; }
  std::unique_ptr<conformance::Harness> MakeHarness(const Scenario& scenario) override;
  std::unique_ptr<bus::LogLink> OpenLog(bus::Waker& waker) override;
  absl::Status StopBroker(bool kill) override;
  absl::Status StartBroker() override;
  absl::Status Expel(const std::string& group) override;
  absl::Status Retention(const std::string& topic, int32_t partition, int64_t before) override;
  absl::StatusOr<std::string> DeleteGroup(const std::string& group) override;

 private:
  uint16_t Port() const;
  const std::string url_;
  OwnBroker* const own_;
  conformance::KafkaHarness* harness_ = nullptr;
  std::vector<std::string> topics_;  // of wires
};

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_KAFKA_GROUND_H_
