#include "bus/rabbitmq/rabbit_drivers.h"

#include <algorithm>
#include <utility>

#include "bus/rabbitmq/content_writer.h"

namespace millrace::bus {
namespace {

AmqpOptions Named(AmqpOptions options, const std::string& what) {
  options.connection_name += " " + what;
  return options;
}

std::unique_ptr<AmqpLink> LinkTo(const AmqpOptions& options, const Clock& clock, Waker& waker, AmqpLink** keep) {
  auto link = std::make_unique<AmqpLink>(options, clock, waker);
  *keep = link.get();
  return link;
}

// For a consumer that is leaving: nothing is told any more that would need an answer.
class NobodyListens final : public ConsumerHandler {
 public:
  void OnAssigned(std::span<const Assignment>) override {}
  void OnRevoking(std::span<const Holding>, MonotonicTime) override {}
  void OnLost(std::span<const Holding>) override {}
  void OnDelivered(const DeliveryBatch&) override {}
  void OnNoted(Holding, const absl::Status&) override {}
  void OnTrouble(const absl::Status&) override {}
};

}  // namespace

// ---------------------------------------------------------------- consuming

RabbitConsumer::RabbitConsumer(const AmqpOptions& connection, const ConsumerOptions& options,
                               const std::vector<QueueTopic>& topics, const QueueConsumerOptions& queue_options,
                               const Clock& clock, Waker& waker, std::function<void(RabbitConsumer*)> gone)
    : group_(options.group), topics_(topics), clock_(clock), gone_(std::move(gone)), waker_(&waker) {
  const std::string who = options.group + " " + options.instance;
  auto link = LinkTo(Named(connection, who), clock, waker_, &link_);
  auto beat_link = LinkTo(Named(connection, who + " beats"), clock, waker_, &beat_link_);
  core_ = std::make_unique<QueueConsumer>(options, topics, queue_options, std::move(link), std::move(beat_link), waker_,
                                          clock.Now());
}

RabbitConsumer::~RabbitConsumer() { gone_(this); }

void RabbitConsumer::Flush() {
  if (polling_) return;
  link_->Flush();
  beat_link_->Flush();
}

void RabbitConsumer::Poll(ConsumerHandler& handler) {
  Advance();
  polling_ = true;
  core_->Poll(handler);
  polling_ = false;
  Flush();
}

void RabbitConsumer::Settle(const struct Settle& settle) {
  core_->Settle(settle);
  link_->NoteSettled(core_->ChannelOf(settle.holding.partition), core_->SettledUnder(settle.holding));
  Flush();
}

void RabbitConsumer::Flow(Holding holding, bool on) { core_->Flow(holding, on); }

void RabbitConsumer::Release(Holding holding) {
  core_->Release(holding);
  Flush();
}

absl::Status RabbitConsumer::Close(MonotonicTime deadline) {
  NobodyListens nobody;
  Advance();
  core_->StartClose();
  for (;;) {
    Poll(nobody);
    if (core_->closed() || clock_.Now() >= deadline) break;
    waker_.WaitUntil(std::min(deadline, core_->NextTimer()), clock_);
  }
  const absl::Status status = core_->Close(deadline);
  Flush();
  return status;
}

std::vector<AmqpLink::Depth> RabbitConsumer::Depths(const std::string& group, const std::string& topic,
                                                    MonotonicTime deadline) {
  if (group != group_) return {};
  std::vector<AmqpLink::Probe> probes;
  for (size_t t = 0; t < topics_.size(); ++t) {
    if (topics_[t].name != topic) continue;
    for (int32_t p = 0; p < topics_[t].partitions; ++p) {
      probes.push_back(
          {.channel = core_->ChannelOf({static_cast<int32_t>(t), p}), .queue = WorkQueueName(topics_[t], group_, p)});
    }
  }
  if (probes.empty()) return {};
  return link_->Depths(probes, deadline);
}

// ---------------------------------------------------------------- publishing

RabbitProducer::RabbitProducer(const AmqpOptions& connection, const std::vector<QueueTopic>& topics,
                               const QueueProducerOptions& queue_options, const Clock& clock, Waker& waker)
    : clock_(clock), waker_(&waker) {
  auto link = LinkTo(connection, clock, waker_, &link_);
  core_ = std::make_unique<QueueProducer>(topics, queue_options, std::move(link), clock.Now());
}

size_t RabbitProducer::Publish(std::span<const Outgoing> messages, uint64_t first_token) {
  core_->Advance(clock_.Now());
  core_->SetHeadersBytesMax(HeadersBytesMax(link_->frame_max()));
  const size_t taken = core_->Publish(messages, first_token);
  if (!polling_) link_->Flush();
  return taken;
}

void RabbitProducer::Poll(ProducerHandler& handler) {
  core_->Advance(clock_.Now());
  polling_ = true;
  core_->Poll(handler);
  polling_ = false;
  link_->Flush();
}

absl::Status RabbitProducer::Close(ProducerHandler& handler, MonotonicTime deadline) {
  for (;;) {
    Poll(handler);
    if (core_->outstanding() == 0 || clock_.Now() >= deadline) break;
    waker_.WaitUntil(std::min(deadline, core_->NextTimer()), clock_);
  }
  const absl::Status status = core_->Close(handler, deadline);
  link_->Flush();
  return status;
}

}  // namespace millrace::bus
