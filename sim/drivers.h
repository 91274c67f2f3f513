// What stands between a simulated process and its clients of the broker: writes down what the process does and is told,
// and is where it dies. After its death every call does nothing.
//
// Threading: the world's.
#ifndef MILLRACE_SIM_DRIVERS_H_
#define MILLRACE_SIM_DRIVERS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bus/bus.h"
#include "sim/broker_side.h"
#include "sim/world.h"

namespace millrace::sim {

// Whoever closes looks again after that long at the earliest; what arrives wakes it before.
inline constexpr int64_t kDozeNs = 1'000'000;

class SimConsumer final : public bus::ConsumerDriver {
 public:
  SimConsumer(World& world, BrokerSide& side, Member& member, std::unique_ptr<SimConsumerCore> core)
      : world_(world), side_(side), member_(member), core_(std::move(core)) {}

  void Poll(bus::ConsumerHandler& handler) override;
  MonotonicTime NextTimer() const override { return member_.dead ? MonotonicTime::Infinite() : core_->NextTimer(); }
  void Settle(const struct bus::Settle& settle) override;
  void Flow(bus::Holding holding, bool on) override;
  void Release(bus::Holding holding) override;
  absl::Status Close(MonotonicTime deadline) override;
  // Where a process may die that is about to commit: SimProducer::Commit follows, and is where it may have.
  bus::TransactionOffsets Prepare(std::span<const struct bus::Settle> settles) override;
  std::string Pending() const { return core_->Pending(); }
  void KeepAlive() {
    core_->Advance(world_.Now());
    core_->KeepAlive();
  }
  // A Poll would tell nothing, and do nothing.
  bool AtRest() const { return calm_.Holds(*core_, world_.Now()); }

 private:
  class Handler;
  friend class Handler;
  void RecordSettled(const struct bus::Settle& settle, Member::Holding& holding);
  void RecordCommit(const struct bus::Settle& settle);

  World& world_;
  BrokerSide& side_;
  Member& member_;
  const std::unique_ptr<SimConsumerCore> core_;
  Calm calm_;
  std::vector<uint32_t> messages_;
};

class SimProducer final : public bus::ProducerDriver {
 public:
  SimProducer(World& world, Member& member, std::unique_ptr<SimProducerCore> core)
      : world_(world), member_(member), core_(std::move(core)) {}

  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override;
  void Poll(bus::ProducerHandler& handler) override;
  MonotonicTime NextTimer() const override { return member_.dead ? MonotonicTime::Infinite() : core_->NextTimer(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime deadline) override;
  void Commit(const bus::TransactionOffsets& offsets) override;
  void Abort() override;
  void KeepAlive() {
    core_->Advance(world_.Now());
    core_->KeepAlive();
  }
  // A Poll would tell nothing, and do nothing.
  bool AtRest() const { return calm_.Holds(*core_, world_.Now()); }

 private:
  class Handler;

  World& world_;
  Member& member_;
  const std::unique_ptr<SimProducerCore> core_;
  Calm calm_;
  uint32_t ending_ = 0;  // as Record::attempt of kTransact
};

// The bus of one member.
class SimBus final : public bus::Bus {
 public:
  SimBus(World& world, BrokerSide& side, Member& member) : world_(world), side_(side), member_(member) {}
  const bus::Capabilities& capabilities() const override { return side_.capabilities(); }
  absl::Status Apply(const bus::Topology&) override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> OpenConsumer(const bus::ConsumerOptions& options,
                                                                    bus::Waker& waker) override;
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> OpenProducer(const bus::ProducerOptions& options,
                                                                    bus::Waker& waker) override;
  absl::StatusOr<std::vector<bus::PartitionLag>> Lag(const std::string&, const std::string&) override {
    return std::vector<bus::PartitionLag>();
  }
  SimConsumer* consumer() const { return consumer_; }
  // What the libraries' own threads do while the process is stuck.
  void KeepAlive();
  bool AtRest() const { return consumer_->AtRest() && producer_->AtRest(); }

 private:
  World& world_;
  BrokerSide& side_;
  Member& member_;
  SimConsumer* consumer_ = nullptr;
  SimProducer* producer_ = nullptr;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_DRIVERS_H_
