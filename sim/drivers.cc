#include "sim/drivers.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {
namespace {

uint16_t PartitionOf(const bus::Holding& holding) { return static_cast<uint16_t>(holding.partition.number); }

}  // namespace

uint32_t Member::MessageAt(uint32_t partition, uint64_t sequence) const {
  if (partition >= holdings.size()) return kNoMessage;
  return holdings[partition].open.MessageAt(sequence);
}

// ---------------------------------------------------------------- consuming

// Writes down what the client tells, and hands it on.
class SimConsumer::Handler final : public bus::ConsumerHandler {
 public:
  Handler(SimConsumer& driver, bus::ConsumerHandler& inner) : driver_(driver), inner_(inner) {}

  void OnAssigned(std::span<const bus::Assignment> assignments) override {
    driver_.calm_.Told();
    driver_.world_.Moves();
    for (const bus::Assignment& a : assignments) {
      struct Record record = Of(Kind::kAssigned, a.holding);
      record.value = a.start;
      driver_.world_.Record(record);
      std::vector<Member::Holding>& holdings = driver_.member_.holdings;
      const size_t partition = PartitionOf(a.holding);
      if (holdings.size() <= partition) holdings.resize(partition + 1);
      holdings[partition] = {.epoch = a.holding.epoch, .open = {}};
    }
    inner_.OnAssigned(assignments);
  }
  void OnRevoking(std::span<const bus::Holding> holdings, MonotonicTime deadline) override {
    driver_.calm_.Told();
    for (const bus::Holding& h : holdings) driver_.world_.Record(Of(Kind::kRevoking, h));
    inner_.OnRevoking(holdings, deadline);
  }
  void OnLost(std::span<const bus::Holding> holdings) override {
    driver_.calm_.Told();
    for (const bus::Holding& h : holdings) driver_.world_.Record(Of(Kind::kLost, h));
    inner_.OnLost(holdings);
  }
  void OnDelivered(const bus::DeliveryBatch& batch) override {
    if (!driver_.core_->thorough) driver_.calm_.Told();
    Member::Holding& holding = driver_.member_.holdings[PartitionOf(batch.holding)];
    struct Record record = Of(Kind::kDelivered, batch.holding);
    for (const bus::Delivery& delivery : batch.deliveries) {
      record.message = driver_.side_.MessageOf(record.topic, record.partition, delivery);
      record.sequence = delivery.sequence;
      record.value = delivery.redeliveries;
      driver_.world_.Record(record);
      holding.open.Add(delivery.sequence, record.message);
    }
    driver_.world_.recorder().CountBrokerEvents(batch.deliveries.size());
    inner_.OnDelivered(batch);
  }
  void OnNoted(bus::Holding holding, const absl::Status& status) override {
    driver_.calm_.Told();
    inner_.OnNoted(holding, status);
  }
  void OnTrouble(const absl::Status& status) override {
    driver_.calm_.Told();
    struct Record record = driver_.world_.RecordOf(Kind::kTrouble, driver_.member_);
    record.value = static_cast<uint64_t>(status.code());
    driver_.world_.Record(record);
    inner_.OnTrouble(status);
  }
  void OnDataLoss(const bus::DataLoss& loss) override {
    driver_.calm_.Told();
    struct Record record = Of(Kind::kTrouble, {.partition = loss.partition});
    record.value = static_cast<uint64_t>(loss.status.code());
    record.sequence = loss.first;
    record.count = static_cast<uint32_t>(std::min<uint64_t>(loss.last - loss.first, kNoEnd - 1)) + 1;
    record.text = driver_.world_.recorder().AddText(std::string(loss.status.message()));
    driver_.world_.Record(record);
    driver_.world_.Announced(record.stage, record.partition, loss.last);
    inner_.OnDataLoss(loss);
  }

 private:
  struct Record Of(Kind kind, const bus::Holding& holding) const {
    struct Record record = driver_.world_.RecordOf(kind, driver_.member_);
    record.topic = driver_.world_.subject().topology().stages[record.stage].input;
    record.partition = PartitionOf(holding);
    record.epoch = holding.epoch;
    return record;
  }
  SimConsumer& driver_;
  bus::ConsumerHandler& inner_;
};

void SimConsumer::Poll(bus::ConsumerHandler& handler) {
  if (member_.dead) return;
  core_->Advance(world_.Now());
  if (calm_.Holds(*core_, world_.Now())) return;
  calm_.Begin(*core_);
  Handler recording(*this, handler);
  core_->Poll(recording);
  calm_.End(*core_);
}

void SimConsumer::RecordSettled(const struct bus::Settle& settle, Member::Holding& holding) {
  struct Record record = world_.RecordOf(Kind::kSettle, member_);
  record.topic = world_.subject().topology().stages[record.stage].input;
  record.partition = PartitionOf(settle.holding);
  record.epoch = settle.holding.epoch;
  for (const bus::SettleRange& range : settle.ranges) {
    holding.open.ForEachIn(range, [&](OpenDeliveries::Delivery& delivery) {
      if (delivery.message == kNoMessage) return;
      record.message = delivery.message;
      record.sequence = delivery.sequence;
      world_.Record(record);
      delivery.message = kNoMessage;
    });
  }
  holding.open.DropSettled();
  // A transaction has committed it.
  if (settle.committed || side_.capabilities().settlement != bus::Settlement::kPrefix) return;
  RecordCommit(settle);
}

void SimConsumer::RecordCommit(const struct bus::Settle& settle) {
  struct Record record = world_.RecordOf(Kind::kCommit, member_);
  record.topic = world_.subject().topology().stages[record.stage].input;
  record.partition = PartitionOf(settle.holding);
  record.epoch = settle.holding.epoch;
  record.sequence = settle.next;
  world_.Record(record);
}

bus::TransactionOffsets SimConsumer::Prepare(std::span<const struct bus::Settle> settles) {
  // Of what the dead would have said nothing comes: the producer is dead too.
  if (member_.dead) return core_->Prepare(settles);
  messages_.clear();
  for (const struct bus::Settle& settle : settles) {
    for (const bus::SettleRange& range : settle.ranges) {
      member_.holdings[PartitionOf(settle.holding)].open.ForEachIn(
          range, [this](const OpenDeliveries::Delivery& delivery) { messages_.push_back(delivery.message); });
    }
  }
  if (!world_.Begin(member_, ActionKind::kCommit, messages_)) return core_->Prepare(settles);
  for (const struct bus::Settle& settle : settles) RecordCommit(settle);
  core_->Advance(world_.Now());
  return core_->Prepare(settles);
}

void SimConsumer::Settle(const struct bus::Settle& settle) {
  if (member_.dead) return;
  const size_t partition = PartitionOf(settle.holding);
  Member::Holding& holding = member_.holdings[partition];
  messages_.clear();
  for (const bus::SettleRange& range : settle.ranges) {
    holding.open.ForEachIn(range,
                           [this](const OpenDeliveries::Delivery& delivery) { messages_.push_back(delivery.message); });
  }
  if (!world_.Begin(member_, ActionKind::kSettle, messages_)) return;
  RecordSettled(settle, holding);
  core_->Advance(world_.Now());
  core_->Settle(settle);
  if (!core_->thorough) calm_.Disturb();
  world_.recorder().CountBrokerEvents(messages_.size());
  world_.End(member_, ActionKind::kSettle);
}

void SimConsumer::Flow(bus::Holding holding, bool on) {
  if (member_.dead || !world_.Begin(member_, ActionKind::kFlow, {})) return;
  core_->Advance(world_.Now());
  core_->Flow(holding, on);
  calm_.Disturb();
  world_.End(member_, ActionKind::kFlow);
}

void SimConsumer::Release(bus::Holding holding) {
  if (member_.dead || !world_.Begin(member_, ActionKind::kRelease, {})) return;
  struct Record record = world_.RecordOf(Kind::kReleased, member_);
  record.topic = world_.subject().topology().stages[record.stage].input;
  record.partition = PartitionOf(holding);
  record.epoch = holding.epoch;
  world_.Record(record);
  core_->Advance(world_.Now());
  core_->Release(holding);
  calm_.Disturb();
  world_.End(member_, ActionKind::kRelease);
}

namespace {

class NobodyConsumes final : public bus::ConsumerHandler {
 public:
  void OnAssigned(std::span<const bus::Assignment>) override {}
  void OnRevoking(std::span<const bus::Holding>, MonotonicTime) override {}
  void OnLost(std::span<const bus::Holding>) override {}
  void OnDelivered(const bus::DeliveryBatch&) override {}
  void OnNoted(bus::Holding, const absl::Status&) override {}
  void OnTrouble(const absl::Status&) override {}
};

}  // namespace

// Runs on the member's closing fiber: waits for the broker's answers in the world's time.
absl::Status SimConsumer::Close(MonotonicTime deadline) {
  if (member_.dead || !world_.Begin(member_, ActionKind::kLeave, {})) return absl::AbortedError("the process is dead");
  NobodyConsumes nobody;
  core_->Advance(world_.Now());
  core_->StartClose();
  while (true) {
    core_->Advance(world_.Now());
    core_->Poll(nobody);
    if (core_->closed() || world_.Now() >= deadline) break;
    const MonotonicTime next = std::min(core_->NextTimer(), deadline);
    world_.SleepInFiber(std::max<int64_t>(next.ns - world_.Now().ns, kDozeNs));
    if (member_.dead) return absl::AbortedError("the process is dead");
  }
  const bool answered = core_->closed();
  const absl::Status status = core_->Close(deadline);
  world_.End(member_, ActionKind::kLeave);
  if (!answered) return absl::DeadlineExceededError("the broker did not answer in time");
  return status;
}

// ---------------------------------------------------------------- the bus

absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> SimBus::OpenConsumer(const bus::ConsumerOptions& options,
                                                                          bus::Waker& waker) {
  const Owner owner{member_.slot, member_.incarnation, member_.stage, member_.index};
  auto driver = std::make_unique<SimConsumer>(world_, side_, member_, side_.OpenConsumer(owner, options, waker));
  consumer_ = driver.get();
  return std::unique_ptr<bus::ConsumerDriver>(std::move(driver));
}

absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> SimBus::OpenProducer(const bus::ProducerOptions& options,
                                                                          bus::Waker& waker) {
  const Owner owner{member_.slot, member_.incarnation, member_.stage, member_.index};
  auto driver = std::make_unique<SimProducer>(world_, member_, side_.OpenProducer(owner, options, waker));
  producer_ = driver.get();
  return std::unique_ptr<bus::ProducerDriver>(std::move(driver));
}

void SimBus::KeepAlive() {
  consumer_->KeepAlive();
  if (producer_ != nullptr) producer_->KeepAlive();
}

}  // namespace millrace::sim
