// Exactly once from the stage to the broker: production's instances and log clients over links that take their time, in
// virtual time, while instances die, stand still past every time-out, and come back, connections break with requests
// still on their way, the broker restarts and its coordinator goes away.
//
// In the end readers of committed data have seen each output once, in the order of its key, and everything is settled.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/log_client.h"
#include "bus/random.h"
#include "stages/executor.h"
#include "stages/instance.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int32_t kPartitions = 3;
constexpr int kMessages = 150;
constexpr size_t kSlots = 3;

class Nobody : public bus::Waker {
 public:
  void Wake() override {}
};

// One connection: what is on its way in both directions. What the client has sent arrives though the client is gone.
struct Wire {
  struct Payload {
    MonotonicTime at;
    bool produce = false;
    bus::StoredLogRequest request;
    std::vector<int32_t> topics;
    std::vector<bus::Outgoing> messages;
    std::vector<std::string> bytes;
    uint64_t first_token = 0;
  };
  struct Arrival {
    MonotonicTime at;
    bus::LogEvent event;
  };
  bus::LogConnectionId id = 0;
  size_t slot = 0;
  std::deque<Payload> out;
  std::deque<Arrival> in;
  MonotonicTime last_out, last_in;
  bool client_gone = false;
};

class Net : public Clock {
 public:
  explicit Net(uint64_t seed) : random(seed) {}
  MonotonicTime Now() const override { return now; }
  WallTime Wall() const override { return {now.ns + 1'700'000'000'000'000'000}; }

  uint64_t Draw(uint64_t most) { return random.Below(1, {++draws}, most); }
  MonotonicTime Later(MonotonicTime last) { return std::max(last, now + milliseconds(Draw(8))); }

  std::shared_ptr<Wire> Open(size_t slot) {
    wires.push_back(std::make_shared<Wire>());
    wires.back()->slot = slot;
    wires.back()->id = broker.Open(nobody, now);
    return wires.back();
  }
  void Pump() {
    broker.Advance(now);
    for (size_t w = 0; w < wires.size(); ++w) {
      Wire& wire = *wires[w];
      while (!wire.out.empty() && wire.out.front().at <= now) {
        Wire::Payload& payload = wire.out.front();
        if (payload.produce) {
          broker.Produce(wire.id, payload.topics, payload.messages, payload.first_token);
        } else {
          broker.Receive(wire.id, payload.request.View(), now);
        }
        wire.out.pop_front();
      }
      std::vector<bus::LogEvent> events;
      broker.TakeEvents(wire.id, events);
      for (bus::LogEvent& event : events) {
        if (wire.client_gone) break;
        wire.last_in = Later(wire.last_in);
        wire.in.push_back({wire.last_in, std::move(event)});
      }
      if (wire.client_gone && wire.out.empty()) {
        broker.Drop(wire.id, now);
        wires.erase(wires.begin() + static_cast<ptrdiff_t>(w--));
      }
    }
  }
  // The connections of a slot break; what they have sent arrives, late, or never does.
  void Cut(size_t slot) {
    for (const std::shared_ptr<Wire>& wire : wires) {
      if (wire->slot != slot || wire->client_gone || Draw(2) == 0) continue;
      Abandon(*wire);
      bus::LogEvent event;
      event.kind = bus::LogEventKind::kDisconnected;
      wire->in.push_back({now, std::move(event)});
    }
  }
  void Abandon(Wire& wire) {
    wire.client_gone = true;
    wire.in.clear();
    if (Draw(3) == 0) wire.out.clear();
    const Duration late = milliseconds(Draw(3) == 0 ? Draw(12'000) : 0);
    for (Wire::Payload& payload : wire.out) payload.at = payload.at + late;
  }

  bus::LogBroker broker{{}};
  Nobody nobody;
  Random random;
  uint64_t draws = 0;
  MonotonicTime now{1'000'000'000};
  std::vector<std::shared_ptr<Wire>> wires;
};

class Link : public bus::LogLink {
 public:
  Link(Net& net, size_t slot) : net_(net), slot_(slot) {}
  ~Link() override { Drop(net_.now); }

  void Connect(MonotonicTime) override { wire_ = net_.Open(slot_); }
  void Send(const bus::LogRequest& request, MonotonicTime) override {
    if (wire_ == nullptr || wire_->client_gone) return;
    Wire::Payload payload;
    payload.request.Assign(request);
    Push(std::move(payload));
  }
  size_t Produce(std::span<const int32_t> topics, std::span<const bus::Outgoing> messages, uint64_t first_token,
                 MonotonicTime) override {
    if (wire_ == nullptr || wire_->client_gone) return 0;
    Wire::Payload payload;
    payload.produce = true;
    payload.topics.assign(topics.begin(), topics.end());
    payload.messages.assign(messages.begin(), messages.end());
    payload.bytes.reserve(3 * messages.size());
    payload.first_token = first_token;
    for (bus::Outgoing& out : payload.messages) {
      const auto keep = [&](std::string_view bytes) { return std::string_view(payload.bytes.emplace_back(bytes)); };
      if (out.message.key) out.message.key = keep(*out.message.key);
      if (out.message.body) out.message.body = keep(*out.message.body);
      out.message.headers = bus::Headers(keep(out.message.headers.block()));
    }
    Push(std::move(payload));
    return messages.size();
  }
  void Drop(MonotonicTime) override {
    if (wire_ == nullptr) return;
    if (!wire_->client_gone) net_.Abandon(*wire_);
    wire_ = nullptr;
  }
  void Receive(std::vector<bus::LogEvent>& events) override {
    events.clear();
    while (wire_ != nullptr && !wire_->in.empty() && wire_->in.front().at <= net_.now) {
      events.push_back(std::move(wire_->in.front().event));
      wire_->in.pop_front();
    }
  }

 private:
  void Push(Wire::Payload payload) {
    payload.at = wire_->last_out = net_.Later(wire_->last_out);
    wire_->out.push_back(std::move(payload));
  }

  Net& net_;
  const size_t slot_;
  std::shared_ptr<Wire> wire_;
};

// Tells a client the time before each call.
class Consumer final : public bus::ConsumerDriver {
 public:
  Consumer(Net& net, const bus::ConsumerOptions& options, size_t slot)
      : net_(net), inner_(options, {}, std::make_unique<Link>(net, slot), net.now) {}
  void Poll(bus::ConsumerHandler& handler) override { Now().Poll(handler); }
  MonotonicTime NextTimer() const override { return inner_.NextTimer(); }
  void Settle(const struct bus::Settle& settle) override { Now().Settle(settle); }
  void Flow(bus::Holding holding, bool on) override { Now().Flow(holding, on); }
  void Release(bus::Holding holding) override { Now().Release(holding); }
  bus::TransactionOffsets Prepare(std::span<const struct bus::Settle> settles) override {
    return Now().Prepare(settles);
  }
  absl::Status Close(MonotonicTime deadline) override { return Now().Close(deadline); }

 private:
  bus::LogConsumer& Now() {
    inner_.Advance(net_.now);
    return inner_;
  }
  Net& net_;
  bus::LogConsumer inner_;
};

class Producer final : public bus::ProducerDriver {
 public:
  Producer(Net& net, const bus::ProducerOptions& options, size_t slot)
      : net_(net),
        inner_(options.topics, {.transaction = options.transaction}, std::make_unique<Link>(net, slot), net.now) {}
  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override {
    return Now().Publish(messages, first_token);
  }
  void Poll(bus::ProducerHandler& handler) override { Now().Poll(handler); }
  MonotonicTime NextTimer() const override { return inner_.NextTimer(); }
  void Commit(const bus::TransactionOffsets& offsets) override { Now().Commit(offsets); }
  void Abort() override { Now().Abort(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime deadline) override {
    return Now().Close(handler, deadline);
  }

 private:
  bus::LogProducer& Now() {
    inner_.Advance(net_.now);
    return inner_;
  }
  Net& net_;
  bus::LogProducer inner_;
};

class SlowBus : public bus::Bus {
 public:
  SlowBus(Net& net, size_t slot) : net_(net), slot_(slot) {
    capabilities_.backend = "slow log";
    capabilities_.transactions = capabilities_.notes = capabilities_.gapless_publish = true;
  }
  const bus::Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Apply(const bus::Topology&) override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> OpenConsumer(const bus::ConsumerOptions& options,
                                                                    bus::Waker&) override {
    return std::make_unique<Consumer>(net_, options, slot_);
  }
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> OpenProducer(const bus::ProducerOptions& options,
                                                                    bus::Waker&) override {
    return std::make_unique<Producer>(net_, options, slot_);
  }
  absl::StatusOr<std::vector<bus::PartitionLag>> Lag(const std::string&, const std::string&) override {
    return std::vector<bus::PartitionLag>();
  }

 private:
  Net& net_;
  const size_t slot_;
  bus::Capabilities capabilities_;
};

class NoSpool : public stages::Spool {
 public:
  absl::Status Keep(std::string_view, std::string_view) override { return absl::OkStatus(); }
};

bool Poison(const std::string& body) { return body.ends_with("!"); }
bool Twofold(const std::string& body) { return body.ends_with("4") || body.ends_with("7"); }

class FlakyStage : public stages::Stage {
 public:
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    const std::string body(message.body.value_or(""));
    if (Poison(body)) return absl::InvalidArgumentError("poison");
    if (body.ends_with("3") && context.attempt() < 2) return absl::InternalError("flaky");
    absl::Status emitted = outputs.Emit({.to = {}, .body = message.body});
    if (Twofold(body)) emitted.Update(outputs.Emit({.to = {}, .key = "second of " + body, .body = body + "+"}));
    return emitted;
  }
};

// One living process.
struct Process {
  Process(Net& net, size_t slot) : bus(net, slot), pool(64 << 10) {
    stages::InstanceConfig config;
    config.worker.stage = "flaky";
    config.worker.inputs = {"in"};
    config.worker.topic_partitions = {2, 1};
    config.worker.dead_letter = {.name = "dead", .topic = 1, .partitions = 1};
    config.worker.batch = 4;
    config.worker.window_messages = 16;
    config.worker.exactly_once = true;
    config.worker.retry.backoff_initial = milliseconds(20);
    config.worker.retry.suspect_after_starts = 1'000'000;  // deaths here are not the messages' fault
    config.consumer.group = "flaky";
    config.consumer.topics = {"in"};
    config.consumer.instance = "slot-" + std::to_string(slot);
    config.consumer.batch_max = 5;
    config.consumer.session_timeout = seconds(6);
    config.consumer.heartbeat_interval = milliseconds(500);
    config.consumer.revoke_timeout = seconds(2);
    config.producer = {.name = config.consumer.instance, .topics = {"out", "dead"}};
    // Shorter and longer than a session.
    config.producer.transaction.timeout = seconds(net.Draw(2) == 0 ? 2 : 15);
    config.spool = &spool;
    config.make_executor = [this, &net](stages::AttemptReporter* reporter) {
      stages::AttemptRunner::Config runner;
      runner.outputs.stage = "flaky";
      runner.outputs.source = "/test/flaky";
      runner.outputs.outputs = {{.name = "out", .topic = 0, .partitions = 2}};
      runner.inputs = {"in"};
      return stages::MakeInlineExecutor(
          std::make_unique<stages::AttemptRunner>(runner, std::make_unique<FlakyStage>(), nullptr, &pool, &net),
          reporter);
    };
    instance = std::make_unique<stages::Instance>(std::move(config), &bus, &net);
    opened = instance->Open().ok();
  }
  SlowBus bus;
  NoSpool spool;
  bus::SegmentPool pool;
  std::unique_ptr<stages::Instance> instance;
  bool opened = false;
  MonotonicTime stands_until;  // it is not run before
};

struct Counts {
  uint64_t deaths = 0, stops = 0, cuts = 0;
};

class World {
 public:
  explicit World(uint64_t seed) : net(seed) {
    in = *net.broker.CreateTopic({.name = "in", .partitions = kPartitions, .groups = {"flaky"}, .keep = true});
    out = *net.broker.CreateTopic({.name = "out", .partitions = 2, .groups = {"reader"}, .keep = true});
    dead = *net.broker.CreateTopic({.name = "dead", .partitions = 1, .groups = {"undertaker"}, .keep = true});
    processes.resize(kSlots);
  }

  // One more message; every fifth has a gap behind it, as markers leave them.
  void Feed() {
    if (fed == kMessages) return;
    const std::string key = "k" + std::to_string(fed % 9);
    const std::string body = "m" + std::to_string(fed) + (fed % 13 == 12 ? "!" : "");
    const int32_t p = bus::PartitionOfKey(key, kPartitions);
    std::string headers;
    bus::HeaderBuilder(&headers).Add("ce_id", body);
    net.broker.Append({in, p}, {.key = key, .body = body, .headers = bus::Headers(headers)});
    keys[body] = key;
    if (fed++ % 5 == 0) net.broker.AppendGap({in, p}, 1);
  }

  void Turn(bool faults) {
    net.now = net.now + milliseconds(1 + net.Draw(10));
    if (faults) Fault();
    for (uint64_t n = !faults ? 1 : net.Draw(40) == 0 ? 8 : 0; n > 0; --n) Feed();
    for (size_t slot = 0; slot < kSlots; ++slot) {
      std::unique_ptr<Process>& process = processes[slot];
      if (process == nullptr && (!faults || net.now >= down_until[slot]))
        process = std::make_unique<Process>(net, slot);
      Run(process);
    }
    for (std::unique_ptr<Process>& zombie : zombies) Run(zombie);
    if (!faults) zombies.clear();
    net.Pump();
  }
  void Run(std::unique_ptr<Process>& process) {
    if (process == nullptr || process->stands_until > net.now) return;
    for (int i = 0; i < 4 && process->instance->Turn(); ++i) net.Pump();
  }

  void Fault() {
    const uint64_t kind = net.Draw(1000);
    const size_t slot = net.Draw(kSlots);
    std::unique_ptr<Process>& process = processes[slot];
    if (kind < 4) {
      process.reset();
      // Sometimes for longer than a session: others take over before its heir ends what it has left open.
      down_until[slot] = net.now + milliseconds(net.Draw(3) == 0 ? net.Draw(15'000) : net.Draw(300));
      ++counts.deaths;
    } else if (kind < 8 && process != nullptr) {
      process->stands_until = net.now + milliseconds(500 + net.Draw(10'000));
      ++counts.stops;
    } else if (kind < 10 && process != nullptr && zombies.size() < 2) {
      // Another takes its place, under the same transactional id, while it stands; then it comes back.
      process->stands_until = net.now + milliseconds(net.Draw(9000));
      zombies.push_back(std::move(process));
    } else if (kind < 16) {
      net.Cut(slot);
      ++counts.cuts;
    } else if (kind < 17) {
      net.broker.Stop();
      net.Pump();
      net.broker.Start(net.now);
    } else if (kind < 19) {
      net.broker.SetCoordinator(net.Draw(2) == 0, net.now);
    } else if (kind < 20 && !zombies.empty()) {
      zombies.erase(zombies.begin());
    } else if (kind < 22) {
      net.broker.RefuseNext(out, 1 + net.Draw(3));
    } else if (kind < 60) {
      net.now = net.now + milliseconds(net.Draw(400));
    }
  }

  // Whether everything is settled, and no transaction that somebody dead has left holds readers back.
  bool Ended() const {
    if (!Settled()) return false;
    for (size_t slot = 0; slot < kSlots; ++slot) {
      if (net.broker.InTransaction("flaky.slot-" + std::to_string(slot))) return false;
    }
    return true;
  }
  bool Settled() const {
    if (fed < kMessages) return false;
    for (int32_t p = 0; p < kPartitions; ++p) {
      if (net.broker.CommittedFrom({in, p}, net.broker.SettledUpTo("flaky", {in, p})) > 0) return false;
    }
    return true;
  }
  std::vector<std::pair<std::string, std::string>> Seen(int32_t topic) const {
    std::vector<std::pair<std::string, std::string>> seen;
    for (int32_t p = 0; p < net.broker.Spec(topic).partitions; ++p) {
      for (int64_t at = 0, before = -1; at != before;) {
        before = at;
        const bus::LogPartition::Slice slice = net.broker.ReadCommitted({topic, p}, at, 1000);
        for (const bus::Delivery& d : slice.records) seen.emplace_back(d.message.key.value_or("-"), *d.message.body);
        at = slice.next;
      }
    }
    return seen;
  }
  uint64_t Aborted() const {
    uint64_t aborted = 0;
    for (int32_t p = 0; p < 2; ++p)
      aborted += net.broker.Log({out, p}).records() - net.broker.CommittedFrom({out, p}, 0);
    return aborted;
  }

  Net net;
  int32_t in = 0, out = 0, dead = 0;
  int fed = 0;
  std::map<std::string, std::string> keys;  // by body
  std::vector<std::unique_ptr<Process>> processes;
  std::vector<std::unique_ptr<Process>> zombies;
  MonotonicTime down_until[kSlots];
  Counts counts;
};

void Check(const World& world, const std::string& what) {
  std::map<std::string, int> passed, died;
  std::map<std::string, std::vector<int>> by_key;
  for (const auto& [key, body] : world.Seen(world.out)) {
    ++passed[body];
    if (!body.ends_with("+")) by_key[key].push_back(std::stoi(body.substr(1)));
  }
  for (const auto& [key, body] : world.Seen(world.dead)) ++died[body];
  for (const auto& [body, key] : world.keys) {
    EXPECT_EQ(passed[body], Poison(body) ? 0 : 1) << what << ": " << body;
    EXPECT_EQ(died[body], Poison(body) ? 1 : 0) << what << ": dead letters of " << body;
    EXPECT_EQ(passed[body + "+"], Twofold(body) ? 1 : 0) << what << ": " << body;
  }
  for (const auto& [key, numbers] : by_key)
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << what << ": order of key " << key;
}

TEST(ExactlyOnce, EachOutputIsSeenOnceWhateverBreaks) {
  Counts all;
  uint64_t aborted = 0;
  const uint64_t seeds = 300;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(seed);
    const std::string what = "seed " + std::to_string(seed);
    for (int turn = 0; turn < 1500 && !world.Settled(); ++turn) world.Turn(/*faults=*/true);
    world.net.broker.SetCoordinator(true, world.net.now);
    for (int turn = 0; turn < 20000 && !world.Ended(); ++turn) world.Turn(/*faults=*/false);
    std::string pending;
    for (const std::unique_ptr<Process>& process : world.processes) {
      if (process == nullptr) continue;
      for (const std::string& line : process->instance->Pending()) pending += line + "\n";
    }
    ASSERT_TRUE(world.Ended()) << what << " is stuck:\n" << pending;
    Check(world, what);
    if (testing::Test::HasFailure()) return;
    all.deaths += world.counts.deaths;
    all.stops += world.counts.stops;
    all.cuts += world.counts.cuts;
    aborted += world.Aborted();
  }
  // Else nothing was tried.
  EXPECT_GT(all.deaths, 2 * seeds);
  EXPECT_GT(all.stops, 2 * seeds);
  EXPECT_GT(all.cuts, 2 * seeds);
  EXPECT_GT(aborted, 2 * seeds) << "records of transactions that were aborted";
  std::cout << all.deaths << " deaths, " << all.stops << " stops, " << all.cuts << " cuts, " << aborted
            << " records aborted\n";
}

}  // namespace
}  // namespace millrace
