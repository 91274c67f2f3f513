// Tells the drivers over a broker model the time before each call: they are advanced by hand.
#ifndef MILLRACE_TESTS_CONFORMANCE_TIMED_DRIVER_H_
#define MILLRACE_TESTS_CONFORMANCE_TIMED_DRIVER_H_

#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/driver.h"

namespace millrace::conformance {

template <typename Driver>
class TimedConsumer final : public bus::ConsumerDriver {
 public:
  // The clock outlives it.
  TimedConsumer(std::unique_ptr<Driver> driver, const Clock& clock) : driver_(std::move(driver)), clock_(clock) {}
  void Poll(bus::ConsumerHandler& handler) override { At().Poll(handler); }
  MonotonicTime NextTimer() const override { return driver_->NextTimer(); }
  void Settle(const struct bus::Settle& settle) override { At().Settle(settle); }
  void Flow(bus::Holding holding, bool on) override { At().Flow(holding, on); }
  void Release(bus::Holding holding) override { At().Release(holding); }
  bus::TransactionOffsets Prepare(std::span<const struct bus::Settle> settles) override {
    return At().Prepare(settles);
  }
  absl::Status Close(MonotonicTime deadline) override { return At().Close(deadline); }

 private:
  Driver& At() {
    driver_->Advance(clock_.Now());
    return *driver_;
  }
  const std::unique_ptr<Driver> driver_;
  const Clock& clock_;
};

template <typename Driver>
class TimedProducer final : public bus::ProducerDriver {
 public:
  TimedProducer(std::unique_ptr<Driver> driver, const Clock& clock) : driver_(std::move(driver)), clock_(clock) {}
  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override {
    return At().Publish(messages, first_token);
  }
  void Commit(const bus::TransactionOffsets& offsets) override { At().Commit(offsets); }
  void Abort() override { At().Abort(); }
  void Poll(bus::ProducerHandler& handler) override { At().Poll(handler); }
  MonotonicTime NextTimer() const override { return driver_->NextTimer(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime deadline) override {
    return At().Close(handler, deadline);
  }

 private:
  Driver& At() {
    driver_->Advance(clock_.Now());
    return *driver_;
  }
  const std::unique_ptr<Driver> driver_;
  const Clock& clock_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_TIMED_DRIVER_H_
