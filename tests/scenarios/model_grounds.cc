#include "tests/scenarios/model_grounds.h"

#include <algorithm>

#include "bus/memory/log_direct_link.h"
#include "bus/memory/queue_direct_link.h"
#include "tests/scenarios/actors.h"

namespace millrace::scenarios {
namespace {

class NoWaker final : public bus::Waker {
  void Wake() override {}
};

}  // namespace

std::string QueuePrefix(const Scenario& scenario) {
  std::string name = scenario.Name();
  std::replace(name.begin(), name.end(), '/', '.');
  return "scenario." + name + ".";
}

// ---------------------------------------------------------------- log

std::unique_ptr<conformance::Harness> LogModelGround::MakeHarness(const Scenario&) {
  bus::LogBrokerOptions options;
  options.groups.session_timeout_min = std::chrono::seconds(1);  // as ops/kafka sets its brokers up
  auto harness = std::make_unique<conformance::LogModelHarness>(kTiming, options);
  harness_ = harness.get();
  return harness;
}

std::unique_ptr<bus::LogLink> LogModelGround::OpenLog(bus::Waker& waker) {
  return std::make_unique<bus::LogDirectLink>(harness_->broker(), waker);
}

absl::Status LogModelGround::StopBroker(bool) {
  harness_->broker().Stop();
  return absl::OkStatus();
}

absl::Status LogModelGround::StartBroker() {
  harness_->broker().Start(harness_->Now());
  return absl::OkStatus();
}

absl::Status LogModelGround::Expel(const std::string& name) {
  NoWaker waker;
  bus::LogDirectLink link(harness_->broker(), waker);
  link.Connect(harness_->Now());
  const bus::LogGroup* group = harness_->broker().Group(name);
  if (group == nullptr) return absl::InvalidArgumentError("there is no such group");
  for (const std::string& member : group->Members()) {
    link.Send({.method = bus::LogMethod::kLeave, .id = 1, .group = name, .member = member}, harness_->Now());
  }
  return absl::OkStatus();
}

absl::Status LogModelGround::Retention(const std::string& topic, int32_t partition, int64_t before) {
  harness_->broker().DeleteRecordsBefore({harness_->broker().TopicId(topic), partition}, before);
  return absl::OkStatus();
}

absl::StatusOr<std::string> LogModelGround::DeleteGroup(const std::string& group) {
  return std::string(NameOf(harness_->broker().DeleteGroup(group)));
}

// ---------------------------------------------------------------- queue

std::unique_ptr<conformance::Harness> QueueModelGround::MakeHarness(const Scenario& scenario) {
  bus::QueueBrokerOptions options;
  if (const auto at = scenario.steps.front().options.find("consumer-timeout");
      at != scenario.steps.front().options.end()) {
    options.consumer_timeout = ParseTime(at->second).value_or(options.consumer_timeout);
    options.tick = std::chrono::seconds(1);
  }
  auto harness = std::make_unique<conformance::QueueModelHarness>(options, kTiming, QueuePrefix(scenario));
  harness_ = harness.get();
  return harness;
}

std::unique_ptr<bus::QueueLink> QueueModelGround::OpenQueue(bus::Waker& waker) {
  return std::make_unique<bus::DirectLink>(harness_->broker(), waker);
}

absl::Status QueueModelGround::StopBroker(bool kill) {
  for (bus::ConnectionId connection : harness_->broker().Connections()) {
    if (kill) break;  // else a server says goodbye
    harness_->broker().CloseConnection(connection, bus::kConnectionForced, "CONNECTION_FORCED", harness_->Now());
  }
  harness_->broker().Stop(harness_->Now());
  return absl::OkStatus();
}

absl::Status QueueModelGround::StartBroker() {
  harness_->broker().Start(harness_->Now());
  return absl::OkStatus();
}

absl::Status QueueModelGround::Alarm(bool on) {
  harness_->broker().SetAlarm(on, harness_->Now());
  return absl::OkStatus();
}

std::unique_ptr<Ground> MakeModel(Family family) {
  if (family == Family::kLog) return std::make_unique<LogModelGround>();
  return std::make_unique<QueueModelGround>();
}

}  // namespace millrace::scenarios
