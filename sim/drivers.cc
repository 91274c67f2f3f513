#include "sim/drivers.h"

#include <algorithm>
#include <utility>

#include "bus/digest.h"

namespace millrace::sim {
namespace {

// Whoever closes looks again after that long at the earliest; what arrives wakes it before.
constexpr int64_t kDozeNs = 1'000'000;
// Outputs that are remembered until they are published; what does not come in order is interned again.
constexpr size_t kMadeMax = 256;

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
    if (absl::IsDataLoss(status)) {
      record.text = driver_.world_.recorder().AddText(std::string(status.message()));
      driver_.world_.Announced(driver_.member_.stage);
    }
    driver_.world_.Record(record);
    inner_.OnTrouble(status);
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
  if (side_.capabilities().settlement != bus::Settlement::kPrefix) return;
  record.kind = Kind::kCommit;
  record.message = kNoMessage;
  record.sequence = settle.next;
  world_.Record(record);
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

// ---------------------------------------------------------------- publishing

size_t SimProducer::Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) {
  if (member_.dead) return messages.size();
  std::vector<uint32_t>& published = member_.published;
  published.resize(first_token - 1);
  for (const bus::Outgoing& out : messages) {
    if (!member_.made.empty() && member_.made.front().headers == out.message.headers.block().data()) {
      published.push_back(member_.made.pop().message);
    } else {
      published.push_back(
          world_.recorder().Intern(world_.subject().ProducerTopic(member_.stage, out.topic), out.message));
      if (member_.made.size() > kMadeMax) member_.made.clear();
    }
    if (member_.made.empty()) member_.made_in.clear();
    const MessageInfo& info = world_.recorder().message(published.back());
    // The same bytes again are a dead letter that is published again, not another one.
    if (info.role != MessageRole::kDeadLetter) continue;
    if (!member_.dead_letters.emplace(published.back(), bus::Digest64(out.message.headers.block())).second) continue;
    struct Record made = world_.RecordOf(Kind::kOutput, member_);
    made.message = published.back();
    made.topic = info.topic;
    made.value = info.of;
    made.flags = kDeadLetter;
    world_.Record(made);
  }
  const std::span<const uint32_t> interned = std::span(published).subspan(first_token - 1);
  if (!world_.Begin(member_, ActionKind::kPublish, interned)) return messages.size();
  core_->Advance(world_.Now());
  const World::Publishing publishing(world_, messages, interned);
  const size_t taken = core_->Publish(messages, first_token);
  member_.unanswered += static_cast<uint32_t>(taken);
  struct Record record = world_.RecordOf(Kind::kPublish, member_);
  for (size_t i = 0; i < taken; ++i) {
    record.message = published[first_token - 1 + i];
    record.topic = world_.subject().ProducerTopic(member_.stage, messages[i].topic);
    record.partition = static_cast<uint16_t>(messages[i].partition);
    record.value = first_token + i;
    world_.Record(record);
  }
  world_.End(member_, ActionKind::kPublish);
  return member_.dead ? messages.size() : taken;
}

class SimProducer::Handler final : public bus::ProducerHandler {
 public:
  Handler(World& world, Member& member, bus::ProducerHandler& inner) : world_(world), member_(member), inner_(inner) {}
  void OnConfirmed(const bus::Confirm& confirm) override {
    struct Record record = world_.RecordOf(Kind::kConfirm, member_);
    record.value = static_cast<uint64_t>(confirm.status.code());
    for (uint32_t i = 0; i < confirm.count; ++i) {
      record.message = member_.published[confirm.first + i - 1];
      record.topic = world_.recorder().message(record.message).topic;
      world_.Record(record);
    }
    world_.recorder().CountBrokerEvents(confirm.count);
    member_.unanswered -= std::min(member_.unanswered, confirm.count);
    inner_.OnConfirmed(confirm);
  }
  void OnWritable() override { inner_.OnWritable(); }

 private:
  World& world_;
  Member& member_;
  bus::ProducerHandler& inner_;
};

void SimProducer::Poll(bus::ProducerHandler& handler) {
  if (member_.dead) return;
  core_->Advance(world_.Now());
  if (calm_.Holds(*core_, world_.Now())) return;
  calm_.Begin(*core_);
  Handler recording(world_, member_, handler);
  core_->Poll(recording);
  calm_.End(*core_);
}

absl::Status SimProducer::Close(bus::ProducerHandler& handler, MonotonicTime deadline) {
  while (!member_.dead && core_->outstanding() > 0 && world_.Now() < deadline) {
    Poll(handler);
    if (core_->outstanding() == 0) break;
    const MonotonicTime next = std::min(core_->NextTimer(), deadline);
    world_.SleepInFiber(std::max<int64_t>(next.ns - world_.Now().ns, kDozeNs));
  }
  core_->Advance(world_.Now());
  if (member_.dead) {
    // Whoever closes is owed an answer to each publish, also on its way down; nobody else hears of it.
    core_->Close(handler, deadline).IgnoreError();
    return absl::AbortedError("the process is dead");
  }
  Handler recording(world_, member_, handler);
  return core_->Close(recording, deadline);
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
  auto driver = std::make_unique<SimProducer>(world_, member_, side_.OpenProducer(owner, options.topics, waker));
  producer_ = driver.get();
  return std::unique_ptr<bus::ProducerDriver>(std::move(driver));
}

void SimBus::KeepAlive() {
  consumer_->KeepAlive();
  if (producer_ != nullptr) producer_->KeepAlive();
}

}  // namespace millrace::sim
