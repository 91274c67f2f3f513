// Private to the simulator: the queue broker's end of the network.
#ifndef MILLRACE_SIM_QUEUE_SIDE_H_
#define MILLRACE_SIM_QUEUE_SIDE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/memory/queue_client.h"
#include "sim/broker_side.h"
#include "sim/by_address.h"
#include "sim/network.h"
#include "sim/world.h"
#include "stages/ring.h"

namespace millrace::sim {

struct QueueTraits {
  using Link = bus::QueueLink;
  using Event = bus::Event;
  using Id = bus::ConnectionId;
  struct Payload {
    bus::StoredRequest request;
    uint32_t message = kNoMessage;  // of a publish
    bool nowhere = false;           // it is unroutable
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
    stages::Ring<Unsettled> unsettled;  // by tag
  };
  struct State {
    std::vector<Channel> channels;  // by number
    // A publish that the broker reads when its alarm is over; nothing behind it is read before.
    std::unique_ptr<Payload> held;
    // It breaks when the next acknowledgement of that queue's messages arrives, which nobody reads; nullptr: it does not.
    const std::string* breaks_at_ack_of = nullptr;
    uint32_t ack_lost_by = kNoFault;
    Channel& ChannelAt(uint32_t number) {
      if (channels.size() <= number) channels.resize(number + 1);
      return channels[number];
    }
  };
  static bus::Event Closed() {
    bus::Event event;
    event.kind = bus::EventKind::kConnectionClosed;
    return event;
  }
  static bool IsClosed(const bus::Event& event) { return event.kind == bus::EventKind::kConnectionClosed; }
};

class QueueSide final : public BrokerSide, private Network<QueueTraits>::Host {
 public:
  explicit QueueSide(World& world);

  const bus::Capabilities& capabilities() const override { return capabilities_; }
  std::unique_ptr<SimConsumerCore> OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                bus::Waker& waker) override;
  std::unique_ptr<SimProducerCore> OpenProducer(const Owner& owner, const bus::ProducerOptions& options,
                                                bus::Waker& waker) override;
  uint32_t MessageOf(uint16_t topic, uint16_t, const bus::Delivery& delivery) override {
    return Known(topic, delivery.message);
  }
  void ToBroker(uint32_t connection) override { network_.ToBroker(connection); }
  void ToClient(uint32_t connection) override { network_.ToClient(connection); }
  void Advance() override;
  int64_t DueNs() const override { return broker_.NextTimer().ns; }
  void Mended(uint32_t process) override { network_.Mended(process); }
  bool AllSettled() const override;
  void ForEachOn(uint16_t topic, const std::function<void(uint32_t)>& visit) override;

  // queue_side_faults.cc
  bool Reset(uint32_t process, bool broker_too) override;
  bool StopBroker() override;
  bool StartBroker() override;
  bool Refuse(uint16_t topic, int32_t partition, uint64_t count) override;
  bool SetAlarm(bool on) override;
  bool DeleteQueue(uint16_t stage, uint16_t partition) override;
  bool Unbind(uint16_t topic, int64_t duration_ns) override;
  bool Demote(uint16_t stage, uint16_t partition) override;
  bool Redeliver(uint16_t stage, uint16_t partition, uint64_t records) override;
  bool ScatterConfirms(bool on) override;

 private:
  using Net = Network<QueueTraits>;
  using Connection = Net::Connection;
  using Payload = QueueTraits::Payload;
  using Channel = QueueTraits::Channel;
  class Link;
  // A queue that a topic's messages of one partition go to.
  struct Place {
    uint16_t topic = 0;
    uint16_t partition = 0;
    uint16_t stage = kNoStage;  // kNoStage: the one that keeps
    std::string name;
  };

  bus::ConnectionId Open(Connection& connection) override { return broker_.Open(connection, world_.Now()); }
  void Drop(Connection& connection) override { broker_.Drop(connection.id, world_.Now()); }
  // A server in an alarm reads nothing behind a publish, and notices all the same when the connection goes.
  bool Reads(const Connection& connection, const Net::Packet& packet) override {
    if (connection.state.breaks_at_ack_of != nullptr && LosesAck(connection, packet)) return false;
    return connection.state.held == nullptr || packet.type == Net::Packet::Type::kClose;
  }
  bool Read(Connection& connection, std::unique_ptr<Payload>& payload) override;
  void TakeEvents(Connection& connection, std::vector<bus::Event>& events) override {
    broker_.TakeEvents(connection.id, events);
  }
  bool Tells(Connection& connection, bus::Event& event) override;
  bool IsConfirm(const bus::Event& event) const override {
    return event.kind == bus::EventKind::kAcked || event.kind == bus::EventKind::kNacked;
  }
  void Forgets(Connection& connection) override { connection.state.held.reset(); }

  bool LosesAck(const Connection& connection, const Net::Packet& packet);
  void BreakWhatLosesAcks();
  const Place* PlaceNamed(std::string_view queue) const;
  const Place* PlaceOf(uint16_t stage, uint16_t partition) const;
  void OnPublish(Connection& connection, std::unique_ptr<Payload>& payload, const bus::Request& request);
  // Of the queues that the topic's messages of that partition go to.
  uint64_t RefusalsLeft(uint16_t topic, uint16_t partition) const;
  void OnAcked(bus::ConnectionId id, uint32_t channel, uint64_t tag);
  void Appended(const Owner& by, uint16_t topic, uint16_t partition, uint32_t message);
  uint32_t Interned(const bus::Request& publish);
  // A message that the broker has stored, by where its bytes lie.
  void Know(const bus::Message& stored, const bus::SegmentRef& segment, uint32_t message);
  uint32_t Known(uint16_t topic, const bus::Message& stored);
  bus::QueueTopic TopicOf(size_t topic) const;
  bus::QueueSessionOptions SessionOptions();

  World& world_;
  const bus::ConfirmStyle style_;
  bus::QueueBroker broker_;
  bus::Capabilities capabilities_;
  Net network_;
  Connection* reading_ = nullptr;  // whose ack the broker is reading
  std::deque<Place> places_;
  std::map<std::string_view, const Place*> by_name_;
  std::map<std::string, uint16_t, std::less<>> topics_;
  std::vector<std::vector<std::vector<const Place*>>> places_of_;  // by topic, partition
  std::vector<std::vector<uint64_t>> appended_;                    // by topic, partition
  std::vector<int64_t> unbound_until_ns_;                          // by topic
  // What was published, by where the broker keeps its headers: no other message ever lies there, as `kept_` holds on to the
  // bytes.
  ByAddress by_bytes_;
  std::vector<bus::SegmentRef> kept_;
  std::vector<uint32_t> breaking_;  // connections that break at once
  uint64_t opened_ = 0;
  bool alarm_ = false;
  bool scattered_ = false;  // by a fault
  // Faults that something may meet: see World::Strikes.
  std::vector<std::vector<Armed>> refusals_;  // by topic, partition
  std::vector<uint32_t> unbound_by_;          // by topic
  uint32_t alarm_by_ = kNoFault;
  uint32_t scattered_by_ = kNoFault;
};

// Of a publish: the routing key is its number.
uint16_t PartitionOfPublish(const bus::Request& publish);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_QUEUE_SIDE_H_
