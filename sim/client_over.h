// Production's clients, as the world drives them: around the consumer or producer of bus/memory, over a link of the network.
//
//   ConsumerOver<bus::LogConsumer> consumer([&](bool* stirred) { return bus::LogConsumer(options, …); });
//
// Threading: the world's.
#ifndef MILLRACE_SIM_CLIENT_OVER_H_
#define MILLRACE_SIM_CLIENT_OVER_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "sim/broker_side.h"

namespace millrace::sim {

// Production's consumer, as the world drives it.
template <class Inner>
class ConsumerOver final : public SimConsumerCore {
 public:
  // `make` is given where links say that something has passed, and makes the consumer in place.
  template <class Make>
  explicit ConsumerOver(const Make& make) : inner_(make(&stirred)) {}
  void Advance(MonotonicTime now) override { inner_.Advance(now); }
  void KeepAlive() override { inner_.KeepAlive(); }
  void StartClose() override { inner_.StartClose(); }
  bool closed() const override { return inner_.closed(); }
  std::string Pending() const override { return inner_.Pending(); }
  void Poll(bus::ConsumerHandler& handler) override { inner_.Poll(handler); }
  MonotonicTime NextTimer() const override { return inner_.NextTimer(); }
  void Settle(const struct bus::Settle& settle) override { inner_.Settle(settle); }
  void Flow(bus::Holding holding, bool on) override { inner_.Flow(holding, on); }
  void Release(bus::Holding holding) override { inner_.Release(holding); }
  absl::Status Close(MonotonicTime deadline) override { return inner_.Close(deadline); }
  bus::TransactionOffsets Prepare(std::span<const struct bus::Settle> settles) override {
    return inner_.Prepare(settles);
  }

 private:
  Inner inner_;
};

template <class Inner>
class ProducerOver final : public SimProducerCore {
 public:
  template <class Make>
  explicit ProducerOver(const Make& make) : inner_(make(&stirred)) {}
  void Advance(MonotonicTime now) override { inner_.Advance(now); }
  void KeepAlive() override { inner_.KeepAlive(); }
  size_t outstanding() const override { return inner_.outstanding(); }
  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override {
    return inner_.Publish(messages, first_token);
  }
  void Poll(bus::ProducerHandler& handler) override { inner_.Poll(handler); }
  MonotonicTime NextTimer() const override { return inner_.NextTimer(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime deadline) override {
    return inner_.Close(handler, deadline);
  }
  void Commit(const bus::TransactionOffsets& offsets) override { inner_.Commit(offsets); }
  void Abort() override { inner_.Abort(); }

 private:
  Inner inner_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CLIENT_OVER_H_
