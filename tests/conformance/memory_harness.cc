#include "tests/conformance/memory_harness.h"

#include <utility>

#include "bus/check.h"

namespace millrace::conformance {
namespace {

const char* UrlOf(MemoryHarness::Kind kind) {
  switch (kind) {
    case MemoryHarness::Kind::kLog:
      return "mem:";
    case MemoryHarness::Kind::kLogStrict:
      return "mem:?session=strict";
    case MemoryHarness::Kind::kQueue:
      return "mem:?semantics=queue";
  }
  return "";
}

}  // namespace

MemoryHarness::MemoryHarness(Kind kind)
    : kind_(kind),
      timing_{.session_timeout = std::chrono::seconds(10),
              .heartbeat_interval = std::chrono::seconds(3),
              .revoke_timeout = std::chrono::seconds(5),
              .limit = std::chrono::seconds(120),
              .quiet = std::chrono::seconds(30)} {
  auto opened = bus::OpenMemoryBus(UrlOf(kind), clock_);
  MR_CHECK(opened.ok()) << opened.status().ToString();
  bus_ = *std::move(opened);
}

bool MemoryHarness::Has(Ability ability) const {
  const bool queue = kind_ == Kind::kQueue;
  switch (ability) {
    case Ability::kBacklogBound:
      return true;
    case Ability::kCooperative:
    case Ability::kDestroy:
      return !queue;
    case Ability::kCapacity:
    case Ability::kRedeliveryCount:
      return queue;
    case Ability::kRevokeDeadline:
    case Ability::kStaticMembers:
    case Ability::kExpireSession:  // by time alone: who is not polled sends no heartbeats
      return kind_ == Kind::kLogStrict;
    case Ability::kRestartBroker:
    case Ability::kGap:
    case Ability::kRefusePublish:
    case Ability::kBlockPublishing:
      return false;
  }
  return false;
}

void MemoryHarness::WaitUntil(MonotonicTime until, Signal&) { clock_.Set(until); }

void MemoryHarness::Destroy(const std::string& topic, int32_t partition) {
  for (const bus::TopicSpec& spec : bus_->Topics().topics) {
    if (spec.name != topic) continue;
    auto lag = bus_->Lag(spec.groups.at(0), topic);
    MR_CHECK(lag.ok()) << lag.status().ToString();
    const absl::Status status =
        bus_->DeleteRecordsBefore(topic, partition, lag->at(static_cast<size_t>(partition)).end);
    MR_CHECK(status.ok()) << status.ToString();
  }
}

}  // namespace millrace::conformance
