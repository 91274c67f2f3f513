// The models as grounds of scenarios.
#ifndef MILLRACE_TESTS_SCENARIOS_MODEL_GROUNDS_H_
#define MILLRACE_TESTS_SCENARIOS_MODEL_GROUNDS_H_

#include <memory>
#include <string>

#include "tests/conformance/log_model_harness.h"
#include "tests/conformance/queue_model_harness.h"
#include "tests/scenarios/ground.h"

namespace millrace::scenarios {

// What names on a queue broker begin with: the same on model and server, so that partitions have the same owners.
std::string QueuePrefix(const Scenario& scenario);
inline constexpr const char* kQueueInstance = "scenario";

class LogModelGround final : public Ground {
 public:
  Family family() const override { return Family::kLog; }
  bool real() const override { return false; }
  std::unique_ptr<conformance::Harness> MakeHarness(const Scenario& scenario) override;
  std::unique_ptr<bus::LogLink> OpenLog(bus::Waker& waker) override;
  absl::Status StopBroker(bool kill) override;
  absl::Status StartBroker() override;
  absl::Status Expel(const std::string& group) override;
  absl::Status Retention(const std::string& topic, int32_t partition, int64_t before) override;
  absl::StatusOr<std::string> DeleteGroup(const std::string& group) override;

 private:
  conformance::LogModelHarness* harness_ = nullptr;
};

class QueueModelGround final : public Ground {
 public:
  Family family() const override { return Family::kQueue; }
  bool real() const override { return false; }
  std::unique_ptr<conformance::Harness> MakeHarness(const Scenario& scenario) override;
  std::string InstanceSuffix() const override { return std::string("@") + kQueueInstance; }
  std::unique_ptr<bus::QueueLink> OpenQueue(bus::Waker& waker) override;
  absl::Status StopBroker(bool kill) override;
  absl::Status StartBroker() override;
  absl::Status Alarm(bool on) override;

 private:
  conformance::QueueModelHarness* harness_ = nullptr;
};

std::unique_ptr<Ground> MakeModel(Family family);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_MODEL_GROUNDS_H_
