// A real RabbitMQ as a ground of scenarios. Names on it are the scenario's own, the same each time: what an earlier run has left
// is deleted first, and two runs on one server at a time would meet.
#ifndef MILLRACE_TESTS_SCENARIOS_RABBIT_GROUND_H_
#define MILLRACE_TESTS_SCENARIOS_RABBIT_GROUND_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/rabbit_harness.h"
#include "tests/scenarios/ground.h"
#include "tests/scenarios/own_broker.h"

namespace millrace::scenarios {

class RabbitGround final : public Ground {
 public:
  // `own` is nullptr where the server at `url` serves others too.
  RabbitGround(std::string url, OwnBroker* own) : url_(std::move(url)), own_(own) {}
  ~RabbitGround() override;

  Family family() const override { return Family::kQueue; }
  bool real() const override { return true; }
  std::unique_ptr<conformance::Harness> MakeHarness(const Scenario& scenario) override;
  std::string InstanceSuffix() const override;
  std::unique_ptr<bus::QueueLink> OpenQueue(bus::Waker& waker) override;
  absl::Status StopBroker(bool kill) override;
  absl::Status StartBroker() override;
  absl::Status Alarm(bool on) override;

 private:
  const std::string url_;
  OwnBroker* const own_;
  ops::SystemClock clock_;  // of links
  bool frightened_ = false;
};

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_RABBIT_GROUND_H_
