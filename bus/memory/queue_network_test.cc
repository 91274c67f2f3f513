// Consumers and producer behind a network with delays, broken and half-open connections: what a simulator will do with
// the same seam.
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "bus/memory/queue_client.h"
#include "bus/memory/queue_test_support.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

using queue_testing::Apply;
using queue_testing::CountingWaker;
using queue_testing::RecordingConsumer;
using queue_testing::RecordingProducer;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The bytes under way between one client and the broker. Outlives the client: what it sent before its death arrives.
class Wire {
 public:
  explicit Wire(QueueBroker& broker) : broker_(broker) {}

  // Both directions stand still until healed; nothing is lost, as in TCP.
  bool cut = false;
  Duration delay = milliseconds(5);

  void Connect(MonotonicTime now) {
    ++generation_;
    up_.push_back({now + delay, generation_, Up::kOpen, std::nullopt});
  }
  void Send(const Request& request, MonotonicTime now) {
    up_.push_back({now + delay, generation_, Up::kRequest, StoredRequest(request)});
  }
  void Drop(MonotonicTime now) {
    up_.push_back({now + delay, generation_, Up::kDrop, std::nullopt});
    ++generation_;  // nothing of the old one is received any more
  }
  // Moves what is due.
  void Move(MonotonicTime now) {
    now_ = now;
    while (!cut && !up_.empty() && up_.front().due <= now) {
      Sent sent = std::move(up_.front());
      up_.pop_front();
      if (sent.kind == Up::kOpen) connections_[sent.generation] = broker_.Open(waker_, now);
      if (sent.kind == Up::kRequest) broker_.Receive(connections_[sent.generation], sent.request->View(), now);
      if (sent.kind == Up::kDrop) broker_.Drop(connections_[sent.generation], now);
    }
    for (const auto& [generation, id] : connections_) {
      std::vector<Event> events;
      broker_.TakeEvents(id, events);
      for (Event& event : events) down_.push_back({now + delay, generation, std::move(event)});
    }
  }
  void Receive(std::vector<Event>& events) {
    events.clear();
    while (!cut && !down_.empty() && down_.front().due <= now_) {
      if (down_.front().generation == generation_) events.push_back(std::move(down_.front().event));
      down_.pop_front();
    }
  }

 private:
  enum class Up { kOpen, kRequest, kDrop };
  struct Sent {
    MonotonicTime due;
    uint64_t generation = 0;
    Up kind = Up::kOpen;
    std::optional<StoredRequest> request;
  };
  struct Told {
    MonotonicTime due;
    uint64_t generation = 0;
    Event event;
  };
  QueueBroker& broker_;
  CountingWaker waker_;
  MonotonicTime now_;
  uint64_t generation_ = 0;
  std::map<uint64_t, ConnectionId> connections_;
  std::deque<Sent> up_;
  std::deque<Told> down_;
};

class WireLink : public QueueLink {
 public:
  explicit WireLink(Wire& wire) : wire_(wire) {}
  ~WireLink() override { wire_.Drop(last_); }
  void Connect(MonotonicTime now) override { wire_.Connect(last_ = now); }
  void Send(const Request& request, MonotonicTime now) override { wire_.Send(request, last_ = now); }
  void Drop(MonotonicTime now) override { wire_.Drop(last_ = now); }
  void Receive(std::vector<Event>& events) override { wire_.Receive(events); }

 private:
  Wire& wire_;
  MonotonicTime last_;
};

constexpr int32_t kPartitions = 4;

struct Process {
  RecordingConsumer handler;
  CountingWaker waker;
  Wire* wires[2] = {nullptr, nullptr};
  std::unique_ptr<QueueConsumer> consumer;
};

class NetworkTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  NetworkTest() : random(GetParam()), broker({.confirms = ConfirmStyle::kScattered, .heartbeat = seconds(2)}) {
    topology.topics = {{.name = "raw", .partitions = kPartitions, .groups = {"g"}}};
    EXPECT_TRUE(Apply(broker, topology).ok());
    topics = {QueueTopicOf(topology.topics[0])};
    session.heartbeat = seconds(2);
    session.salt = GetParam();
    producer_wire = NewWire();
    producer = std::make_unique<QueueProducer>(topics, QueueProducerOptions{.session = session, .window = 40},
                                               std::make_unique<WireLink>(*producer_wire), now);
  }

  Wire* NewWire() {
    wires.push_back(std::make_unique<Wire>(broker));
    wires.back()->delay = milliseconds(1 + random.Below(1, {wires.size()}, 60));
    return wires.back().get();
  }
  void Start(const std::string& name) {
    auto process = std::make_unique<Process>();
    for (Wire*& wire : process->wires) wire = NewWire();
    ConsumerOptions options;
    options.group = "g";
    options.topics = {"raw"};
    options.instance = name;
    options.prefetch = 7;
    QueueConsumerOptions queue_options;
    queue_options.session = session;
    queue_options.incarnation = ++incarnations;
    process->consumer =
        std::make_unique<QueueConsumer>(options, topics, queue_options, std::make_unique<WireLink>(*process->wires[0]),
                                        std::make_unique<WireLink>(*process->wires[1]), process->waker, now);
    Work(*process);
    processes[name] = std::move(process);
  }
  // Settles two of three deliveries at once; the rest comes back when the holding ends.
  void Work(Process& process) {
    process.handler.on_batch = [this, &process, incarnation = incarnations](const DeliveryBatch& batch) {
      for (const Delivery& d : batch.deliveries) {
        uint64_t& last = last_of[{incarnation, batch.holding.epoch}];
        const uint64_t number = std::stoull(std::string(*d.message.body));
        EXPECT_GT(number, last) << "order within a holding";
        last = number;
        if (!orderly && random.Below(2, {number, batch.holding.epoch}, 3) == 0) continue;
        const SettleRange range{d.sequence, d.sequence};
        settled.insert(number);
        process.consumer->Settle(
            {.holding = batch.holding, .ranges = {&range, 1}, .next = 0, .has_note = false, .note = {}});
      }
    };
  }
  void Step(Duration step) {
    now = now + step;
    for (const auto& wire : wires) wire->Move(now);
    broker.Tick(now);
    for (auto& [name, process] : processes) {
      if (paused.count(name) != 0) continue;
      process->consumer->Advance(now);
      process->consumer->Poll(process->handler);
      for (const Holding& holding : std::exchange(process->handler.revoking, {})) {
        process->handler.held.erase(holding.partition);
        process->consumer->Release(holding);
      }
    }
    producer->Advance(now);
    producer->Poll(producer_handler);
  }
  void Pass(Duration duration) {
    for (const MonotonicTime end = now + duration; now < end;) Step(milliseconds(10));
  }
  void Publish(int32_t partition) {
    const std::string body = std::to_string(token + 1);
    Outgoing out{.topic = 0, .partition = partition, .message = {}};
    out.message.body = body;
    producer->Advance(now);
    if (producer->Publish({&out, 1}, token + 1) == 1) ++token;
  }
  std::vector<int> Holders() const {
    std::vector<int> holders(kPartitions, 0);
    for (const auto& [name, process] : processes) {
      for (const auto& [partition, epoch] : process->handler.held) ++holders[static_cast<size_t>(partition.number)];
    }
    return holders;
  }
  void ExpectEachHeldOnce() {
    EXPECT_EQ(Holders(), std::vector<int>(kPartitions, 1));
    for (int32_t p = 0; p < kPartitions; ++p) {
      EXPECT_EQ(broker.Stats(WorkQueueName(topics[0], "g", p)).consumers, 1u) << p;
    }
  }

  Random random;
  MonotonicTime now;
  QueueBroker broker;
  Topology topology;
  std::vector<QueueTopic> topics;
  QueueSessionOptions session;
  std::vector<std::unique_ptr<Wire>> wires;
  std::map<std::string, std::unique_ptr<Process>> processes;
  std::set<std::string> paused;
  std::map<std::pair<uint64_t, Epoch>, uint64_t> last_of;  // by incarnation
  std::set<uint64_t> settled;
  bool orderly = false;
  uint64_t incarnations = 0;
  uint64_t token = 0;
  Wire* producer_wire = nullptr;
  RecordingProducer producer_handler;
  std::unique_ptr<QueueProducer> producer;
};

TEST_P(NetworkTest, ConvergesToOneOwnerEach) {
  for (const char* name : {"a", "b", "c"}) Start(name);
  Pass(seconds(5));
  ExpectEachHeldOnce();
}

TEST_P(NetworkTest, AHalfOpenOwnerIsReplacedWithinSeconds) {
  for (const char* name : {"a", "b"}) Start(name);
  orderly = true;
  Pass(seconds(5));
  for (Wire* wire : processes["a"]->wires) wire->cut = true;
  const MonotonicTime cut = now;
  const size_t before = settled.size();
  for (int32_t p = 0; p < kPartitions; ++p) Publish(p);
  while (settled.size() < before + kPartitions && now - cut < seconds(60)) Step(milliseconds(10));
  EXPECT_LT(now - cut, seconds(12)) << "heartbeats, then beats";
  EXPECT_EQ(processes["a"]->handler.held.size(), 0u) << "it knows that it lost them";
  for (Wire* wire : processes["a"]->wires) wire->cut = false;
  Pass(seconds(15));
  ExpectEachHeldOnce();
}

// It beats on, but what it consumes with is gone: it must not keep the others away.
TEST_P(NetworkTest, WhoCannotConsumeDoesNotOwn) {
  for (const char* name : {"a", "b"}) Start(name);
  orderly = true;
  Pass(seconds(5));
  processes["a"]->wires[0]->cut = true;
  for (int32_t p = 0; p < kPartitions; ++p) Publish(p);
  Pass(seconds(12));
  EXPECT_EQ(settled.size(), static_cast<size_t>(kPartitions));
  EXPECT_EQ(processes["b"]->handler.held.size(), static_cast<size_t>(kPartitions));
}

// A process that stands still beyond every time-out and wakes up again settles nothing that is not its own.
TEST_P(NetworkTest, AZombieHarmsNobody) {
  for (const char* name : {"a", "b"}) Start(name);
  orderly = true;
  Pass(seconds(5));
  paused.insert("a");
  for (int i = 0; i < 40; ++i) Publish(i % kPartitions);
  Pass(seconds(20));
  EXPECT_EQ(settled.size(), 40u) << "the other one has done it all";
  paused.clear();
  Pass(seconds(20));
  ExpectEachHeldOnce();
  uint64_t acked = 0;
  for (int32_t p = 0; p < kPartitions; ++p) acked += broker.Stats(WorkQueueName(topics[0], "g", p)).acked;
  EXPECT_EQ(acked, 40u);
}

TEST_P(NetworkTest, WhoDoesNotPollKeepsItsConnectionAlive) {
  Start("a");
  Pass(seconds(5));
  Process& a = *processes["a"];
  int lost = 0;
  a.handler.on_lost = [&](Holding) { ++lost; };
  EXPECT_EQ(a.consumer->held(), size_t{kPartitions});
  // Five times what the server waits for a silent client.
  for (const MonotonicTime end = now + seconds(20); now < end;) {
    now = now + milliseconds(100);
    for (auto& wire : wires) wire->Move(now);
    broker.Tick(now);
    a.consumer->Advance(now);
    a.consumer->KeepAlive();
    producer->Advance(now);
    producer->KeepAlive();
  }
  Pass(seconds(5));
  ExpectEachHeldOnce();
  EXPECT_EQ(lost, 0);
  EXPECT_TRUE(producer->connected());
}

TEST_P(NetworkTest, NothingIsLostThroughAnything) {
  const auto name_of = [](uint64_t i) { return std::string(1, static_cast<char>('a' + i)); };
  for (uint64_t step = 0; step < 300; ++step) {
    const std::string name = name_of(random.Below(3, {step}, 3));
    const bool alive = processes.count(name) != 0;
    switch (random.Below(4, {step}, 16)) {
      case 0:
      case 1:
        if (!alive) Start(name);
        break;
      case 2:
        if (alive) processes.erase(name);
        paused.erase(name);
        break;
      case 3:
        if (alive) processes[name]->consumer->StartClose();
        break;
      case 4:
        if (alive) processes[name]->wires[random.Below(5, {step}, 2)]->cut = random.Below(6, {step}, 2) == 0;
        break;
      case 5:
        if (!paused.erase(name) && alive) paused.insert(name);
        break;
      case 6:
        producer_wire->cut = random.Below(7, {step}, 3) == 0;
        break;
      case 7:
        if (random.Below(8, {step}, 3) == 0) broker.Stop(now);
        break;
      case 8:
      case 9:
        broker.Start(now);
        break;
      case 10:
        broker.SetAlarm(random.Below(9, {step}, 3) == 0, now);
        break;
      default:
        for (uint64_t i = random.Below(10, {step}, 10); i-- > 0;) {
          Publish(static_cast<int32_t>(random.Below(11, {step, i}, kPartitions)));
        }
    }
    Pass(milliseconds(static_cast<int64_t>(random.Below(12, {step}, 1500))));
    std::erase_if(processes, [&](const auto& entry) { return entry.second->consumer->closed(); });
  }
  broker.Start(now);
  broker.SetAlarm(false, now);
  paused.clear();
  for (const auto& wire : wires) wire->cut = false;
  for (auto& [name, process] : processes) process->consumer->StartClose();
  Pass(seconds(10));
  processes.clear();
  orderly = true;
  Start("z");
  Pass(seconds(30));
  ExpectEachHeldOnce();
  EXPECT_EQ(producer->outstanding(), 0u) << producer->Pending();
  for (uint64_t t = 1; t <= token; ++t) {
    ASSERT_EQ(producer_handler.answers[t].size(), 1u) << t;
    if (producer_handler.answers[t][0].ok()) {
      EXPECT_EQ(settled.count(t), 1u) << t << " was lost";
    }
  }
  for (int32_t p = 0; p < kPartitions; ++p) {
    const QueueStats stats = broker.Stats(WorkQueueName(topics[0], "g", p));
    EXPECT_EQ(stats.ready + stats.unacked, 0u) << processes["z"]->consumer->Pending();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, NetworkTest, ::testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace millrace::bus
