#include "bus/memory/log_drivers.h"

#include <algorithm>
#include <utility>

#include "bus/memory/close_wait.h"
#include "bus/memory/log_producer.h"

namespace millrace::bus {
namespace {

using Core = MemoryCore<LogBroker>;

class LockedLogLink : public LogLink {
 public:
  LockedLogLink(Core& core, NotingWaker& waker) : core_(core), waker_(waker) {}
  ~LockedLogLink() override { Drop(last_); }

  void Connect(MonotonicTime now) override {
    last_ = now;
    CoreLock<LogBroker> lock(core_);
    connection_ = lock->Open(waker_, now);
  }
  void Send(const LogRequest& request, MonotonicTime now) override {
    last_ = now;
    CoreLock<LogBroker> lock(core_);
    lock->Receive(connection_, {&request, 1}, now);
    quiet_ = quiet_ || request.quiet;
  }
  void SendAll(std::span<const LogRequest> requests, MonotonicTime now) override {
    last_ = now;
    CoreLock<LogBroker> lock(core_);
    lock->Receive(connection_, requests, now);
    for (const LogRequest& request : requests) quiet_ = quiet_ || request.quiet;
  }
  size_t Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                 MonotonicTime) override {
    CoreLock<LogBroker> lock(core_);
    return lock->Produce(connection_, topics, messages, first_token);
  }
  void Drop(MonotonicTime now) override {
    if (connection_ == 0) return;
    CoreLock<LogBroker> lock(core_);
    lock->Drop(connection_, now);
    connection_ = 0;
  }
  void Receive(std::vector<LogEvent>& events) override {
    // Most looks find nothing; they need no lock.
    const bool something = waker_.TakeSomething();
    if (!something && !quiet_) {
      events.clear();
      return;
    }
    quiet_ = false;
    CoreLock<LogBroker> lock(core_);
    lock->TakeEvents(connection_, events);
  }

 private:
  Core& core_;
  NotingWaker& waker_;
  LogConnectionId connection_ = 0;
  MonotonicTime last_;
  bool quiet_ = false;  // since the last look something was sent whose answer is not announced
};

class MemoryLogConsumer : public ConsumerDriver {
 public:
  MemoryLogConsumer(Core& core, const ConsumerOptions& options, const LogConsumerOptions& log_options, Waker& waker)
      : core_(core),
        cell_(std::make_shared<WakeCell>(waker)),
        noting_(core.wakes, cell_),
        consumer_(options, log_options, std::make_unique<LockedLogLink>(core, noting_), core.clock.Now()) {}
  ~MemoryLogConsumer() override { cell_->Set(nullptr); }

  void Poll(ConsumerHandler& handler) override {
    Now();
    noting_.SetPolling(true);
    consumer_.Poll(handler);
    noting_.SetPolling(false);
  }
  MonotonicTime NextTimer() const override {
    if (noting_.Something()) return now_;
    return std::min(consumer_.NextTimer(), consumer_.closed() ? MonotonicTime::Infinite() : core_.Timer());
  }
  void Settle(const struct Settle& settle) override { consumer_.Settle(settle); }
  void Flow(Holding holding, bool on) override { consumer_.Flow(holding, on); }
  void Release(Holding holding) override { consumer_.Release(holding); }
  TransactionOffsets Prepare(std::span<const struct Settle> settles) override { return consumer_.Prepare(settles); }
  absl::Status Close(MonotonicTime deadline) override {
    // Done at once, unless a cooperative group is between two generations: then others have to act first.
    CloseWait wait(*cell_);
    for (bool done = false; !done;) {
      Now();
      noting_.SetPolling(true);
      done = consumer_.TryClose();
      noting_.SetPolling(false);
      if (!done && !noting_.Something() && !wait.For(deadline - now_)) break;
    }
    return consumer_.Close(deadline);
  }

 private:
  void Now() {
    now_ = std::max(now_, core_.clock.Now());
    core_.AdvanceTo(now_);
    consumer_.Advance(now_);
  }

  Core& core_;
  const std::shared_ptr<WakeCell> cell_;
  NotingWaker noting_;
  MonotonicTime now_;
  LogConsumer consumer_;
};

class MemoryLogProducer : public ProducerDriver {
 public:
  MemoryLogProducer(Core& core, const ProducerOptions& options, Waker& waker)
      : core_(core),
        transactional_(!options.transaction.id.empty()),
        cell_(std::make_shared<WakeCell>(waker)),
        noting_(core.wakes, cell_),
        producer_(options.topics, {.transaction = options.transaction}, std::make_unique<LockedLogLink>(core, noting_),
                  core.clock.Now()) {}
  ~MemoryLogProducer() override { cell_->Set(nullptr); }

  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override {
    if (transactional_) Now();
    return producer_.Publish(messages, first_token);
  }
  void Commit(const TransactionOffsets& offsets) override {
    Now();
    producer_.Commit(offsets);
  }
  void Abort() override {
    Now();
    producer_.Abort();
  }
  void Poll(ProducerHandler& handler) override {
    if (transactional_) Now();
    noting_.SetPolling(true);
    producer_.Poll(handler);
    noting_.SetPolling(false);
  }
  // Only transactions depend on time.
  MonotonicTime NextTimer() const override { return noting_.Something() ? MonotonicTime{} : producer_.NextTimer(); }
  absl::Status Close(ProducerHandler& handler, MonotonicTime deadline) override {
    return producer_.Close(handler, deadline);
  }

 private:
  void Now() {
    now_ = std::max(now_, core_.clock.Now());
    core_.AdvanceTo(now_);
    producer_.Advance(now_);
  }

  Core& core_;
  const bool transactional_;
  MonotonicTime now_;
  const std::shared_ptr<WakeCell> cell_;
  NotingWaker noting_;
  LogProducer producer_;
};

}  // namespace

std::unique_ptr<ConsumerDriver> MakeLogConsumer(Core& core, const ConsumerOptions& options,
                                                const LogConsumerOptions& log_options, Waker& waker) {
  return std::make_unique<MemoryLogConsumer>(core, options, log_options, waker);
}

std::unique_ptr<ProducerDriver> MakeLogProducer(Core& core, const ProducerOptions& options, Waker& waker) {
  return std::make_unique<MemoryLogProducer>(core, options, waker);
}

}  // namespace millrace::bus
