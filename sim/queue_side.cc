// The queue broker and the network around it: production's clients over links that take their time.
#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/check.h"
#include "bus/memory/queue_client.h"
#include "sim/broker_side.h"
#include "sim/world.h"

namespace millrace::sim {
namespace {

using bus::Event;
using bus::EventKind;
using bus::Method;
using bus::Request;

constexpr uint64_t kConfirmsDraw = 0x636f6e6669726d;
constexpr size_t kSegmentBytes = 16 << 10;
constexpr int64_t kRetransmitNs = 200'000'000;
// Bound under nothing: what is published under it is unroutable.
constexpr std::string_view kNowhere = "nowhere";

uint16_t PartitionOf(const Request& publish) {
  uint16_t partition = 0;
  for (char digit : publish.routing_key) partition = static_cast<uint16_t>(partition * 10 + (digit - '0'));
  return partition;
}

class QueueSide;
class Link;

struct Packet {
  int64_t at_ns = 0;
  bool open = false;
  bool close = false;
  std::unique_ptr<bus::StoredRequest> request;
  uint32_t message = kNoMessage;  // of a publish
  bool nowhere = false;           // it is unroutable
};

struct Arriving {
  int64_t at_ns = 0;
  Event event;
};

// What a channel has been handed and has not settled.
struct Channel {
  uint16_t stage = kNoStage;
  uint16_t partition = 0;
  const std::string* queue = nullptr;
  struct Unsettled {
    uint64_t tag = 0;
    uint32_t message = kNoMessage;
  };
  std::deque<Unsettled> unsettled;
};

struct Connection final : public bus::Waker {
  explicit Connection(QueueSide& s) : side(s) {}
  void Wake() override;

  QueueSide& side;
  Owner owner;
  uint32_t index = 0;
  uint64_t number = 0;
  Link* link = nullptr;
  bus::ConnectionId id = 0;
  bool woken = false;
  bool broken = false;  // the client is being told that it is; nothing comes behind that
  Direction out, in;
  std::deque<Packet> packets;
  std::deque<Arriving> arriving;
  uint64_t sent = 0, told = 0;
  std::vector<Channel> channels;  // by number
  std::unique_ptr<Packet>
      held;  // a publish that the broker reads when its alarm is over; nothing behind it is read before
  Channel& ChannelAt(uint32_t number_of) {
    if (channels.size() <= number_of) channels.resize(number_of + 1);
    return channels[number_of];
  }
};

class QueueSide final : public BrokerSide {
 public:
  explicit QueueSide(World& world);

  const bus::Capabilities& capabilities() const override { return capabilities_; }
  std::unique_ptr<SimConsumerCore> OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                bus::Waker& waker) override;
  std::unique_ptr<SimProducerCore> OpenProducer(const Owner& owner, const std::vector<std::string>& topics,
                                                bus::Waker& waker) override;
  uint32_t MessageOf(uint16_t topic, uint16_t, const bus::Delivery& delivery) override {
    return world_.recorder().Intern(topic, delivery.message);
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
  bool Refuse(uint16_t topic, int32_t partition, uint64_t count) override;
  bool SetAlarm(bool on) override;
  bool DeleteQueue(uint16_t stage, uint16_t partition) override;
  bool Unbind(uint16_t topic, int64_t duration_ns) override;
  bool Demote(uint16_t stage, uint16_t partition) override;
  bool Redeliver(uint16_t topic, uint16_t partition) override;
  bool ScatterConfirms(bool on) override;

  Connection& Connect(const Owner& owner, Link* link);
  void Send(Connection& connection, Packet packet);
  void Woken(Connection& connection) { woken_.push_back(connection.index); }
  uint32_t Interned(const Request& publish);

 private:
  // A queue that a topic's messages of one partition go to.
  struct Place {
    uint16_t topic = 0;
    uint16_t partition = 0;
    uint16_t stage = kNoStage;  // kNoStage: the one that keeps
    std::string name;
  };
  const Place* PlaceNamed(std::string_view queue) const;
  const Place* PlaceOf(uint16_t stage, uint16_t partition) const;
  void OnRequest(Connection& connection, Packet& packet);
  void OnPublish(Connection& connection, Packet& packet, const Request& request);
  // Messages of the topic's partition that were ever put into a queue.
  uint64_t Put(uint16_t topic, uint16_t partition) const;
  void Appended(const Owner& by, uint16_t topic, uint16_t partition, uint32_t message);
  void OnAck(Connection& connection, const Request& request);
  void Pump();
  void Tell(Connection& connection, Event event);
  void Break(Connection& connection);
  bus::QueueTopic TopicOf(size_t topic) const;
  bus::QueueSessionOptions SessionOptions();

  World& world_;
  const bus::ConfirmStyle style_;
  bus::QueueBroker broker_;
  bus::Capabilities capabilities_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint32_t> woken_;
  std::vector<Event> events_;
  std::deque<Place> places_;
  std::map<std::string_view, const Place*> by_name_;
  std::map<std::string, uint16_t, std::less<>> topics_;
  std::vector<std::vector<std::vector<const Place*>>> places_of_;  // by topic, partition
  std::vector<std::vector<uint64_t>> appended_;                    // by topic, partition
  std::vector<std::vector<std::unique_ptr<bus::StoredRequest>>> last_;
  std::vector<int64_t> unbound_until_ns_;  // by topic
  uint64_t opened_ = 0;
  bool alarm_ = false;
};

void Connection::Wake() {
  if (woken) return;
  woken = true;
  side.Woken(*this);
}

// ---------------------------------------------------------------- the client's end

class Link final : public bus::QueueLink {
 public:
  Link(QueueSide& side, const Owner& owner) : side_(side), owner_(owner) {}
  ~Link() override { LetGo(); }

  void Connect(MonotonicTime) override {
    LetGo();
    connection_ = &side_.Connect(owner_, this);
    Packet packet;
    packet.open = true;
    side_.Send(*connection_, std::move(packet));
  }
  void Send(const Request& request, MonotonicTime) override {
    if (connection_ == nullptr) return;
    Packet packet;
    packet.request = std::make_unique<bus::StoredRequest>(request);
    if (request.method == Method::kPublish) packet.message = side_.Interned(request);
    side_.Send(*connection_, std::move(packet));
  }
  void Drop(MonotonicTime) override { LetGo(); }
  void Receive(std::vector<Event>& events) override {
    events.clear();
    events.swap(inbox_);
  }
  void Arrived(Event event) { inbox_.push_back(std::move(event)); }

 private:
  void LetGo() {
    inbox_.clear();
    if (connection_ == nullptr) return;
    connection_->link = nullptr;
    Packet packet;
    packet.close = true;
    side_.Send(*connection_, std::move(packet));
    connection_ = nullptr;
  }

  QueueSide& side_;
  const Owner owner_;
  Connection* connection_ = nullptr;
  std::vector<Event> inbox_;
};

class Consumer final : public SimConsumerCore {
 public:
  Consumer(QueueSide& side, const Owner& owner, const bus::ConsumerOptions& options,
           std::vector<bus::QueueTopic> topics, const bus::QueueConsumerOptions& queue, bus::Waker& waker,
           MonotonicTime now)
      : inner_(options, std::move(topics), queue, std::make_unique<Link>(side, owner),
               std::make_unique<Link>(side, owner), waker, now) {}
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
  bus::QueueConsumer inner_;
};

class Producer final : public SimProducerCore {
 public:
  Producer(QueueSide& side, const Owner& owner, std::vector<bus::QueueTopic> topics,
           const bus::QueueProducerOptions& options, MonotonicTime now)
      : inner_(std::move(topics), options, std::make_unique<Link>(side, owner), now) {}
  void Advance(MonotonicTime now) override { inner_.Advance(now); }
  size_t outstanding() const override { return inner_.outstanding(); }
  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override {
    return inner_.Publish(messages, first_token);
  }
  void Poll(bus::ProducerHandler& handler) override { inner_.Poll(handler); }
  MonotonicTime NextTimer() const override { return inner_.NextTimer(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime deadline) override {
    return inner_.Close(handler, deadline);
  }

 private:
  bus::QueueProducer inner_;
};

// ---------------------------------------------------------------- the broker's end

// Servers confirm as it suits them: in runs, one by one, or out of order. A run has one of these from its beginning.
bus::ConfirmStyle StyleOf(const Plan& plan) {
  static constexpr bus::ConfirmStyle kStyles[] = {bus::ConfirmStyle::kMultiple, bus::ConfirmStyle::kSingle,
                                                  bus::ConfirmStyle::kScattered};
  return kStyles[Random(plan.salt).Below(kConfirmsDraw, {}, std::size(kStyles))];
}

QueueSide::QueueSide(World& world)
    : world_(world),
      style_(StyleOf(world.plan())),
      broker_({.segment_bytes = kSegmentBytes,
               .segments_kept = 8,
               .confirms = style_,
               .heartbeat = Duration(world.plan().timing.session_timeout_ns / 2),
               .salt = world.plan().salt}),
      capabilities_(QueueCapabilities()) {
  bus::Topology topology = world.subject().bus_topology();
  for (bus::TopicSpec& spec : topology.topics) spec.backlog_bytes_max = 0;
  class Nobody final : public bus::Waker {
    void Wake() override {}
  };
  static Nobody nobody;
  bus::QueueAdmin admin(std::make_unique<bus::DirectLink>(broker_, nobody), {}, topology, world.Now());
  for (int round = 0; !admin.done() && round < 100; ++round) admin.Poll(world.Now());
  MR_CHECK(admin.done() && admin.status().ok()) << admin.status().ToString();

  const Topology& known = world.subject().topology();
  for (size_t t = 0; t < topology.topics.size(); ++t) {
    const bus::QueueTopic topic = TopicOf(t);
    topics_.emplace(topic.name, static_cast<uint16_t>(t));
    auto& partitions = places_of_.emplace_back(static_cast<size_t>(topic.partitions));
    appended_.emplace_back(static_cast<size_t>(topic.partitions));
    last_.emplace_back(static_cast<size_t>(topic.partitions));
    unbound_until_ns_.push_back(-1);
    for (int32_t p = 0; p < topic.partitions; ++p) {
      const auto add = [&](uint16_t stage, std::string name) {
        places_.push_back({static_cast<uint16_t>(t), static_cast<uint16_t>(p), stage, std::move(name)});
        partitions[static_cast<size_t>(p)].push_back(&places_.back());
        by_name_.emplace(places_.back().name, &places_.back());
      };
      for (uint16_t reader : known.topics[t].readers)
        add(reader, bus::WorkQueueName(topic, known.stages[reader].group, p));
      if (topology.topics[t].keep) add(kNoStage, bus::KeepQueueName(topic.name));
    }
  }
}

bus::QueueTopic QueueSide::TopicOf(size_t topic) const {
  bus::QueueTopic of = bus::QueueTopicOf(world_.subject().bus_topology().topics[topic]);
  of.backlog_bytes_max = 0;
  return of;
}

bus::QueueSessionOptions QueueSide::SessionOptions() {
  bus::QueueSessionOptions session;
  session.heartbeat = Duration(world_.plan().timing.session_timeout_ns / 2);
  session.salt = ++opened_;
  return session;
}

std::unique_ptr<SimConsumerCore> QueueSide::OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                         bus::Waker& waker) {
  bus::QueueConsumerOptions queue;
  queue.session = SessionOptions();
  queue.incarnation = opened_;
  std::vector<bus::QueueTopic> topics;
  for (const std::string& name : options.topics) topics.push_back(TopicOf(topics_.find(name)->second));
  return std::make_unique<Consumer>(*this, owner, options, std::move(topics), queue, waker, world_.Now());
}

std::unique_ptr<SimProducerCore> QueueSide::OpenProducer(const Owner& owner, const std::vector<std::string>& names,
                                                         bus::Waker&) {
  bus::QueueProducerOptions queue;
  queue.session = SessionOptions();
  std::vector<bus::QueueTopic> topics;
  for (const std::string& name : names) topics.push_back(TopicOf(topics_.find(name)->second));
  return std::make_unique<Producer>(*this, owner, std::move(topics), queue, world_.Now());
}

uint32_t QueueSide::Interned(const Request& publish) {
  const auto topic = topics_.find(publish.exchange);
  return topic == topics_.end() ? kNoMessage : world_.recorder().Intern(topic->second, publish.message);
}

Connection& QueueSide::Connect(const Owner& owner, Link* link) {
  connections_.push_back(std::make_unique<Connection>(*this));
  Connection& connection = *connections_.back();
  connection.owner = owner;
  connection.index = static_cast<uint32_t>(connections_.size() - 1);
  connection.number = world_.NextConnection(owner.process);
  connection.link = link;
  return connection;
}

void QueueSide::Send(Connection& connection, Packet packet) {
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

void QueueSide::ToBroker(uint32_t index) {
  Connection& connection = *connections_[index];
  if (world_.WeatherOf(connection.owner.process).cut_to_broker) return;
  while (!connection.packets.empty() && connection.packets.front().at_ns <= world_.now_ns()) {
    // A server in an alarm reads nothing behind a publish, and notices all the same when the connection goes.
    if (connection.held != nullptr && !connection.packets.front().close) break;
    Packet packet = std::move(connection.packets.front());
    connection.packets.pop_front();
    if (packet.close) connection.held.reset();
    if (packet.open) {
      connection.id = broker_.Open(connection, world_.Now());
    } else if (packet.close) {
      broker_.Drop(connection.id, world_.Now());
    } else {
      OnRequest(connection, packet);
    }
  }
  Pump();
}

const QueueSide::Place* QueueSide::PlaceNamed(std::string_view queue) const {
  const auto at = by_name_.find(queue);
  return at == by_name_.end() ? nullptr : at->second;
}

const QueueSide::Place* QueueSide::PlaceOf(uint16_t stage, uint16_t partition) const {
  const auto& partitions = places_of_[world_.subject().topology().stages[stage].input];
  if (partition >= partitions.size()) return nullptr;
  for (const Place* place : partitions[partition]) {
    if (place->stage == stage) return place;
  }
  return nullptr;
}

void QueueSide::OnRequest(Connection& connection, Packet& packet) {
  const Request request = packet.request->View();
  switch (request.method) {
    case Method::kChannelOpen:
      connection.ChannelAt(request.channel) = {};
      break;
    case Method::kConsume:
      if (const Place* place = PlaceNamed(request.queue)) {
        Channel& channel = connection.ChannelAt(request.channel);
        channel.stage = place->stage;
        channel.partition = place->partition;
        channel.queue = &place->name;
      }
      break;
    case Method::kPublish:
      if (packet.message != kNoMessage) return OnPublish(connection, packet, request);
      break;
    case Method::kAck:
      return OnAck(connection, request);
    default:
      break;
  }
  broker_.Receive(connection.id, request, world_.Now());
}

uint64_t QueueSide::Put(uint16_t topic, uint16_t partition) const {
  uint64_t sum = 0;
  for (const Place* place : places_of_[topic][partition]) sum += broker_.Stats(place->name).put;
  return sum;
}

void QueueSide::Appended(const Owner& by, uint16_t topic, uint16_t partition, uint32_t message) {
  struct Record record = world_.RecordOf(Kind::kAppended);
  if (by.process != Surface::kFeed) {
    record.process = static_cast<uint16_t>(by.process);
    record.incarnation = by.incarnation;
    record.stage = by.stage;
  }
  record.message = message;
  record.topic = topic;
  record.partition = partition;
  record.sequence = appended_[topic][partition]++;
  world_.Record(record);
  world_.Progress();
  world_.recorder().CountBrokerEvents(1);
}

void QueueSide::OnPublish(Connection& connection, Packet& packet, const Request& published) {
  Request request = published;
  const uint16_t topic = world_.recorder().message(packet.message).topic;
  const uint16_t partition = PartitionOf(request);
  packet.nowhere = unbound_until_ns_[topic] > world_.now_ns();
  if (packet.nowhere) request.routing_key = kNowhere;
  const uint64_t before = Put(topic, partition);
  broker_.Receive(connection.id, request, world_.Now());
  if (Put(topic, partition) > before) {
    Appended(connection.owner, topic, partition, packet.message);
    last_[topic][partition] = std::move(packet.request);
  } else if (alarm_) {
    connection.held = std::make_unique<Packet>(std::move(packet));
  }
}

void QueueSide::OnAck(Connection& connection, const Request& request) {
  Channel& channel = connection.ChannelAt(request.channel);
  if (channel.queue == nullptr) return broker_.Receive(connection.id, request, world_.Now());
  const uint64_t before = broker_.Stats(*channel.queue).acked;
  broker_.Receive(connection.id, request, world_.Now());
  uint64_t taken = broker_.Stats(*channel.queue).acked - before;
  // What the broker had taken back from this channel before is acknowledged in vain.
  struct Record record = world_.RecordOf(Kind::kAcked);
  record.stage = channel.stage;
  record.topic = world_.subject().topology().stages[channel.stage].input;
  record.partition = channel.partition;
  const auto settle = [&](Channel::Unsettled& unsettled) {
    if (unsettled.message == kNoMessage) return;
    if (taken > 0) {
      --taken;
      record.message = unsettled.message;
      record.sequence = unsettled.tag;
      world_.Record(record);
      world_.Progress();
    }
    unsettled.message = kNoMessage;
  };
  for (Channel::Unsettled& unsettled : channel.unsettled) {
    if (unsettled.tag > request.tag) break;
    if (request.multiple || unsettled.tag == request.tag) settle(unsettled);
  }
  while (!channel.unsettled.empty() && channel.unsettled.front().message == kNoMessage) channel.unsettled.pop_front();
}

void QueueSide::Pump() {
  for (size_t i = 0; i < woken_.size(); ++i) {
    Connection& connection = *connections_[woken_[i]];
    connection.woken = false;
    broker_.TakeEvents(connection.id, events_);
    for (Event& event : events_) {
      if (event.kind == EventKind::kDelivered) {
        Channel& channel = connection.ChannelAt(event.channel);
        if (channel.queue != nullptr) {
          const uint16_t topic = world_.subject().topology().stages[channel.stage].input;
          channel.unsettled.push_back({event.tag, world_.recorder().Intern(topic, event.message)});
        }
      }
      Tell(connection, std::move(event));
    }
    events_.clear();
  }
  woken_.clear();
}

void QueueSide::Tell(Connection& connection, Event event) {
  if (connection.link == nullptr || connection.broken) return;
  Weather& weather = world_.WeatherOf(connection.owner.process);
  if ((event.kind == EventKind::kAcked || event.kind == EventKind::kNacked) && weather.lose_confirms > 0) {
    --weather.lose_confirms;
    broker_.Drop(connection.id, world_.Now());
    return Break(connection);
  }
  bool fresh = false;
  const int64_t latency = world_.Latency(connection.owner, connection.number, (uint64_t{1} << 32) + connection.told++);
  connection.broken = event.kind == EventKind::kConnectionClosed;
  const int64_t at = connection.in.Send(world_.now_ns(), latency, &fresh);
  connection.arriving.push_back({at, std::move(event)});
  if (fresh) world_.Schedule(at, What::kToClient, connection.index);
}

void QueueSide::Break(Connection& connection) {
  connection.arriving.clear();
  connection.packets.clear();
  connection.held.reset();
  connection.broken = false;
  Event event;
  event.kind = EventKind::kConnectionClosed;
  Tell(connection, std::move(event));
}

void QueueSide::ToClient(uint32_t index) {
  Connection& connection = *connections_[index];
  if (connection.link == nullptr || world_.WeatherOf(connection.owner.process).cut_to_client) return;
  bool came = false;
  while (!connection.arriving.empty() && connection.arriving.front().at_ns <= world_.now_ns()) {
    connection.link->Arrived(std::move(connection.arriving.front().event));
    connection.arriving.pop_front();
    came = true;
  }
  if (came) world_.Wake(connection.owner);
}

void QueueSide::Advance() {
  broker_.Tick(world_.Now());
  Pump();
}

void QueueSide::Mended(uint32_t process) {
  for (const std::unique_ptr<Connection>& connection : connections_) {
    if (connection->owner.process != process) continue;
    if (!connection->packets.empty()) world_.Schedule(world_.now_ns(), What::kToBroker, connection->index);
    if (!connection->arriving.empty()) world_.Schedule(world_.now_ns(), What::kToClient, connection->index);
  }
}

bool QueueSide::AllSettled() const {
  for (const Place& place : places_) {
    if (place.stage == kNoStage) continue;
    const bus::QueueStats stats = broker_.Stats(place.name);
    if (stats.ready + stats.unacked > 0) return false;
  }
  return true;
}

void QueueSide::ForEachOn(uint16_t topic, const std::function<void(uint32_t)>& visit) {
  broker_.BrowseUnsettled(bus::KeepQueueName(world_.subject().topology().topics[topic].name),
                          [&](const bus::QueueBroker::Resting& resting) {
                            visit(world_.recorder().Intern(topic, resting.message));
                            return true;
                          });
}

// ---------------------------------------------------------------- faults

void QueueSide::Reset(uint32_t process, bool broker_too) {
  for (size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = *connections_[i];
    if (connection.owner.process != process || connection.link == nullptr) continue;
    if (broker_too) {
      broker_.Drop(connection.id, world_.Now());
      Break(connection);
      continue;
    }
    connection.arriving.clear();
    connection.broken = false;
    Event event;
    event.kind = EventKind::kConnectionClosed;
    Tell(connection, std::move(event));
  }
  Pump();
}

bool QueueSide::StopBroker() {
  if (!broker_.up()) return false;
  // What waited for the end of an alarm has gone with its connection.
  for (const std::unique_ptr<Connection>& connection : connections_) connection->held.reset();
  broker_.Stop(world_.Now());
  Pump();
  return true;
}

bool QueueSide::StartBroker() {
  if (broker_.up()) return false;
  broker_.Start(world_.Now());
  Pump();
  return true;
}

bool QueueSide::Refuse(uint16_t topic, int32_t partition, uint64_t count) {
  const auto& partitions = places_of_[topic];
  const size_t p = partition < 0 ? 0 : static_cast<size_t>(partition);
  if (p >= partitions.size() || partitions[p].empty()) return false;
  broker_.RefuseNext(partitions[p].front()->name, count);
  return count > 0;
}

bool QueueSide::SetAlarm(bool on) {
  if (alarm_ == on) return false;
  alarm_ = on;
  // What was held is read now, each connection's in its turn.
  std::vector<std::vector<uint64_t>> before;
  for (size_t t = 0; t < places_of_.size(); ++t) {
    before.emplace_back();
    for (size_t p = 0; p < places_of_[t].size(); ++p)
      before.back().push_back(Put(static_cast<uint16_t>(t), static_cast<uint16_t>(p)));
  }
  broker_.SetAlarm(on, world_.Now());
  if (on) {
    Pump();
    return true;
  }
  for (const std::unique_ptr<Connection>& connection : connections_) {
    if (connection->held == nullptr) continue;
    const std::unique_ptr<Packet> held = std::move(connection->held);
    const uint16_t topic = world_.recorder().message(held->message).topic;
    const uint16_t partition = PartitionOf(held->request->View());
    if (!held->nowhere && Put(topic, partition) > before[topic][partition]) {
      ++before[topic][partition];
      Appended(connection->owner, topic, partition, held->message);
    }
    world_.Schedule(world_.now_ns(), What::kToBroker, connection->index);
  }
  Pump();
  return true;
}

bool QueueSide::DeleteQueue(uint16_t stage, uint16_t partition) {
  const Place* place = PlaceOf(stage, partition);
  if (place == nullptr || !broker_.HasQueue(place->name)) return false;
  broker_.BrowseUnsettled(place->name, [&](const bus::QueueBroker::Resting& resting) {
    struct Record record = world_.RecordOf(Kind::kDestroyed);
    record.stage = stage;
    record.topic = place->topic;
    record.partition = partition;
    record.message = world_.recorder().Intern(place->topic, resting.message);
    world_.Record(record);
    world_.Destroyed(stage);
    return true;
  });
  broker_.DeleteQueue(place->name, world_.Now());
  Pump();
  return true;
}

bool QueueSide::Unbind(uint16_t topic, int64_t duration_ns) {
  unbound_until_ns_[topic] = world_.now_ns() + duration_ns;
  return duration_ns > 0;
}

bool QueueSide::Demote(uint16_t stage, uint16_t partition) {
  const Place* place = PlaceOf(stage, partition);
  if (place == nullptr || !broker_.HasQueue(place->name)) return false;
  broker_.Demote(place->name, world_.Now());
  struct Record record = world_.RecordOf(Kind::kMoved);
  record.stage = stage;
  record.topic = place->topic;
  record.partition = partition;
  world_.Record(record);
  Pump();
  return true;
}

// The message that was put in last once more, as a source that repeats itself would publish it.
bool QueueSide::Redeliver(uint16_t topic, uint16_t partition) {
  if (partition >= last_[topic].size() || last_[topic][partition] == nullptr || !broker_.up()) return false;
  const Request last = last_[topic][partition]->View();
  bool any = false;
  for (const Place* place : places_of_[topic][partition]) {
    any |= broker_.Restore(place->name, last.message, 0, last.routing_key, world_.Now());
  }
  if (!any) return false;
  struct Record record = world_.RecordOf(Kind::kAppended);
  record.message = world_.recorder().Intern(topic, last.message);
  record.topic = topic;
  record.partition = partition;
  record.sequence = appended_[topic][partition]++;
  world_.Record(record);
  Pump();
  return true;
}

bool QueueSide::ScatterConfirms(bool on) {
  broker_.SetConfirmStyle(on ? bus::ConfirmStyle::kScattered : style_);
  return true;
}

}  // namespace

bus::Capabilities QueueCapabilities() {
  bus::Capabilities capabilities = bus::MemoryQueueCapabilities();
  capabilities.backend = "sim (queue)";
  return capabilities;
}

std::unique_ptr<BrokerSide> MakeQueueSide(World& world) { return std::make_unique<QueueSide>(world); }

}  // namespace millrace::sim
