// The queue broker and the network around it: production's clients over links that take their time.
#include "sim/queue_side.h"

#include <iterator>
#include <utility>

#include "bus/check.h"
#include "sim/client_over.h"

namespace millrace::sim {
namespace {

using bus::EventKind;
using bus::Method;
using bus::Request;

constexpr uint64_t kConfirmsDraw = 0x636f6e6669726d;
constexpr size_t kSegmentBytes = 16 << 10;
// Bound under nothing: what is published under it is unroutable.
constexpr std::string_view kNowhere = "nowhere";

// Servers confirm as it suits them: in runs, one by one, or out of order. A run has one of these from its beginning.
bus::ConfirmStyle StyleOf(const Plan& plan) {
  static constexpr bus::ConfirmStyle kStyles[] = {bus::ConfirmStyle::kMultiple, bus::ConfirmStyle::kSingle,
                                                  bus::ConfirmStyle::kScattered};
  return kStyles[Random(plan.salt).Below(kConfirmsDraw, {}, std::size(kStyles))];
}

}  // namespace

uint16_t PartitionOfPublish(const Request& publish) {
  uint16_t partition = 0;
  for (char digit : publish.routing_key) partition = static_cast<uint16_t>(partition * 10 + (digit - '0'));
  return partition;
}

// ---------------------------------------------------------------- the client's end

class QueueSide::Link final : public Net::Link {
 public:
  Link(QueueSide& side, const Owner& owner, bool* stirred) : Net::Link(side.network_, owner, stirred), side_(side) {}

  void Send(const Request& request, MonotonicTime) override {
    if (connection() == nullptr) return;
    std::unique_ptr<Payload> payload = Blank();
    payload->request.Assign(request);
    payload->message = request.method == Method::kPublish ? side_.Interned(request) : kNoMessage;
    payload->nowhere = false;
    SendPayload(std::move(payload));
  }

 private:
  QueueSide& side_;
};

// ---------------------------------------------------------------- the broker's end

QueueSide::QueueSide(World& world)
    : world_(world),
      style_(StyleOf(world.plan())),
      broker_({.segment_bytes = kSegmentBytes,
               .segments_kept = 8,
               .confirms = style_,
               .heartbeat = Duration(world.plan().timing.session_timeout_ns / 2),
               .salt = world.plan().salt}),
      capabilities_(QueueCapabilities()),
      network_(world, *this),
      by_bytes_(2 * world.plan().jobs.size()) {
  bus::Topology topology = world.subject().bus_topology();
  for (bus::TopicSpec& spec : topology.topics) spec.backlog_bytes_max = 0;
  class Nobody final : public bus::Waker {
    void Wake() override {}
  };
  static Nobody nobody;
  bus::QueueAdmin admin(std::make_unique<bus::DirectLink>(broker_, nobody), {}, topology, world.Now());
  for (int round = 0; !admin.done() && round < 100; ++round) admin.Poll(world.Now());
  MR_CHECK(admin.done() && admin.status().ok()) << admin.status().ToString();

  broker_.WatchAcks(
      [this](bus::ConnectionId connection, uint32_t channel, uint64_t tag) { OnAcked(connection, channel, tag); });

  const Topology& known = world.subject().topology();
  for (size_t t = 0; t < topology.topics.size(); ++t) {
    const bus::QueueTopic topic = TopicOf(t);
    topics_.emplace(topic.name, static_cast<uint16_t>(t));
    auto& partitions = places_of_.emplace_back(static_cast<size_t>(topic.partitions));
    appended_.emplace_back(static_cast<size_t>(topic.partitions));
    unbound_until_ns_.push_back(-1);
    refusals_.emplace_back(static_cast<size_t>(topic.partitions));
    unbound_by_.push_back(kNoFault);
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
  auto core = std::make_unique<ConsumerOver<bus::QueueConsumer>>([&](bool* stirred) {
    return bus::QueueConsumer(options, std::move(topics), queue, std::make_unique<Link>(*this, owner, stirred),
                              std::make_unique<Link>(*this, owner, stirred), waker, world_.Now());
  });
  core->thorough = true;
  return core;
}

std::unique_ptr<SimProducerCore> QueueSide::OpenProducer(const Owner& owner, const bus::ProducerOptions& options,
                                                         bus::Waker&) {
  bus::QueueProducerOptions queue;
  queue.session = SessionOptions();
  std::vector<bus::QueueTopic> topics;
  for (const std::string& name : options.topics) topics.push_back(TopicOf(topics_.find(name)->second));
  return std::make_unique<ProducerOver<bus::QueueProducer>>([&](bool* stirred) {
    return bus::QueueProducer(std::move(topics), queue, std::make_unique<Link>(*this, owner, stirred), world_.Now());
  });
}

uint32_t QueueSide::Interned(const Request& publish) {
  if (const uint32_t known = world_.MessageBeingPublished(publish.message); known != kNoMessage) return known;
  const auto topic = topics_.find(publish.exchange);
  return topic == topics_.end() ? kNoMessage : world_.recorder().Intern(topic->second, publish.message);
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

bool QueueSide::Read(Connection& connection, std::unique_ptr<Payload>& payload) {
  const Request request = payload->request.View();
  switch (request.method) {
    case Method::kChannelOpen:
    case Method::kChannelClose:
      connection.state.ChannelAt(request.channel) = {};
      break;
    case Method::kConsume:
      if (const Place* place = PlaceNamed(request.queue)) {
        Channel& channel = connection.state.ChannelAt(request.channel);
        channel.stage = place->stage;
        channel.partition = place->partition;
        channel.queue = &place->name;
      }
      break;
    case Method::kPublish:
      if (payload->message == kNoMessage) break;
      OnPublish(connection, payload, request);
      return true;
    case Method::kAck:
      reading_ = &connection;
      broker_.Receive(connection.id, request, world_.Now());
      reading_ = nullptr;
      return true;
    default:
      break;
  }
  broker_.Receive(connection.id, request, world_.Now());
  return true;
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

void QueueSide::OnPublish(Connection& connection, std::unique_ptr<Payload>& payload, const Request& published) {
  Request request = published;
  const uint16_t topic = world_.recorder().message(payload->message).topic;
  const uint16_t partition = PartitionOfPublish(request);
  payload->nowhere = unbound_until_ns_[topic] > world_.now_ns();
  if (payload->nowhere) {
    request.routing_key = kNowhere;
    world_.Strikes(unbound_by_[topic]);
  }
  const uint64_t before = broker_.puts();
  const uint64_t refusals = RefusalsLeft(topic, partition);
  broker_.Receive(connection.id, request, world_.Now());
  if (broker_.puts() > before) {
    Appended(connection.owner, topic, partition, payload->message);
    Know(broker_.newest(), broker_.newest_segment(), payload->message);
  } else if (RefusalsLeft(topic, partition) < refusals) {
    world_.Strikes(refusals_[topic][partition].Take());
  } else if (broker_.Blocked(connection.id)) {
    world_.Strikes(alarm_by_);
    // Not what comes over a connection that the broker has closed: nothing of it is read when the alarm is over.
    connection.state.held = std::move(payload);
  }
}

// Acknowledged in vain is what the broker has taken back from the channel before, and what it keeps back and forgets.
void QueueSide::OnAcked(bus::ConnectionId id, uint32_t number, uint64_t tag) {
  Connection* connection = reading_;
  if (connection == nullptr || connection->id != id) {
    connection = nullptr;
    for (const std::unique_ptr<Connection>& each : network_.connections()) {
      if (each->id == id) connection = each.get();
    }
  }
  if (connection == nullptr) return;
  Channel& channel = connection->state.ChannelAt(number);
  if (channel.queue == nullptr || channel.unsettled.empty() || tag < channel.unsettled.front().tag) return;
  Channel::Unsettled& unsettled = channel.unsettled[tag - channel.unsettled.front().tag];
  if (unsettled.message == kNoMessage) return;
  struct Record record = world_.RecordOf(Kind::kAcked);
  record.stage = channel.stage;
  record.topic = world_.subject().topology().stages[channel.stage].input;
  record.partition = channel.partition;
  record.message = unsettled.message;
  record.sequence = tag;
  world_.Record(record);
  world_.Progress();
  unsettled.message = kNoMessage;
  while (!channel.unsettled.empty() && channel.unsettled.front().message == kNoMessage) channel.unsettled.skip();
}

bool QueueSide::Tells(Connection& connection, bus::Event& event) {
  if (scattered_ && IsConfirm(event)) world_.Strikes(scattered_by_);
  if (event.kind != EventKind::kDelivered) return true;
  Channel& channel = connection.state.ChannelAt(event.channel);
  if (channel.queue == nullptr) return true;
  const uint16_t topic = world_.subject().topology().stages[channel.stage].input;
  channel.unsettled.push({event.tag, Known(topic, event.message)});
  return true;
}

void QueueSide::Know(const bus::Message& stored, const bus::SegmentRef& segment, uint32_t message) {
  if (stored.headers.empty() || !segment) return;
  if (kept_.empty() || kept_.back() != segment) kept_.push_back(segment);
  by_bytes_.Add(stored.headers.block().data(), message);
}

uint32_t QueueSide::Known(uint16_t topic, const bus::Message& stored) {
  const uint32_t known = by_bytes_.Find(stored.headers.block().data());
  return known != kNoMessage ? known : world_.recorder().Intern(topic, stored);
}

void QueueSide::Advance() {
  BreakWhatLosesAcks();
  broker_.Tick(world_.Now());
  network_.Pump();
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
  // Nobody consumes what is kept.
  broker_.BrowseWaiting(bus::KeepQueueName(world_.subject().topology().topics[topic].name),
                        [&](const bus::QueueBroker::Resting& resting) {
                          visit(Known(topic, resting.message));
                          return true;
                        });
}

bus::Capabilities QueueCapabilities() {
  bus::Capabilities capabilities = bus::MemoryQueueCapabilities();
  capabilities.backend = "sim (queue)";
  return capabilities;
}

std::unique_ptr<BrokerSide> MakeQueueSide(World& world) { return std::make_unique<QueueSide>(world); }

}  // namespace millrace::sim
