// For tests of the queue client: recording handlers, links that can be cut in one direction, and instances with all
// they need.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_TEST_SUPPORT_H_
#define MILLRACE_BUS_MEMORY_QUEUE_TEST_SUPPORT_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/memory/queue_broker.h"
#include "bus/memory/queue_client.h"

namespace millrace::bus::queue_testing {

class CountingWaker : public Waker {
 public:
  void Wake() override { ++wakes; }
  int wakes = 0;
};

// What a test can do to a link between client and broker.
struct LinkFaults {
  bool mute = false;  // publishes don't arrive
  bool deaf = false;  // deliveries don't arrive
  // Sees, and may take away, each event (false: away).
  std::function<bool(const Event&)> event_filter = nullptr;
  std::function<void(const Request&)> request_tap = nullptr;
};

class FaultyLink : public QueueLink {
 public:
  FaultyLink(QueueBroker& broker, Waker& waker, LinkFaults& faults) : link_(broker, waker), faults_(faults) {}
  void Connect(MonotonicTime now) override { link_.Connect(now); }
  void Send(const Request& request, MonotonicTime now) override {
    if (faults_.request_tap) faults_.request_tap(request);
    if (faults_.mute && request.method == Method::kPublish) return;
    link_.Send(request, now);
  }
  bool Writable() const override { return link_.Writable(); }
  void Drop(MonotonicTime now) override { link_.Drop(now); }
  void Receive(std::vector<Event>& events) override {
    link_.Receive(events);
    std::erase_if(events, [this](const Event& event) {
      return (faults_.deaf && event.kind == EventKind::kDelivered) ||
             (faults_.event_filter && !faults_.event_filter(event));
    });
  }

 private:
  DirectLink link_;
  LinkFaults& faults_;
};

struct Got {
  Holding holding;
  uint64_t sequence = 0;
  uint32_t redeliveries = 0;
  std::string body;
};

// Keeps everything it is told, and settles at once where told to.
class RecordingConsumer : public ConsumerHandler {
 public:
  void OnAssigned(std::span<const Assignment> assignments) override {
    for (const Assignment& a : assignments) {
      held[a.holding.partition] = a.holding.epoch;
      log.push_back("assigned " + Name(a.holding));
    }
  }
  void OnRevoking(std::span<const Holding> holdings, MonotonicTime at) override {
    deadline = at;
    for (const Holding& h : holdings) {
      revoking.push_back(h);
      log.push_back("revoking " + Name(h));
    }
  }
  void OnLost(std::span<const Holding> holdings) override {
    for (const Holding& h : holdings) {
      held.erase(h.partition);
      std::erase(revoking, h);
      log.push_back("lost " + Name(h));
      if (on_lost) on_lost(h);
    }
  }
  void OnDelivered(const DeliveryBatch& batch) override {
    batches.push_back(batch.deliveries.size());
    for (const Delivery& d : batch.deliveries) {
      got.push_back({batch.holding, d.sequence, d.redeliveries, std::string(d.message.body.value_or("(none)"))});
    }
    if (on_batch) on_batch(batch);
  }
  void OnNoted(Holding, const absl::Status& status) override { noted.push_back(status); }
  void OnTrouble(const absl::Status& status) override { troubles.push_back(status); }
  void OnDataLoss(const DataLoss& loss) override {
    losses.push_back(loss);
    OnTrouble(loss.status);
  }

  static std::string Name(Holding h) {
    return std::to_string(h.partition.topic) + "/" + std::to_string(h.partition.number) + "@" + std::to_string(h.epoch);
  }
  std::vector<std::string> Bodies() const {
    std::vector<std::string> bodies;
    for (const Got& g : got) bodies.push_back(g.body);
    return bodies;
  }
  Holding HoldingOf(int32_t partition, int32_t topic = 0) const {
    const auto it = held.find({topic, partition});
    return it == held.end() ? Holding{} : Holding{it->first, it->second};
  }

  std::map<Partition, Epoch> held;
  std::vector<Holding> revoking;
  MonotonicTime deadline;
  std::vector<Got> got;
  std::vector<size_t> batches;
  std::vector<absl::Status> noted;
  std::vector<absl::Status> troubles;  // losses too
  std::vector<DataLoss> losses;
  std::vector<std::string> log;
  std::function<void(const DeliveryBatch&)> on_batch;
  std::function<void(Holding)> on_lost;
};

class RecordingProducer : public ProducerHandler {
 public:
  void OnConfirmed(const Confirm& confirm) override {
    ++confirms;
    for (uint64_t t = confirm.first; t < confirm.first + confirm.count; ++t) answers[t].push_back(confirm.status);
  }
  void OnWritable() override { ++writable; }

  // Of one token; Unknown with the number of answers in the message where there is not exactly one.
  absl::Status Of(uint64_t token) const {
    const auto it = answers.find(token);
    const size_t count = it == answers.end() ? 0 : it->second.size();
    return count == 1 ? it->second[0] : absl::UnknownError(std::to_string(count) + " answers");
  }

  std::map<uint64_t, std::vector<absl::Status>> answers;
  size_t confirms = 0;
  int writable = 0;
};

// One consumer with its handler, links and waker.
struct Instance {
  Instance(QueueBroker& broker, const ConsumerOptions& options, const std::vector<QueueTopic>& topics,
           const QueueConsumerOptions& queue_options, MonotonicTime now, LinkFaults beat_faults_at_start = {})
      : beat_faults(std::move(beat_faults_at_start)),
        consumer(std::make_unique<QueueConsumer>(
            options, topics, queue_options, std::make_unique<FaultyLink>(broker, waker, faults),
            std::make_unique<FaultyLink>(broker, waker, beat_faults), waker, now)) {}
  void Poll(MonotonicTime now) {
    consumer->Advance(now);
    consumer->Poll(handler);
  }
  void Settle(Holding holding, uint64_t first, uint64_t last) {
    const SettleRange range{first, last};
    consumer->Settle({.holding = holding, .ranges = {&range, 1}, .next = 0, .has_note = false, .note = {}});
  }
  void SettleEverything() {
    handler.on_batch = [this](const DeliveryBatch& batch) {
      Settle(batch.holding, batch.deliveries.front().sequence, batch.deliveries.back().sequence);
    };
  }

  LinkFaults faults;
  LinkFaults beat_faults;
  CountingWaker waker;
  RecordingConsumer handler;
  std::unique_ptr<QueueConsumer> consumer;
};

inline absl::Status Apply(QueueBroker& broker, const Topology& topology, MonotonicTime now = {}) {
  CountingWaker waker;
  QueueAdmin admin(std::make_unique<DirectLink>(broker, waker), {}, topology, now);
  for (int i = 0; i < 1000 && !admin.done(); ++i) admin.Poll(now);
  return admin.done() ? admin.status() : absl::UnknownError("not done");
}

}  // namespace millrace::bus::queue_testing

#endif  // MILLRACE_BUS_MEMORY_QUEUE_TEST_SUPPORT_H_
