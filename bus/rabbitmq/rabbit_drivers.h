// Consumers and producers on a RabbitMQ server: the queue client of bus/memory on the caller's thread, over links with
// threads of their own.
//
// Threading: one thread at a time each, but for Depths. Ownership: clock and waker outlive them.
#ifndef MILLRACE_BUS_RABBITMQ_RABBIT_DRIVERS_H_
#define MILLRACE_BUS_RABBITMQ_RABBIT_DRIVERS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/driver.h"
#include "bus/memory/queue_consumer.h"
#include "bus/memory/queue_producer.h"
#include "bus/rabbitmq/amqp_link.h"
#include "bus/rabbitmq/waiting.h"

namespace millrace::bus {

class RabbitConsumer : public ConsumerDriver {
 public:
  // `gone` is called when the consumer is destroyed, with nothing of it usable any more from then on.
  RabbitConsumer(const AmqpOptions& connection, const ConsumerOptions& options, const std::vector<QueueTopic>& topics,
                 const QueueConsumerOptions& queue_options, const Clock& clock, Waker& waker,
                 std::function<void(RabbitConsumer*)> gone);
  ~RabbitConsumer() override;

  void Poll(ConsumerHandler& handler) override;
  MonotonicTime NextTimer() const override { return core_->NextTimer(); }
  void Settle(const struct Settle& settle) override;
  void Flow(Holding holding, bool on) override;
  void Release(Holding holding) override;
  absl::Status Close(MonotonicTime deadline) override;

  // Any thread: what there is in the queues of a topic, one for each partition; all kNotHeld where it reads no such
  // topic or group.
  std::vector<AmqpLink::Depth> Depths(const std::string& group, const std::string& topic, MonotonicTime deadline);

 private:
  void Advance() { core_->Advance(clock_.Now()); }
  void Flush();

  const std::string group_;
  const std::vector<QueueTopic> topics_;
  const Clock& clock_;
  const std::function<void(RabbitConsumer*)> gone_;
  WaitingWaker waker_;
  AmqpLink* link_ = nullptr;       // the core's
  AmqpLink* beat_link_ = nullptr;  // the core's
  std::unique_ptr<QueueConsumer> core_;
  bool polling_ = false;
};

class RabbitProducer : public ProducerDriver {
 public:
  RabbitProducer(const AmqpOptions& connection, const std::vector<QueueTopic>& topics,
                 const QueueProducerOptions& queue_options, const Clock& clock, Waker& waker);

  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override;
  void Poll(ProducerHandler& handler) override;
  MonotonicTime NextTimer() const override { return core_->NextTimer(); }
  absl::Status Close(ProducerHandler& handler, MonotonicTime deadline) override;

 private:
  const Clock& clock_;
  WaitingWaker waker_;
  AmqpLink* link_ = nullptr;  // the core's
  std::unique_ptr<QueueProducer> core_;
  bool polling_ = false;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_RABBIT_DRIVERS_H_
