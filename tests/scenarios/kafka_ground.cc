#include "tests/scenarios/kafka_ground.h"

#include <cstdlib>

#include "tests/scenarios/kafka_wire.h"

namespace millrace::scenarios {
namespace {

class NoWaker final : public bus::Waker {
  void Wake() override {}
};

absl::Status NeedsOwn() {
  return absl::InvalidArgumentError("only a broker of its own may be stopped: begin with own-broker");
}

}  // namespace

// Of the first broker.
uint16_t KafkaGround::Port() const {
  const size_t colon = url_.find(':', url_.find("://") + 3);
  return colon == std::string::npos ? 9092 : static_cast<uint16_t>(std::atoi(url_.c_str() + colon + 1));
}

std::unique_ptr<conformance::Harness> KafkaGround::MakeHarness(const Scenario&) {
  auto harness = std::make_unique<conformance::KafkaHarness>(url_, kTiming);
  harness_ = harness.get();
  return harness;
}

std::unique_ptr<bus::LogLink> KafkaGround::OpenLog(bus::Waker& waker) {
  return std::make_unique<KafkaWire>(Port(), topics_, waker);
}

absl::Status KafkaGround::StopBroker(bool kill) { return own_ == nullptr ? NeedsOwn() : own_->Stop(kill); }
absl::Status KafkaGround::StartBroker() { return own_ == nullptr ? NeedsOwn() : own_->StartAgain(); }

absl::Status KafkaGround::Expel(const std::string& group) {
  NoWaker waker;
  KafkaWire wire(Port(), topics_, waker);
  wire.Connect({});
  return wire.Expel(group) ? absl::OkStatus() : absl::UnavailableError("the broker does not answer");
}

absl::Status KafkaGround::Retention(const std::string& topic, int32_t partition, int64_t before) {
  return harness_->kafka().DeleteRecordsBefore(topic, partition, before);
}

absl::StatusOr<std::string> KafkaGround::DeleteGroup(const std::string& group) {
  NoWaker waker;
  KafkaWire wire(Port(), topics_, waker);
  wire.Connect({});
  return std::string(NameOf(wire.DeleteGroup(group)));
}

}  // namespace millrace::scenarios
