// What a process publishes, written down; see sim/drivers.h.
#include <algorithm>
#include <utility>

#include "bus/digest.h"
#include "sim/drivers.h"

namespace millrace::sim {
namespace {

// Outputs that are remembered until they are published; what does not come in order is interned again.
constexpr size_t kMadeMax = 256;

}  // namespace

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
  if (taken > 0) world_.Moves();
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

void SimProducer::Commit(const bus::TransactionOffsets& offsets) {
  if (member_.dead) return;
  ending_ = 1;
  struct Record record = world_.RecordOf(Kind::kTransact, member_);
  record.attempt = ending_;
  record.count = static_cast<uint32_t>(offsets.offsets.size());
  world_.Record(record);
  core_->Advance(world_.Now());
  core_->Commit(offsets);
  calm_.Disturb();
  world_.End(member_, ActionKind::kCommit);
}

void SimProducer::Abort() {
  if (member_.dead || !world_.Begin(member_, ActionKind::kAbort, {})) return;
  ending_ = 0;
  world_.Record(world_.RecordOf(Kind::kTransact, member_));
  core_->Advance(world_.Now());
  core_->Abort();
  calm_.Disturb();
  world_.End(member_, ActionKind::kAbort);
}

class SimProducer::Handler final : public bus::ProducerHandler {
 public:
  Handler(World& world, Member& member, uint32_t ending, bus::ProducerHandler& inner)
      : world_(world), member_(member), ending_(ending), inner_(inner) {}
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
  void OnEnded(const absl::Status& status) override {
    struct Record record = world_.RecordOf(Kind::kTransacted, member_);
    record.attempt = ending_;
    record.value = static_cast<uint64_t>(status.code());
    world_.Record(record);
    world_.recorder().CountBrokerEvents(1);
    inner_.OnEnded(status);
  }

 private:
  World& world_;
  Member& member_;
  const uint32_t ending_;
  bus::ProducerHandler& inner_;
};

void SimProducer::Poll(bus::ProducerHandler& handler) {
  if (member_.dead) return;
  core_->Advance(world_.Now());
  if (calm_.Holds(*core_, world_.Now())) return;
  calm_.Begin(*core_);
  Handler recording(world_, member_, ending_, handler);
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
  Handler recording(world_, member_, ending_, handler);
  return core_->Close(recording, deadline);
}

}  // namespace millrace::sim
