#include "bus/consumer.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {
namespace {

std::string Name(const Holding& h) {
  std::ostringstream out;
  out << "partition " << h.partition.number << " of topic #" << h.partition.topic << " under epoch " << h.epoch;
  return out.str();
}

std::string Name(const SettleRange& r) { return "[" + std::to_string(r.first) + ", " + std::to_string(r.last) + "]"; }

absl::Status Stale(const char* what, const Holding& h) {
  return absl::AbortedError(
      std::string(what) + " of " + Name(h) +
      " was dropped: this consumer does not hold it (any more); another member redoes what was not settled");
}

absl::Status Refused(const Holding& h, const std::string& why) {
  return absl::InvalidArgumentError("settlement of " + Name(h) + " was refused: " + why);
}

bool Before(const Holding& a, const Holding& b) {
  return a.epoch != b.epoch ? a.epoch < b.epoch : a.partition < b.partition;
}

}  // namespace

// Stands between driver and user during one Poll. What ends a holding is recorded before the user is told, so that a
// settlement made inside the call finds the new state.
class Consumer::Checker final : public ConsumerHandler {
 public:
  Checker(Consumer& consumer, ConsumerHandler& user) : consumer_(consumer), user_(user) {}
  void OnAssigned(std::span<const Assignment> assignments) override {
    consumer_.Assigned(assignments);
    user_.OnAssigned(assignments);
  }
  void OnRevoking(std::span<const Holding> holdings, MonotonicTime deadline) override {
    consumer_.Revoking(holdings);
    user_.OnRevoking(holdings, deadline);
  }
  void OnLost(std::span<const Holding> holdings) override {
    consumer_.Lost(holdings);
    user_.OnLost(holdings);
  }
  void OnDelivered(const DeliveryBatch& batch) override {
    consumer_.Delivered(batch);
    user_.OnDelivered(batch);
  }
  void OnNoted(Holding holding, const absl::Status& status) override {
    consumer_.Noted(holding);
    user_.OnNoted(holding, status);
  }
  void OnTrouble(const absl::Status& status) override { user_.OnTrouble(status); }
  void OnDataLoss(const DataLoss& loss) override { user_.OnDataLoss(loss); }

 private:
  Consumer& consumer_;
  ConsumerHandler& user_;
};

Consumer::Consumer(std::unique_ptr<ConsumerDriver> driver, const Capabilities& capabilities)
    : driver_(std::move(driver)), settlement_(capabilities.settlement), notes_(capabilities.notes) {
  MR_CHECK(driver_ != nullptr) << "a consumer needs a driver";
}

Consumer::~Consumer() = default;

void Consumer::Poll(ConsumerHandler& handler) {
  if (closed_) return;
  MR_CHECK(!polling_) << "Poll was called inside a handler's call";
  polling_ = true;
  Checker checker(*this, handler);
  driver_->Poll(checker);
  polling_ = false;
}

MonotonicTime Consumer::NextTimer() const { return closed_ ? MonotonicTime::Infinite() : driver_->NextTimer(); }

absl::Status Consumer::Settle(const struct Settle& settle) {
  const size_t index = Find(settle.holding);
  if (index == held_.size()) return Stale("a settlement", settle.holding);
  Held& held = held_[index];
  if (settle.has_note && !notes_) return Refused(settle.holding, "it carries a note, and this backend has none");
  const bool prefix = settlement_ == Settlement::kPrefix;
  absl::Status status = prefix ? CheckPrefix(settle, held) : CheckIndividual(settle, held);
  if (!status.ok()) return status;
  if (prefix) {
    held.next_settle = settle.next;
  } else {
    for (const SettleRange& range : settle.ranges) held.open.Close(range.first, range.last);
  }
  if (settle.has_note && !settle.committed) ++held.notes_open;
  driver_->Settle(settle);
  return absl::OkStatus();
}

absl::StatusOr<TransactionOffsets> Consumer::Prepare(std::span<const struct Settle> settles) {
  for (const struct Settle& settle : settles) {
    const size_t index = Find(settle.holding);
    if (index == held_.size()) return Stale("a settlement", settle.holding);
    if (absl::Status status = CheckPrefix(settle, held_[index]); !status.ok()) return status;
  }
  return driver_->Prepare(settles);
}

absl::Status Consumer::CheckPrefix(const struct Settle& settle, const Held& held) const {
  if (settle.ranges.size() > 1) return Refused(settle.holding, "several ranges, where only a prefix can be settled");
  if (settle.next < held.next_settle) {
    return Refused(settle.holding, "next = " + std::to_string(settle.next) + " takes back what was settled up to " +
                                       std::to_string(held.next_settle));
  }
  if (settle.next > held.next_delivery) {
    return Refused(settle.holding, "next = " + std::to_string(settle.next) +
                                       " was never reached: deliveries end before " +
                                       std::to_string(held.next_delivery));
  }
  if (settle.ranges.empty()) return absl::OkStatus();
  const SettleRange& range = settle.ranges.front();
  if (range.first > range.last || range.last >= held.next_delivery) {
    return Refused(settle.holding, Name(range) + " is not a range of delivered messages, which end before " +
                                       std::to_string(held.next_delivery));
  }
  if (range.first < held.next_settle) {
    return Refused(settle.holding,
                   Name(range) + " names messages settled already, up to " + std::to_string(held.next_settle));
  }
  if (settle.next <= range.last) {
    return Refused(settle.holding, "next = " + std::to_string(settle.next) + " lies inside the range " + Name(range));
  }
  return absl::OkStatus();
}

absl::Status Consumer::CheckIndividual(const struct Settle& settle, const Held& held) const {
  const SettleRange* before = nullptr;
  for (const SettleRange& range : settle.ranges) {
    if (before != nullptr && range.first <= before->last) {
      return Refused(settle.holding, "ranges " + Name(*before) + " and " + Name(range) + " do not ascend");
    }
    if (!held.open.AllOpen(range.first, range.last)) {
      return Refused(settle.holding, Name(range) + " names messages not delivered, or settled already");
    }
    before = &range;
  }
  return absl::OkStatus();
}

absl::Status Consumer::SettleAll(const DeliveryBatch& batch) {
  if (batch.deliveries.empty()) return absl::OkStatus();
  const SettleRange range{batch.deliveries.front().sequence, batch.deliveries.back().sequence};
  return Settle({.holding = batch.holding, .ranges = {&range, 1}, .next = range.last + 1});
}

absl::Status Consumer::Flow(Holding holding, bool on) {
  if (!Holds(holding)) return Stale("a change of flow", holding);
  driver_->Flow(holding, on);
  return absl::OkStatus();
}

absl::Status Consumer::Release(Holding holding) {
  const size_t index = Find(holding);
  if (index == held_.size()) return Stale("a release", holding);
  EndHolding(index);
  driver_->Release(holding);
  return absl::OkStatus();
}

void Consumer::ReleaseRevoking() {
  for (size_t i = 0; i < held_.size();) {
    if (!held_[i].revoking) {
      ++i;
      continue;
    }
    const Holding holding = held_[i].holding;
    EndHolding(i);
    driver_->Release(holding);
  }
}

absl::Status Consumer::Close(MonotonicTime deadline) {
  if (closed_) return close_status_;
  MR_CHECK(!polling_) << "Close was called inside a handler's call";
  closed_ = true;
  held_.clear();
  departed_.clear();
  close_status_ = driver_->Close(deadline);
  return close_status_;
}

std::vector<Holding> Consumer::holdings() const {
  std::vector<Holding> all;
  all.reserve(held_.size());
  for (const Held& held : held_) all.push_back(held.holding);
  return all;
}

size_t Consumer::Find(Holding holding) const {
  if (hint_ < held_.size() && held_[hint_].holding == holding) return hint_;
  // Drivers tell of the partitions in turn.
  const size_t next = hint_ + 1 < held_.size() ? hint_ + 1 : 0;
  if (next < held_.size() && held_[next].holding == holding) return hint_ = next;
  auto at = std::lower_bound(held_.begin(), held_.end(), holding,
                             [](const Held& held, const Holding& h) { return Before(held.holding, h); });
  if (at == held_.end() || !(at->holding == holding)) return held_.size();
  return hint_ = static_cast<size_t>(at - held_.begin());
}

void Consumer::EndHolding(size_t index) {
  const Held& held = held_[index];
  if (held.notes_open > 0) departed_.push_back({held.holding, held.notes_open});
  held_.erase(held_.begin() + static_cast<ptrdiff_t>(index));
}

void Consumer::Assigned(std::span<const Assignment> assignments) {
  const Epoch before = last_epoch_;
  for (const Assignment& a : assignments) {
    MR_CHECK(a.holding.epoch > before) << "driver: " << Name(a.holding) << " was assigned after epoch " << before;
    for (const Held& held : held_) {
      MR_CHECK(held.holding.partition != a.holding.partition)
          << "driver: " << Name(a.holding) << " was assigned while held under epoch " << held.holding.epoch;
    }
    last_epoch_ = std::max(last_epoch_, a.holding.epoch);
    Held held{.holding = a.holding, .next_delivery = a.start, .next_settle = a.start, .open = {}};
    auto at = std::upper_bound(held_.begin(), held_.end(), a.holding,
                               [](const Holding& h, const Held& other) { return Before(h, other.holding); });
    held_.insert(at, std::move(held));
  }
}

void Consumer::Revoking(std::span<const Holding> holdings) {
  for (const Holding& holding : holdings) {
    const size_t index = Find(holding);
    MR_CHECK(index != held_.size()) << "driver: revokes " << Name(holding) << ", which is not held";
    MR_CHECK(!held_[index].revoking) << "driver: revokes " << Name(holding) << " twice";
    held_[index].revoking = true;
  }
}

void Consumer::Lost(std::span<const Holding> holdings) {
  for (const Holding& holding : holdings) {
    const size_t index = Find(holding);
    MR_CHECK(index != held_.size()) << "driver: lost " << Name(holding) << ", which is not held";
    EndHolding(index);
  }
}

void Consumer::Delivered(const DeliveryBatch& batch) {
  MR_CHECK(!batch.deliveries.empty()) << "driver: an empty batch for " << Name(batch.holding);
  const size_t index = Find(batch.holding);
  MR_CHECK(index != held_.size()) << "driver: a delivery for " << Name(batch.holding) << ", which is not held";
  Held& held = held_[index];
  MR_CHECK(!held.revoking) << "driver: a delivery for " << Name(batch.holding)
                           << " after it said that it takes it away";
  const uint64_t first = batch.deliveries.front().sequence, last = batch.deliveries.back().sequence;
  MR_CHECK(first >= held.next_delivery) << "driver: sequence " << first << " of " << Name(batch.holding) << " after "
                                        << held.next_delivery << " was next";
  bool disorder = false;
  for (size_t i = 1; i < batch.deliveries.size(); ++i) {
    disorder |= batch.deliveries[i].sequence <= batch.deliveries[i - 1].sequence;
  }
  MR_CHECK(!disorder) << "driver: sequences of " << Name(batch.holding) << " do not ascend between " << first << " and "
                      << last;
  held.next_delivery = last + 1;
  if (settlement_ == Settlement::kIndividual) held.open.Open(first, last);
}

void Consumer::Noted(Holding holding) {
  const size_t index = Find(holding);
  if (index != held_.size()) {
    MR_CHECK(held_[index].notes_open > 0)
        << "driver: answers a note of " << Name(holding) << " that was not asked, or twice";
    --held_[index].notes_open;
    return;
  }
  auto at =
      std::find_if(departed_.begin(), departed_.end(), [&](const OpenNotes& open) { return open.holding == holding; });
  MR_CHECK(at != departed_.end()) << "driver: answers a note of " << Name(holding) << " that was not asked, or twice";
  if (--at->count == 0) departed_.erase(at);
}

}  // namespace millrace::bus
