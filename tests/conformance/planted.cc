#include "tests/conformance/planted.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace millrace::conformance {
namespace {

constexpr uint64_t kNowAndThen = 23;

class PlantedConsumer final : public bus::ConsumerDriver, private bus::ConsumerHandler {
 public:
  PlantedConsumer(Bug bug, std::unique_ptr<bus::ConsumerDriver> inner) : bug_(bug), inner_(std::move(inner)) {}

  void Poll(bus::ConsumerHandler& handler) override {
    handler_ = &handler;
    inner_->Poll(*this);
  }
  MonotonicTime NextTimer() const override { return inner_->NextTimer(); }
  void Settle(const struct bus::Settle& settle) override {
    if (bug_ == Bug::kForgetSettle && ++count_ % 7 == 0) return;
    if (bug_ != Bug::kSettleAhead || settle.ranges.empty()) return inner_->Settle(settle);
    std::vector<bus::SettleRange> ranges(settle.ranges.begin(), settle.ranges.end());
    struct bus::Settle ahead = settle;
    if (ranges.back().last < last_[settle.holding.epoch]) {
      ++ranges.back().last;
      ahead.next = std::max(ahead.next, ranges.back().last + 1);
    }
    ahead.ranges = ranges;
    inner_->Settle(ahead);
  }
  void Flow(bus::Holding holding, bool on) override { inner_->Flow(holding, on); }
  void Release(bus::Holding holding) override { inner_->Release(holding); }
  absl::Status Close(MonotonicTime deadline) override { return inner_->Close(deadline); }

 private:
  void OnAssigned(std::span<const bus::Assignment> assignments) override { handler_->OnAssigned(assignments); }
  void OnRevoking(std::span<const bus::Holding> holdings, MonotonicTime deadline) override {
    handler_->OnRevoking(holdings, deadline);
  }
  void OnLost(std::span<const bus::Holding> holdings) override { handler_->OnLost(holdings); }
  void OnDelivered(const bus::DeliveryBatch& batch) override {
    std::vector<bus::Delivery> deliveries;
    for (const bus::Delivery& delivery : batch.deliveries) {
      if (bug_ == Bug::kLoseDelivery && ++count_ % kNowAndThen == 0) continue;
      deliveries.push_back(delivery);
      const size_t n = deliveries.size();
      if (n < 2) continue;
      if (bug_ == Bug::kSwapDeliveries && ++count_ % kNowAndThen == 0) {
        std::swap(deliveries[n - 1].message, deliveries[n - 2].message);
      }
      if (bug_ == Bug::kRepeatDelivery && ++count_ % kNowAndThen == 0) {
        deliveries[n - 1].message = deliveries[n - 2].message;
      }
    }
    if (deliveries.empty()) return;
    last_[batch.holding.epoch] = deliveries.back().sequence;
    handler_->OnDelivered({.holding = batch.holding, .deliveries = deliveries, .segment = batch.segment});
  }
  void OnNoted(bus::Holding holding, const absl::Status& status) override { handler_->OnNoted(holding, status); }
  void OnTrouble(const absl::Status& status) override { handler_->OnTrouble(status); }

  const Bug bug_;
  const std::unique_ptr<bus::ConsumerDriver> inner_;
  bus::ConsumerHandler* handler_ = nullptr;
  uint64_t count_ = 0;
  std::map<bus::Epoch, uint64_t> last_;  // highest sequence told
};

class PlantedProducer final : public bus::ProducerDriver, private bus::ProducerHandler {
 public:
  PlantedProducer(Bug bug, std::unique_ptr<bus::ProducerDriver> inner) : bug_(bug), inner_(std::move(inner)) {}

  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override {
    if (bug_ == Bug::kConfirmEarly && ++count_ % kNowAndThen == 0) {
      early_.push_back({first_token, static_cast<uint32_t>(messages.size()), absl::OkStatus()});
      return messages.size();
    }
    return inner_->Publish(messages, first_token);
  }
  void Poll(bus::ProducerHandler& handler) override {
    handler_ = &handler;
    inner_->Poll(*this);
    for (const bus::Confirm& confirm : std::exchange(early_, {})) handler.OnConfirmed(confirm);
  }
  MonotonicTime NextTimer() const override { return early_.empty() ? inner_->NextTimer() : MonotonicTime{}; }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime deadline) override {
    handler_ = &handler;
    return inner_->Close(*this, deadline);
  }

 private:
  void OnConfirmed(const bus::Confirm& confirm) override {
    if (bug_ == Bug::kLoseConfirm && ++count_ % kNowAndThen == 0) return;
    handler_->OnConfirmed(confirm);
  }
  void OnWritable() override { handler_->OnWritable(); }

  const Bug bug_;
  const std::unique_ptr<bus::ProducerDriver> inner_;
  bus::ProducerHandler* handler_ = nullptr;
  uint64_t count_ = 0;
  std::vector<bus::Confirm> early_;
};

class PlantedHarness final : public Harness, private bus::Bus {
 public:
  PlantedHarness(Bug bug, std::unique_ptr<Harness> inner) : bug_(bug), inner_(std::move(inner)) {}

  bus::Bus& bus() override { return *this; }
  std::string Name(const std::string& name) override { return inner_->Name(name); }
  const Timing& timing() const override { return inner_->timing(); }
  bool Has(Ability ability) const override { return inner_->Has(ability); }
  MonotonicTime Now() override { return inner_->Now(); }
  void WaitUntil(MonotonicTime until, Signal& signal) override { inner_->WaitUntil(until, signal); }
  void ExpireSession(const std::string& instance) override { inner_->ExpireSession(instance); }
  void StopBroker() override { inner_->StopBroker(); }
  void StartBroker() override { inner_->StartBroker(); }

 private:
  const bus::Capabilities& capabilities() const override { return inner_->bus().capabilities(); }
  absl::Status Apply(const bus::Topology& topology) override { return inner_->bus().Apply(topology); }
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> OpenConsumer(const bus::ConsumerOptions& options,
                                                                    bus::Waker& waker) override {
    auto driver = inner_->bus().OpenConsumer(options, waker);
    if (!driver.ok()) return driver.status();
    return std::make_unique<PlantedConsumer>(bug_, *std::move(driver));
  }
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> OpenProducer(const bus::ProducerOptions& options,
                                                                    bus::Waker& waker) override {
    auto driver = inner_->bus().OpenProducer(options, waker);
    if (!driver.ok()) return driver.status();
    return std::make_unique<PlantedProducer>(bug_, *std::move(driver));
  }
  absl::StatusOr<std::vector<bus::PartitionLag>> Lag(const std::string& group, const std::string& topic) override {
    return inner_->bus().Lag(group, topic);
  }

  const Bug bug_;
  const std::unique_ptr<Harness> inner_;
};

}  // namespace

std::unique_ptr<Harness> Plant(Bug bug, std::unique_ptr<Harness> inner) {
  return std::make_unique<PlantedHarness>(bug, std::move(inner));
}

}  // namespace millrace::conformance
