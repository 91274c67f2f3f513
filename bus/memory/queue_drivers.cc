#include "bus/memory/queue_drivers.h"

#include <algorithm>
#include <utility>

namespace millrace::bus {
namespace {

using Core = MemoryCore<QueueBroker>;

class LockedQueueLink : public QueueLink {
 public:
  LockedQueueLink(Core& core, Waker& waker) : core_(core), waker_(waker) {}
  ~LockedQueueLink() override { Drop(last_); }

  void Connect(MonotonicTime now) override {
    last_ = now;
    CoreLock<QueueBroker> lock(core_);
    connection_ = lock->Open(waker_, now);
  }
  void Send(const Request& request, MonotonicTime now) override {
    last_ = now;
    CoreLock<QueueBroker> lock(core_);
    lock->Receive(connection_, request, now);
  }
  bool Writable() const override {
    CoreLock<QueueBroker> lock(core_);
    return lock->Writable(connection_);
  }
  void Drop(MonotonicTime now) override {
    if (connection_ == 0) return;
    CoreLock<QueueBroker> lock(core_);
    lock->Drop(connection_, now);
    connection_ = 0;
  }
  void Receive(std::vector<Event>& events) override {
    CoreLock<QueueBroker> lock(core_);
    lock->TakeEvents(connection_, events);
  }

 private:
  Core& core_;
  Waker& waker_;
  ConnectionId connection_ = 0;
  MonotonicTime last_;
};

class NoWaker : public Waker {
 public:
  void Wake() override {}
};

class PolledLink : private NoWaker, public LockedQueueLink {
 public:
  explicit PolledLink(Core& core) : LockedQueueLink(core, static_cast<NoWaker&>(*this)) {}
};

// Wakes the owner of a cell at once; for calls without the lock.
class CellWaker : public Waker {
 public:
  explicit CellWaker(std::shared_ptr<WakeCell> cell) : cell_(std::move(cell)) {}
  void Wake() override { cell_->Wake(); }

 private:
  const std::shared_ptr<WakeCell> cell_;
};

class MemoryQueueConsumer : public ConsumerDriver {
 public:
  MemoryQueueConsumer(Core& core, const ConsumerOptions& options, const std::vector<QueueTopic>& topics,
                      const QueueConsumerOptions& queue_options, Waker& waker, std::function<void()> gone)
      : core_(core),
        gone_(std::move(gone)),
        cell_(std::make_shared<WakeCell>(waker)),
        noting_(core.wakes, cell_),
        beat_noting_(core.wakes, cell_),
        own_waker_(cell_),
        consumer_(std::make_unique<QueueConsumer>(
            options, topics, queue_options, std::make_unique<LockedQueueLink>(core, noting_),
            std::make_unique<LockedQueueLink>(core, beat_noting_), own_waker_, core.clock.Now())) {}
  ~MemoryQueueConsumer() override {
    cell_->Set(nullptr);
    consumer_.reset();
    gone_();
  }

  void Poll(ConsumerHandler& handler) override {
    Now();
    SetPolling(true);
    consumer_->Poll(handler);
    SetPolling(false);
  }
  MonotonicTime NextTimer() const override {
    if (noting_.Something() || beat_noting_.Something()) return now_;
    return std::min(consumer_->NextTimer(), core_.Timer());
  }
  void Settle(const struct Settle& settle) override { consumer_->Settle(settle); }
  void Flow(Holding holding, bool on) override { consumer_->Flow(holding, on); }
  void Release(Holding holding) override { consumer_->Release(holding); }
  absl::Status Close(MonotonicTime deadline) override {
    Now();
    return consumer_->Close(deadline);
  }

 private:
  void Now() {
    now_ = std::max(now_, core_.clock.Now());
    core_.AdvanceTo(now_);
    consumer_->Advance(now_);
  }
  void SetPolling(bool polling) {
    // What comes from here on is found by this Poll, or announced after it.
    if (polling) {
      noting_.TakeSomething();
      beat_noting_.TakeSomething();
    }
    noting_.SetPolling(polling);
    beat_noting_.SetPolling(polling);
  }

  Core& core_;
  const std::function<void()> gone_;
  const std::shared_ptr<WakeCell> cell_;
  NotingWaker noting_;
  NotingWaker beat_noting_;
  CellWaker own_waker_;
  MonotonicTime now_;
  std::unique_ptr<QueueConsumer> consumer_;
};

class NobodyHandler final : public ProducerHandler {
 public:
  void OnConfirmed(const Confirm&) override {}
  void OnWritable() override {}
};

class MemoryQueueProducer : public ProducerDriver {
 public:
  MemoryQueueProducer(Core& core, const std::vector<QueueTopic>& topics, const QueueProducerOptions& queue_options,
                      Waker& waker)
      : core_(core),
        cell_(std::make_shared<WakeCell>(waker)),
        noting_(core.wakes, cell_),
        producer_(topics, queue_options, std::make_unique<LockedQueueLink>(core, noting_), core.clock.Now()) {
    // So that the first Publish finds the connection open.
    NobodyHandler nobody;
    Poll(nobody);
  }
  ~MemoryQueueProducer() override { cell_->Set(nullptr); }

  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override {
    return producer_.Publish(messages, first_token);
  }
  void Poll(ProducerHandler& handler) override {
    Now();
    noting_.TakeSomething();
    noting_.SetPolling(true);
    producer_.Poll(handler);
    noting_.SetPolling(false);
  }
  MonotonicTime NextTimer() const override {
    if (noting_.Something()) return now_;
    return std::min(producer_.NextTimer(), core_.Timer());
  }
  absl::Status Close(ProducerHandler& handler, MonotonicTime deadline) override {
    Poll(handler);
    return producer_.Close(handler, deadline);
  }

 private:
  void Now() {
    now_ = std::max(now_, core_.clock.Now());
    core_.AdvanceTo(now_);
    producer_.Advance(now_);
  }

  Core& core_;
  const std::shared_ptr<WakeCell> cell_;
  NotingWaker noting_;
  MonotonicTime now_;
  QueueProducer producer_;
};

}  // namespace

std::unique_ptr<ConsumerDriver> MakeQueueConsumer(Core& core, const ConsumerOptions& options,
                                                  const std::vector<QueueTopic>& topics,
                                                  const QueueConsumerOptions& queue_options, Waker& waker,
                                                  std::function<void()> gone) {
  return std::make_unique<MemoryQueueConsumer>(core, options, topics, queue_options, waker, std::move(gone));
}

std::unique_ptr<ProducerDriver> MakeQueueProducer(Core& core, const std::vector<QueueTopic>& topics,
                                                  const QueueProducerOptions& queue_options, Waker& waker) {
  return std::make_unique<MemoryQueueProducer>(core, topics, queue_options, waker);
}

std::unique_ptr<QueueLink> MakePolledLink(Core& core) { return std::make_unique<PolledLink>(core); }

}  // namespace millrace::bus
