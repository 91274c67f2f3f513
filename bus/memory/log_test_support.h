// For tests of the log client: a hand-advanced clock, recording handlers, a link with a delay that can be cut, and
// instances with all they need.
#ifndef MILLRACE_BUS_MEMORY_LOG_TEST_SUPPORT_H_
#define MILLRACE_BUS_MEMORY_LOG_TEST_SUPPORT_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/log_broker.h"
#include "bus/memory/log_client.h"

namespace millrace::bus::log_testing {

class CountingWaker : public Waker {
 public:
  void Wake() override { ++wakes; }
  int wakes = 0;
};

struct Got {
  Holding holding;
  int64_t offset = 0;
  std::string body;
};

// Keeps everything it is told; holds what it was given as a careful user would.
class Recorder : public ConsumerHandler {
 public:
  void OnAssigned(std::span<const Assignment> assignments) override {
    for (const Assignment& a : assignments) {
      held[a.holding.partition] = a;
      log.push_back("assigned " + Name(a.holding));
    }
  }
  void OnRevoking(std::span<const Holding> holdings, MonotonicTime at) override {
    deadline = at;
    for (const Holding& h : holdings) {
      revoking.push_back(h);
      log.push_back("revoking " + Name(h));
    }
    if (on_revoking) on_revoking(holdings);
  }
  void OnLost(std::span<const Holding> holdings) override {
    for (const Holding& h : holdings) {
      held.erase(h.partition);
      std::erase(revoking, h);
      log.push_back("lost " + Name(h));
    }
  }
  void OnDelivered(const DeliveryBatch& batch) override {
    batches.push_back(batch.deliveries.size());
    for (const Delivery& d : batch.deliveries) {
      got.push_back({batch.holding, d.offset, std::string(d.message.body.value_or("-"))});
    }
    if (on_batch) on_batch(batch);
  }
  void OnNoted(Holding holding, const absl::Status& status) override { noted.emplace_back(holding, status); }
  void OnTrouble(const absl::Status& status) override { troubles.push_back(status); }
  void OnDataLoss(const DataLoss& loss) override {
    losses.push_back(loss);
    OnTrouble(loss.status);
  }

  static std::string Name(const Holding& h) {
    return std::to_string(h.partition.topic) + "/" + std::to_string(h.partition.number);
  }
  std::vector<std::string> Bodies() const {
    std::vector<std::string> bodies;
    for (const Got& g : got) bodies.push_back(g.body);
    return bodies;
  }
  std::vector<int32_t> Numbers() const {
    std::vector<int32_t> numbers;
    for (const auto& [partition, assignment] : held) numbers.push_back(partition.number);
    return numbers;
  }

  std::map<Partition, Assignment> held;
  std::vector<Holding> revoking;
  MonotonicTime deadline;
  std::vector<Got> got;
  std::vector<size_t> batches;
  std::vector<std::pair<Holding, absl::Status>> noted;
  std::vector<absl::Status> troubles;  // losses too
  std::vector<DataLoss> losses;
  std::vector<std::string> log;
  std::function<void(const DeliveryBatch&)> on_batch;
  std::function<void(std::span<const Holding>)> on_revoking;
};

// Requests and events wait until Pass; Cut loses them, and the broker learns of it (or does not: half_open).
class SlowLink : public LogLink {
 public:
  SlowLink(LogBroker& broker, Waker& waker) : link_(broker, waker) {}
  void Connect(MonotonicTime now) override {
    link_.Connect(now);
    up_ = true;
  }
  void Send(const LogRequest& request, MonotonicTime) override {
    if (up_) requests_.emplace_back(request);
  }
  size_t Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                 MonotonicTime now) override {
    return link_.Produce(topics, messages, first_token, now);
  }
  void Drop(MonotonicTime now) override {
    up_ = false;
    requests_.clear();
    arrived_.clear();
    link_.Drop(now);
  }
  void Receive(std::vector<LogEvent>& events) override { events = std::exchange(arrived_, {}); }

  // Up to `requests` of the waiting requests reach the broker, then what it has to say comes here.
  void Pass(size_t requests, MonotonicTime now) {
    for (; requests > 0 && !requests_.empty(); --requests) {
      link_.Send(requests_.front().View(), now);
      requests_.pop_front();
    }
    std::vector<LogEvent> events;
    link_.Receive(events);
    for (LogEvent& event : events) arrived_.push_back(std::move(event));
  }
  // The connection breaks; answers on their way are lost. `error`: as the broker has ended a producer's session.
  void Cut(MonotonicTime now, LogError error = LogError::kNone) {
    if (!up_) return;
    up_ = false;
    requests_.clear();
    arrived_.clear();
    link_.Drop(now);
    arrived_.push_back({.kind = LogEventKind::kDisconnected, .error = error});
  }

 private:
  LogDirectLink link_;
  bool up_ = false;
  std::deque<StoredLogRequest> requests_;
  std::vector<LogEvent> arrived_;
};

// One consumer with its recorder.
class Member {
 public:
  Member(LogBroker& broker, ConsumerOptions options, MonotonicTime now, LogConsumerOptions log_options = {}) {
    consumer = std::make_unique<LogConsumer>(options, log_options, std::make_unique<LogDirectLink>(broker, waker), now);
  }
  void Poll(MonotonicTime now) {
    consumer->Advance(now);
    consumer->Poll(recorder);
  }
  // Gives back at once what is being taken away.
  void ReleaseAll() {
    for (const Holding& h : std::exchange(recorder.revoking, {})) {
      recorder.held.erase(h.partition);
      consumer->Release(h);
    }
  }
  void Settle(Holding holding, int64_t next) {
    consumer->Settle(
        {.holding = holding, .ranges = {}, .next = static_cast<uint64_t>(next), .has_note = false, .note = {}});
  }
  void SettleWithNote(Holding holding, int64_t next, std::string_view note) {
    consumer->Settle(
        {.holding = holding, .ranges = {}, .next = static_cast<uint64_t>(next), .has_note = true, .note = note});
  }
  void SettleBatches() {
    recorder.on_batch = [this](const DeliveryBatch& batch) {
      Settle(batch.holding, batch.deliveries.back().offset + 1);
    };
  }
  Holding HoldingOf(int32_t number, int32_t topic = 0) const { return recorder.held.at({topic, number}).holding; }

  CountingWaker waker;
  Recorder recorder;
  std::unique_ptr<LogConsumer> consumer;
};

class ConfirmRecorder : public ProducerHandler {
 public:
  void OnConfirmed(const Confirm& confirm) override { confirms.push_back(confirm); }
  void OnWritable() override { ++writable; }
  std::vector<Confirm> confirms;
  int writable = 0;
};

}  // namespace millrace::bus::log_testing

#endif  // MILLRACE_BUS_MEMORY_LOG_TEST_SUPPORT_H_
