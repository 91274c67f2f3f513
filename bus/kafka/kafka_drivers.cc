#include "bus/kafka/kafka_drivers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "bus/kafka/consumer_link.h"
#include "bus/kafka/producer_link.h"
#include "bus/kafka/signal.h"
#include "bus/memory/log_consumer.h"
#include "bus/memory/log_producer.h"

namespace millrace::bus {
namespace {

// librdkafka takes a driver that is not polled for a dead one, sooner or later (max.poll.interval.ms).
constexpr Duration kPollAtLeast = std::chrono::seconds(1);
// How often a consumer that is leaving looks whether it has left: that is not always announced.
constexpr Duration kLeavingLook = std::chrono::milliseconds(10);
constexpr Duration kCloseSlice = std::chrono::milliseconds(20);

LogConsumerOptions LogOptions(const ConsumerOptions& options) {
  LogConsumerOptions log;
  // librdkafka keeps the session. It tells when that is lost.
  log.session_is_connection = true;
  // Who takes longer to give back what is revoked would be thrown out by the group: leave it twice the time it is told.
  log.rebalance_timeout = std::max<Duration>(log.rebalance_timeout, 2 * options.revoke_timeout);
  return log;
}

class KafkaConsumer final : public ConsumerDriver {
 public:
  KafkaConsumer(const KafkaUrl& url, const ConsumerOptions& options, const Clock& clock, Waker& waker)
      : clock_(clock), signal_(waker), now_(clock.Now()) {
    const LogConsumerOptions log = LogOptions(options);
    auto link = std::make_unique<KafkaConsumerLink>(url, options, log.rebalance_timeout, clock, signal_);
    link_ = link.get();
    consumer_ = std::make_unique<LogConsumer>(options, log, std::move(link), now_);
  }
  ~KafkaConsumer() override {
    signal_.Detach();
    consumer_.reset();
  }

  void Poll(ConsumerHandler& handler) override {
    Now();
    polled_at_ = now_;
    signal_.SetPolling(true);
    consumer_->Poll(handler);
    signal_.SetPolling(false);
  }
  MonotonicTime NextTimer() const override {
    if (consumer_->closed()) return MonotonicTime::Infinite();
    if (signal_.Something()) return now_;
    return std::min(consumer_->NextTimer(), polled_at_ + (link_->busy() ? kLeavingLook : kPollAtLeast));
  }
  void Settle(const struct Settle& settle) override { consumer_->Settle(settle); }
  void Flow(Holding holding, bool on) override { consumer_->Flow(holding, on); }
  void Release(Holding holding) override { consumer_->Release(holding); }
  TransactionOffsets Prepare(std::span<const struct Settle> settles) override {
    TransactionOffsets offsets = consumer_->Prepare(settles);
    // The core has a name and generations of its own; the broker wants librdkafka's.
    offsets.member = link_->GroupMetadata();
    return offsets;
  }
  absl::Status Close(MonotonicTime deadline) override {
    signal_.Detach();
    while (true) {
      Now();
      if (consumer_->TryClose() || now_ >= deadline) break;
      signal_.Await(std::min<Duration>(link_->busy() ? kLeavingLook : kCloseSlice, deadline - now_));
    }
    return consumer_->Close(deadline);
  }

 private:
  void Now() {
    now_ = std::max(now_, clock_.Now());
    consumer_->Advance(now_);
  }

  const Clock& clock_;
  KafkaSignal signal_;
  MonotonicTime now_;
  MonotonicTime polled_at_;
  KafkaConsumerLink* link_ = nullptr;
  std::unique_ptr<LogConsumer> consumer_;
};

class KafkaProducer final : public ProducerDriver {
 public:
  KafkaProducer(const KafkaUrl& url, const ProducerOptions& options, const Clock& clock, Waker& waker)
      : clock_(clock), signal_(waker), now_(clock.Now()) {
    producer_ = std::make_unique<LogProducer>(options.topics, LogProducerOptions{.transaction = options.transaction},
                                              std::make_unique<KafkaProducerLink>(url, options, clock, signal_), now_);
  }
  ~KafkaProducer() override {
    signal_.Detach();
    producer_.reset();
  }

  void Commit(const TransactionOffsets& offsets) override {
    Now();
    producer_->Commit(offsets);
  }
  void Abort() override {
    Now();
    producer_->Abort();
  }
  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override {
    return producer_->Publish(messages, first_token);
  }
  void Poll(ProducerHandler& handler) override {
    Now();
    signal_.SetPolling(true);
    producer_->Poll(handler);
    signal_.SetPolling(false);
  }
  MonotonicTime NextTimer() const override { return signal_.Something() ? now_ : producer_->NextTimer(); }
  absl::Status Close(ProducerHandler& handler, MonotonicTime deadline) override {
    // What is in librdkafka's queue goes out before it is let go; what has no answer by then is told as unknown.
    signal_.Detach();
    while (producer_->outstanding() > 0) {
      Poll(handler);
      if (producer_->outstanding() == 0 || now_ >= deadline) break;
      signal_.Await(std::min<Duration>(kCloseSlice, deadline - now_));
    }
    return producer_->Close(handler, deadline);
  }

 private:
  void Now() {
    now_ = std::max(now_, clock_.Now());
    producer_->Advance(now_);
  }

  const Clock& clock_;
  KafkaSignal signal_;
  MonotonicTime now_;
  std::unique_ptr<LogProducer> producer_;
};

}  // namespace

std::unique_ptr<ConsumerDriver> MakeKafkaConsumer(const KafkaUrl& url, const ConsumerOptions& options,
                                                  const Clock& clock, Waker& waker) {
  return std::make_unique<KafkaConsumer>(url, options, clock, waker);
}

std::unique_ptr<ProducerDriver> MakeKafkaProducer(const KafkaUrl& url, const ProducerOptions& options,
                                                  const Clock& clock, Waker& waker) {
  return std::make_unique<KafkaProducer>(url, options, clock, waker);
}

}  // namespace millrace::bus
