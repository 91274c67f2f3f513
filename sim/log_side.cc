// The log broker and the network around it: production's clients over links that take their time.
#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/check.h"
#include "bus/memory/log_broker.h"
#include "bus/memory/log_client.h"
#include "sim/broker_side.h"
#include "sim/world.h"

namespace millrace::sim {
namespace {

using bus::LogError;
using bus::LogEvent;
using bus::LogEventKind;
using bus::LogMethod;
using bus::LogRequest;
using bus::Outgoing;

// What a socket's buffers take before Produce takes less than it is given.
constexpr size_t kInFlightMax = 1024;
constexpr size_t kSegmentBytes = 16 << 10;
constexpr uint64_t kRetransmitNs = 200'000'000;

class LogSide;

// Messages on their way to the broker, with bytes of their own.
struct Published {
  std::vector<int32_t> topics;
  std::vector<Outgoing> messages;
  std::vector<uint32_t> interned;
  std::string bytes;
  uint64_t first_token = 0;
  size_t done = 0;
  uint64_t refusals_seen = 0;  // of this connection, when they were sent
};

struct Packet {
  enum class Type : uint8_t { kOpen, kRequest, kProduce, kClose };
  Type type = Type::kOpen;
  int64_t at_ns = 0;
  std::unique_ptr<bus::StoredLogRequest> request;
  std::unique_ptr<Published> published;
};

struct Arriving {
  int64_t at_ns = 0;
  LogEvent event;
};

class Link;

struct Connection final : public bus::Waker {
  explicit Connection(LogSide& s) : side(s) {}
  void Wake() override;

  LogSide& side;
  Owner owner;
  uint32_t index = 0;
  uint64_t number = 0;
  Link* link = nullptr;  // the client's end; nullptr once it has let go
  bus::LogConnectionId id = 0;
  bool woken = false;
  bool broken = false;   // the client is being told that it is; nothing comes behind that
  bool stalled = false;  // the broker took less than it was given
  Direction out, in;
  std::deque<Packet> packets;
  std::deque<Arriving> arriving;
  uint64_t sent = 0, told = 0;
  size_t in_flight = 0;
  bool starved = false;
  uint64_t refusals = 0;       // by the broker
  uint64_t refusals_told = 0;  // that the client has heard of
  struct Refused {
    int32_t topic = 0, partition = 0;
    uint64_t number = 0;
  };
  std::vector<Refused> refused;  // the last refusal of each partition
};

class LogSide final : public BrokerSide {
 public:
  explicit LogSide(World& world);

  const bus::Capabilities& capabilities() const override { return capabilities_; }
  std::unique_ptr<SimConsumerCore> OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                bus::Waker& waker) override;
  std::unique_ptr<SimProducerCore> OpenProducer(const Owner& owner, const std::vector<std::string>& topics,
                                                bus::Waker& waker) override;
  uint32_t MessageOf(uint16_t topic, uint16_t partition, const bus::Delivery& delivery) override {
    return messages_[topic][partition][static_cast<size_t>(delivery.offset)];
  }
  void ToBroker(uint32_t connection) override;
  void ToClient(uint32_t connection) override;
  void Advance() override;
  int64_t DueNs() const override { return broker_.NextTimer().ns; }
  void Mended(uint32_t process) override;
  bool AllSettled() const override;
  void ForEachOn(uint16_t topic, const std::function<void(uint32_t)>& visit) override;

  void Reset(uint32_t process, bool broker_too) override;
  bool StopBroker() override;
  bool StartBroker() override;
  bool SetCoordinator(bool available) override;
  bool Refuse(uint16_t topic, int32_t partition, uint64_t count) override;
  bool Destroy(uint16_t topic, uint16_t partition, uint64_t count) override;
  bool Redeliver(uint16_t topic, uint16_t partition) override;

  // The links' side.
  Connection& Connect(const Owner& owner, Link* link);
  void Send(Connection& connection, Packet packet);
  void Woken(Connection& connection) { woken_.push_back(connection.index); }
  World& world() { return world_; }

 private:
  void Deliver(Connection& connection, Packet& packet);
  void OnRequest(Connection& connection, const LogRequest& request);
  void OnPublished(Connection& connection, Published& published);
  void PublishOneByOne(Connection& connection, Published& published);
  void Appended(const Owner* by, int32_t topic, int32_t partition, uint32_t message);
  void Pump();
  void Tell(Connection& connection, LogEvent event);
  void Break(Connection& connection);
  void NoteGenerations();
  bool Cut(const Connection& connection, bool to_broker) const;

  World& world_;
  bus::LogBroker broker_;
  bus::Capabilities capabilities_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint32_t> woken_;
  std::vector<LogEvent> events_;
  std::vector<std::vector<std::vector<uint32_t>>> messages_;  // by topic, partition, offset
  std::vector<int32_t> generations_;                          // by stage
  bool refusing_ = false;
};

void Connection::Wake() {
  if (woken) return;
  woken = true;
  side.Woken(*this);
}

// ---------------------------------------------------------------- the client's end

class Link final : public bus::LogLink {
 public:
  Link(LogSide& side, const Owner& owner) : side_(side), owner_(owner) {}
  ~Link() override { LetGo(); }

  void Connect(MonotonicTime) override {
    LetGo();
    connection_ = &side_.Connect(owner_, this);
    side_.Send(*connection_, {.type = Packet::Type::kOpen, .at_ns = 0, .request = nullptr, .published = nullptr});
  }
  void Send(const LogRequest& request, MonotonicTime) override {
    if (connection_ == nullptr) return;
    side_.Send(*connection_, {.type = Packet::Type::kRequest,
                              .at_ns = 0,
                              .request = std::make_unique<bus::StoredLogRequest>(request),
                              .published = nullptr});
  }
  size_t Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                 MonotonicTime) override;
  void Drop(MonotonicTime) override { LetGo(); }
  void Receive(std::vector<LogEvent>& events) override {
    events.clear();
    events.swap(inbox_);
  }

  void Arrived(LogEvent event) { inbox_.push_back(std::move(event)); }

 private:
  void LetGo() {
    inbox_.clear();
    if (connection_ == nullptr) return;
    connection_->link = nullptr;
    side_.Send(*connection_, {.type = Packet::Type::kClose, .at_ns = 0, .request = nullptr, .published = nullptr});
    connection_ = nullptr;
  }

  LogSide& side_;
  const Owner owner_;
  Connection* connection_ = nullptr;
  std::vector<LogEvent> inbox_;
};

size_t Link::Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                     MonotonicTime) {
  if (connection_ == nullptr) return 0;
  const size_t room = kInFlightMax - std::min(kInFlightMax, connection_->in_flight);
  const size_t taken = std::min(room, messages.size());
  connection_->starved = connection_->starved || taken < messages.size();
  if (taken == 0) return 0;
  auto published = std::make_unique<Published>();
  published->topics.assign(topics.begin(), topics.end());
  published->first_token = first_token;
  published->refusals_seen = connection_->refusals_told;
  size_t bytes = 0;
  for (const Outgoing& out : messages.subspan(0, taken)) bytes += out.message.Bytes();
  published->bytes.reserve(bytes);
  const auto keep = [&](std::string_view view) {
    const size_t at = published->bytes.size();
    published->bytes.append(view);
    return std::string_view(published->bytes).substr(at);
  };
  for (size_t i = 0; i < taken; ++i) {
    Outgoing copy = messages[i];
    if (copy.message.key.has_value()) copy.message.key = keep(*copy.message.key);
    if (copy.message.body.has_value()) copy.message.body = keep(*copy.message.body);
    copy.message.headers = bus::Headers(keep(copy.message.headers.block()));
    published->messages.push_back(copy);
    published->interned.push_back(side_.world().MessageOfToken(owner_, first_token + i));
  }
  connection_->in_flight += taken;
  side_.Send(*connection_,
             {.type = Packet::Type::kProduce, .at_ns = 0, .request = nullptr, .published = std::move(published)});
  return taken;
}

class Consumer final : public SimConsumerCore {
 public:
  Consumer(LogSide& side, const Owner& owner, const bus::ConsumerOptions& options,
           const bus::LogConsumerOptions& log_options, MonotonicTime now)
      : inner_(options, log_options, std::make_unique<Link>(side, owner), now) {}
  void Advance(MonotonicTime now) override { inner_.Advance(now); }
  void StartClose() override { inner_.StartClose(); }
  bool closed() const override { return inner_.closed(); }
  std::string Pending() const override { return inner_.Pending(); }
  void Poll(bus::ConsumerHandler& handler) override { inner_.Poll(handler); }
  MonotonicTime NextTimer() const override { return inner_.NextTimer(); }
  void Settle(const struct bus::Settle& settle) override { inner_.Settle(settle); }
  void Flow(bus::Holding holding, bool on) override { inner_.Flow(holding, on); }
  void Release(bus::Holding holding) override { inner_.Release(holding); }
  absl::Status Close(MonotonicTime deadline) override { return inner_.Close(deadline); }

 private:
  bus::LogConsumer inner_;
};

class Producer final : public SimProducerCore {
 public:
  Producer(LogSide& side, const Owner& owner, const std::vector<std::string>& topics, MonotonicTime now)
      : inner_(topics, {}, std::make_unique<Link>(side, owner), now) {}
  void Advance(MonotonicTime now) override { inner_.Advance(now); }
  size_t outstanding() const override { return inner_.outstanding(); }
  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override {
    return inner_.Publish(messages, first_token);
  }
  void Poll(bus::ProducerHandler& handler) override { inner_.Poll(handler); }
  MonotonicTime NextTimer() const override { return inner_.NextTimer(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime deadline) override {
    return inner_.Close(handler, deadline);
  }

 private:
  bus::LogProducer inner_;
};

// ---------------------------------------------------------------- the broker's end

LogSide::LogSide(World& world)
    : world_(world),
      broker_({.segment_bytes = kSegmentBytes, .segments_kept = 8, .groups = {}}),
      capabilities_(LogCapabilities()) {
  const bus::Topology& topology = world.subject().bus_topology();
  for (size_t t = 0; t < topology.topics.size(); ++t) {
    bus::TopicSpec spec = topology.topics[t];
    spec.keep = true;  // the history refers to what was settled too
    const absl::StatusOr<int32_t> id = broker_.CreateTopic(spec);
    MR_CHECK(id.ok() && *id == static_cast<int32_t>(t)) << id.status().ToString();
    messages_.emplace_back(static_cast<size_t>(spec.partitions));
  }
  generations_.resize(world.subject().topology().stages.size());
}

std::unique_ptr<SimConsumerCore> LogSide::OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                       bus::Waker&) {
  bus::LogConsumerOptions log;
  log.rebalance_timeout = Duration(world_.plan().timing.max_poll_interval_ns);
  log.auto_commit_interval = Duration(world_.options().auto_commit_ns);
  return std::make_unique<Consumer>(*this, owner, options, log, world_.Now());
}

std::unique_ptr<SimProducerCore> LogSide::OpenProducer(const Owner& owner, const std::vector<std::string>& topics,
                                                       bus::Waker&) {
  return std::make_unique<Producer>(*this, owner, topics, world_.Now());
}

Connection& LogSide::Connect(const Owner& owner, Link* link) {
  connections_.push_back(std::make_unique<Connection>(*this));
  Connection& connection = *connections_.back();
  connection.owner = owner;
  connection.index = static_cast<uint32_t>(connections_.size() - 1);
  connection.number = world_.NextConnection(owner.process);
  connection.link = link;
  return connection;
}

bool LogSide::Cut(const Connection& connection, bool to_broker) const {
  const Weather& weather = world_.WeatherOf(connection.owner.process);
  return to_broker ? weather.cut_to_broker : weather.cut_to_client;
}

void LogSide::Send(Connection& connection, Packet packet) {
  bool fresh = false;
  Weather& weather = world_.WeatherOf(connection.owner.process);
  int64_t latency = world_.Latency(connection.owner, connection.number, connection.sent++);
  if (weather.lose > 0) {
    --weather.lose;
    latency += kRetransmitNs;
  }
  packet.at_ns = connection.out.Send(world_.now_ns(), latency, &fresh);
  connection.packets.push_back(std::move(packet));
  if (fresh) world_.Schedule(connection.packets.back().at_ns, What::kToBroker, connection.index);
}

void LogSide::ToBroker(uint32_t index) {
  Connection& connection = *connections_[index];
  if (Cut(connection, true)) return;
  while (!connection.packets.empty() && connection.packets.front().at_ns <= world_.now_ns() && !connection.stalled) {
    Packet packet = std::move(connection.packets.front());
    connection.packets.pop_front();
    Deliver(connection, packet);
  }
  Pump();
}

void LogSide::Deliver(Connection& connection, Packet& packet) {
  const MonotonicTime now = world_.Now();
  switch (packet.type) {
    case Packet::Type::kOpen:
      connection.id = broker_.Open(connection, now);
      return;
    case Packet::Type::kRequest:
      return OnRequest(connection, packet.request->View());
    case Packet::Type::kProduce:
      OnPublished(connection, *packet.published);
      if (packet.published->done < packet.published->messages.size()) {
        connection.stalled = true;
        connection.packets.push_front(std::move(packet));
      }
      return;
    case Packet::Type::kClose:
      broker_.Drop(connection.id, now);
      return;
  }
}

void LogSide::OnRequest(Connection& connection, const LogRequest& request) {
  if (request.method != LogMethod::kCommit) {
    broker_.Receive(connection.id, request, world_.Now());
    if (request.method == LogMethod::kJoin || request.method == LogMethod::kSync || request.method == LogMethod::kLeave)
      NoteGenerations();
    return;
  }
  const auto committed = [&] {
    const bus::LogGroup* group = broker_.Group(request.group);
    return group == nullptr ? int64_t{-1} : group->CommittedOf(request.partition).offset;
  };
  const int64_t before = committed();
  broker_.Receive(connection.id, request, world_.Now());
  const int64_t after = committed();
  if (after == before) return;
  struct Record record = world_.RecordOf(Kind::kCommitted);
  record.stage = connection.owner.stage;
  record.topic = static_cast<uint16_t>(request.partition.topic);
  record.partition = static_cast<uint16_t>(request.partition.number);
  record.sequence = static_cast<uint64_t>(after);
  record.value = static_cast<uint64_t>(std::max<int64_t>(before, 0));
  world_.Record(record);
  world_.Progress();
}

void LogSide::Appended(const Owner* by, int32_t topic, int32_t partition, uint32_t message) {
  std::vector<uint32_t>& log = messages_[static_cast<size_t>(topic)][static_cast<size_t>(partition)];
  struct Record record = world_.RecordOf(Kind::kAppended);
  if (by != nullptr && by->process != Surface::kFeed) {
    record.process = static_cast<uint16_t>(by->process);
    record.incarnation = by->incarnation;
    record.stage = by->stage;
  }
  record.message = message;
  record.topic = static_cast<uint16_t>(topic);
  record.partition = static_cast<uint16_t>(partition);
  record.sequence = log.size();
  world_.Record(record);
  log.push_back(message);
  world_.recorder().CountBrokerEvents(1);
}

void LogSide::OnPublished(Connection& connection, Published& published) {
  if (refusing_ || !connection.refused.empty()) return PublishOneByOne(connection, published);
  const std::span<const Outgoing> rest = std::span<const Outgoing>(published.messages).subspan(published.done);
  const size_t taken = broker_.Produce(connection.id, published.topics, rest, published.first_token + published.done);
  for (size_t i = 0; i < taken; ++i) {
    Appended(&connection.owner, published.topics[static_cast<size_t>(rest[i].topic)], rest[i].partition,
             published.interned[published.done + i]);
  }
  if (taken > 0) world_.Progress();
  // A connection that the broker does not know (any more) takes nothing, and waits for nothing.
  published.done = taken == 0 && !broker_.Knows(connection.id) ? published.messages.size() : published.done + taken;
}

// As an idempotent producer's broker: behind a refused message, later ones of its partition are refused too (their sequence
// numbers do not fit), until the client has heard of it.
void LogSide::PublishOneByOne(Connection& connection, Published& published) {
  for (; published.done < published.messages.size(); ++published.done) {
    const Outgoing& out = published.messages[published.done];
    const int32_t topic = published.topics[static_cast<size_t>(out.topic)];
    const uint64_t token = published.first_token + published.done;
    const auto last = std::find_if(connection.refused.begin(), connection.refused.end(),
                                   [&](const auto& r) { return r.topic == topic && r.partition == out.partition; });
    const bool out_of_sequence = last != connection.refused.end() && last->number > published.refusals_seen;
    if (out_of_sequence && broker_.RefusalsLeft(topic) == 0) broker_.RefuseNext(topic, 1);
    const int64_t end = broker_.Log({topic, out.partition}).end();
    const size_t taken = broker_.Produce(connection.id, published.topics, std::span(&out, 1), token);
    if (taken == 0) {
      if (broker_.Knows(connection.id)) return;  // no room; goes on when there is
      continue;
    }
    if (broker_.Log({topic, out.partition}).end() > end) {
      Appended(&connection.owner, topic, out.partition, published.interned[published.done]);
      world_.Progress();
      continue;
    }
    const uint64_t number = ++connection.refusals;
    if (last == connection.refused.end()) {
      connection.refused.push_back({topic, out.partition, number});
    } else {
      last->number = number;
    }
  }
}

void LogSide::Pump() {
  // Telling one connection may not wake another, but dropping one may.
  for (size_t i = 0; i < woken_.size(); ++i) {
    Connection& connection = *connections_[woken_[i]];
    connection.woken = false;
    broker_.TakeEvents(connection.id, events_);
    for (LogEvent& event : events_) Tell(connection, std::move(event));
    events_.clear();
  }
  woken_.clear();
}

void LogSide::Tell(Connection& connection, LogEvent event) {
  if (event.kind == LogEventKind::kWritable) {
    // The broker has room again: what waits in the socket goes on.
    if (std::exchange(connection.stalled, false)) world_.Schedule(world_.now_ns(), What::kToBroker, connection.index);
    return;
  }
  if (connection.link == nullptr || connection.broken) return;
  Weather& weather = world_.WeatherOf(connection.owner.process);
  if (event.kind == LogEventKind::kProduced && weather.lose_confirms > 0) {
    --weather.lose_confirms;
    broker_.Drop(connection.id, world_.Now());
    return Break(connection);
  }
  bool fresh = false;
  const int64_t latency = world_.Latency(connection.owner, connection.number, (uint64_t{1} << 32) + connection.told++);
  connection.broken = event.kind == LogEventKind::kDisconnected;
  const int64_t at = connection.in.Send(world_.now_ns(), latency, &fresh);
  connection.arriving.push_back({at, std::move(event)});
  if (fresh) world_.Schedule(at, What::kToClient, connection.index);
}

void LogSide::Break(Connection& connection) {
  connection.arriving.clear();
  connection.packets.clear();
  connection.broken = false;
  connection.stalled = false;
  LogEvent event;
  event.kind = LogEventKind::kDisconnected;
  Tell(connection, std::move(event));
}

void LogSide::ToClient(uint32_t index) {
  Connection& connection = *connections_[index];
  if (connection.link == nullptr || Cut(connection, false)) return;
  bool came = false;
  while (!connection.arriving.empty() && connection.arriving.front().at_ns <= world_.now_ns()) {
    LogEvent event = std::move(connection.arriving.front().event);
    connection.arriving.pop_front();
    if (event.kind == LogEventKind::kProduced) {
      connection.in_flight -= std::min<size_t>(connection.in_flight, event.count);
      if (event.error != LogError::kNone) connection.refusals_told += event.count;
    }
    connection.link->Arrived(std::move(event));
    came = true;
  }
  if (came && connection.starved && connection.in_flight <= kInFlightMax / 2) {
    connection.starved = false;
    LogEvent event;
    event.kind = LogEventKind::kWritable;
    connection.link->Arrived(std::move(event));
  }
  if (came) world_.Wake(connection.owner);
}

void LogSide::Advance() {
  broker_.Advance(world_.Now());
  NoteGenerations();
  Pump();
}

void LogSide::NoteGenerations() {
  const std::vector<StageInfo>& stages = world_.subject().topology().stages;
  for (size_t s = 0; s < stages.size(); ++s) {
    const bus::LogGroup* group = broker_.Group(stages[s].group);
    if (group == nullptr || group->generation() == generations_[s]) continue;
    generations_[s] = group->generation();
    struct Record record = world_.RecordOf(Kind::kMoved);
    record.stage = static_cast<uint16_t>(s);
    record.topic = stages[s].input;
    record.value = static_cast<uint64_t>(generations_[s]);
    world_.Record(record);
  }
}

void LogSide::Mended(uint32_t process) {
  for (const std::unique_ptr<Connection>& connection : connections_) {
    if (connection->owner.process != process) continue;
    if (!connection->packets.empty()) world_.Schedule(world_.now_ns(), What::kToBroker, connection->index);
    if (!connection->arriving.empty()) world_.Schedule(world_.now_ns(), What::kToClient, connection->index);
  }
}

bool LogSide::AllSettled() const {
  const Topology& topology = world_.subject().topology();
  for (size_t t = 0; t < topology.topics.size(); ++t) {
    for (uint16_t reader : topology.topics[t].readers) {
      for (int32_t p = 0; p < topology.topics[t].partitions; ++p) {
        const bus::Partition partition{static_cast<int32_t>(t), p};
        const int64_t end = broker_.Log(partition).end();
        if (end > broker_.SettledUpTo(topology.stages[reader].group, partition)) return false;
      }
    }
  }
  return true;
}

void LogSide::ForEachOn(uint16_t topic, const std::function<void(uint32_t)>& visit) {
  for (uint16_t p = 0; p < messages_[topic].size(); ++p) {
    const auto start = static_cast<size_t>(broker_.Log({topic, p}).start());
    for (size_t offset = start; offset < messages_[topic][p].size(); ++offset) visit(messages_[topic][p][offset]);
  }
}

// ---------------------------------------------------------------- faults

void LogSide::Reset(uint32_t process, bool broker_too) {
  for (size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = *connections_[i];
    if (connection.owner.process != process || connection.link == nullptr) continue;
    if (broker_too) {
      broker_.Drop(connection.id, world_.Now());
      Break(connection);
      continue;
    }
    // What was sent still arrives; the broker goes on talking to nobody.
    connection.arriving.clear();
    connection.broken = false;
    LogEvent event;
    event.kind = LogEventKind::kDisconnected;
    Tell(connection, std::move(event));
  }
}

bool LogSide::StopBroker() {
  if (!broker_.up()) return false;
  broker_.Stop();
  Pump();
  return true;
}

bool LogSide::StartBroker() {
  if (broker_.up()) return false;
  broker_.Start(world_.Now());
  Pump();
  return true;
}

bool LogSide::SetCoordinator(bool available) {
  broker_.SetCoordinator(available, world_.Now());
  Pump();
  return true;
}

bool LogSide::Refuse(uint16_t topic, int32_t, uint64_t count) {
  broker_.RefuseNext(topic, count);
  refusing_ = true;
  return count > 0;
}

bool LogSide::Destroy(uint16_t topic, uint16_t partition, uint64_t count) {
  const bus::Partition place{topic, partition};
  const int64_t start = broker_.Log(place).start();
  const int64_t to = std::min(broker_.Log(place).end(), start + static_cast<int64_t>(count));
  if (to <= start) return false;
  for (uint16_t reader : world_.subject().topology().topics[topic].readers) {
    const int64_t settled = broker_.SettledUpTo(world_.subject().topology().stages[reader].group, place);
    for (int64_t offset = std::max(start, settled); offset < to; ++offset) {
      struct Record record = world_.RecordOf(Kind::kDestroyed);
      record.stage = reader;
      record.topic = topic;
      record.partition = partition;
      record.sequence = static_cast<uint64_t>(offset);
      record.message = messages_[topic][partition][static_cast<size_t>(offset)];
      world_.Record(record);
      world_.Destroyed(reader);
    }
  }
  broker_.DeleteRecordsBefore(place, to);
  Pump();
  return true;
}

// The last record once more, as a source that repeats itself would put it there.
bool LogSide::Redeliver(uint16_t topic, uint16_t partition) {
  if (partition >= messages_[topic].size() || !broker_.up()) return false;
  const bus::LogPartition& log = broker_.Log({topic, partition});
  if (log.end() == log.start()) return false;
  const bus::LogPartition::Slice slice = log.Read(log.end() - 1, 1);
  if (slice.records.empty()) return false;
  const Outgoing copy{.topic = 0, .partition = partition, .message = slice.records.front().message};
  class Nobody final : public bus::Waker {
    void Wake() override {}
  };
  static Nobody nobody;
  const int32_t topics[] = {topic};
  const bus::LogConnectionId tool = broker_.Open(nobody, world_.Now());
  const size_t taken = broker_.Produce(tool, topics, std::span(&copy, 1), 1);
  broker_.Drop(tool, world_.Now());
  if (taken == 0) return false;
  Appended(nullptr, topic, partition, messages_[topic][partition].back());
  Pump();
  return true;
}

}  // namespace

bus::Capabilities LogCapabilities() {
  bus::Capabilities capabilities;
  capabilities.backend = "sim (log)";
  capabilities.settlement = bus::Settlement::kPrefix;
  capabilities.replay = true;
  capabilities.lag = true;
  capabilities.notes = true;
  capabilities.gapless_publish = true;
  capabilities.crash_model = "survives: everything but retention";
  return capabilities;
}

std::unique_ptr<BrokerSide> MakeLogSide(World& world) { return std::make_unique<LogSide>(world); }

}  // namespace millrace::sim
