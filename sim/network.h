// The network between the clients of a run and the model of a broker: connections with two directions of packets each,
// weather, and what happens to both when one breaks. The halves that differ between logs and queues are the traits and
// the host.
//
//   struct Traits {
//     using Link = bus::QueueLink;               // what a client talks to
//     using Event = bus::Event;                  // what it is told
//     using Id = bus::ConnectionId;              // the broker's name of a connection
//     struct Payload { … };                      // what a packet to the broker carries; used again and again
//     struct State { … };                        // what the host keeps for each connection
//     static Event Closed();                     // tells a client that its connection is gone
//     static bool IsClosed(const Event& event);
//   };
//   class QueueSide : public Network<Traits>::Host { … Network<Traits> network_; };
//
// Threading: the world's. Ownership: the host outlives the network, the network all links.
#ifndef MILLRACE_SIM_NETWORK_H_
#define MILLRACE_SIM_NETWORK_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bus/bus.h"
#include "bus/clock.h"
#include "sim/broker_side.h"
#include "sim/wire.h"
#include "sim/world.h"
#include "stages/ring.h"

namespace millrace::sim {

template <class Traits>
class Network {
 public:
  using Event = typename Traits::Event;
  using Payload = typename Traits::Payload;
  class Link;

  struct Packet {
    enum class Type : uint8_t { kOpen, kPayload, kClose };
    Type type = Type::kPayload;
    int64_t at_ns = 0;
    std::unique_ptr<Payload> payload;
  };

  struct Connection final : public bus::Waker {
    explicit Connection(Network& n) : network(n) {}
    // The broker has something for it.
    void Wake() override {
      if (std::exchange(woken, true)) return;
      network.woken_.push_back(index);
    }

    Network& network;
    Owner owner;
    uint32_t index = 0;
    uint64_t luck = 0;  // World::LuckOf
    Weather* weather = nullptr;
    Link* link = nullptr;  // the client's end; nullptr once it has let go
    typename Traits::Id id = 0;
    bool woken = false;
    bool broken = false;    // the client is being told that it is; nothing comes behind that
    bool replaced = false;  // the client has opened another one since
    uint64_t sent = 0, told = 0;
    typename Traits::State state;

   private:
    friend class Network;
    struct Arriving {
      int64_t at_ns = 0;
      Event event;
    };
    Direction out, in;
    stages::Ring<Packet> packets;
    stages::Ring<Arriving> arriving;
  };

  // The broker's end.
  class Host {
   public:
    virtual ~Host() = default;
    virtual typename Traits::Id Open(Connection& connection) = 0;
    virtual void Drop(Connection& connection) = 0;
    // Whether the broker reads the connection's next packet now.
    virtual bool Reads(const Connection& connection, const Packet& packet) = 0;
    // It reads a payload, and may keep it. False: not to its end; it stays in front.
    virtual bool Read(Connection& connection, std::unique_ptr<Payload>& payload) = 0;
    virtual void TakeEvents(Connection& connection, std::vector<Event>& events) = 0;
    // The broker tells a connection something. False: that is nothing for the client.
    virtual bool Tells(Connection&, Event&) { return true; }
    // Whether the event is one that Weather::lost_confirms loses.
    virtual bool IsConfirm(const Event& event) const = 0;
    // An event reaches the client; then, all that have come at once are there.
    virtual void Reaches(Connection&, const Event&) {}
    virtual void HaveReached(Connection&) {}
    // What was under way on a connection is gone.
    virtual void Forgets(Connection& connection) = 0;
  };

  // A client's end. Derived classes send payloads.
  class Link : public Traits::Link {
   public:
    Link(Network& network, const Owner& owner, bool* stirred) : network_(network), owner_(owner), stirred_(*stirred) {}
    ~Link() override { LetGo(); }

    void Connect(MonotonicTime) override {
      LetGo();
      if (before_ != nullptr) before_->replaced = true;
      connection_ = before_ = &network_.Add(owner_, this);
      network_.Send(*connection_, Packet::Type::kOpen, nullptr);
      stirred_ = true;
    }
    void Drop(MonotonicTime) override {
      LetGo();
      stirred_ = true;
    }
    void Receive(std::vector<Event>& events) override {
      events.clear();
      events.swap(inbox_);
    }

   protected:
    friend class Network;
    Connection* connection() const { return connection_; }
    const Owner& owner() const { return owner_; }
    World& world() const { return network_.world_; }
    std::unique_ptr<Payload> Blank() { return network_.Blank(); }
    void SendPayload(std::unique_ptr<Payload> payload) {
      network_.Send(*connection_, Packet::Type::kPayload, std::move(payload));
    }
    void Arrived(Event&& event) {
      if (inbox_.capacity() == 0) inbox_.reserve(8);
      inbox_.push_back(std::move(event));
      stirred_ = true;
    }

   private:
    void LetGo() {
      inbox_.clear();
      if (connection_ == nullptr) return;
      connection_->link = nullptr;
      network_.Send(*connection_, Packet::Type::kClose, nullptr);
      connection_ = nullptr;
    }

    Network& network_;
    const Owner owner_;
    bool& stirred_;
    Connection* connection_ = nullptr;
    Connection* before_ = nullptr;  // the last one, let go or not
    std::vector<Event> inbox_;
  };

  Network(World& world, Host& host) : world_(world), host_(host) {}
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Bytes arrive at the broker, which answers at once.
  void ToBroker(uint32_t index);
  void ToClient(uint32_t index);
  // Hands on what the broker has to tell.
  void Pump();
  void Mended(uint32_t process);
  // See Surface::Reset and HalfOpen. False: there was no connection that could break.
  bool Reset(uint32_t process, bool broker_too);
  // One connection that the client has not let go breaks; both ends learn of it.
  void Sever(Connection& connection) {
    host_.Drop(connection);
    Break(connection);
  }
  // Reads on where the broker had stopped.
  void ReadOn(Connection& connection) { world_.Schedule(world_.now_ns(), What::kToBroker, connection.index); }
  // Tells the client on this side of the network.
  static void TellAtOnce(Connection& connection, Event event) { connection.link->Arrived(std::move(event)); }
  const std::vector<std::unique_ptr<Connection>>& connections() const { return connections_; }

 private:
  Connection& Add(const Owner& owner, Link* link);
  void Send(Connection& connection, typename Packet::Type type, std::unique_ptr<Payload> payload);
  void Tell(Connection& connection, Event&& event);
  void Break(Connection& connection);
  std::unique_ptr<Payload> Blank();

  static constexpr int64_t kRetransmitNs = 200'000'000;
  // Draws of answers are told apart from those of requests.
  static constexpr uint64_t kAnswers = uint64_t{1} << 32;
  static constexpr size_t kSpareMax = 256;

  World& world_;
  Host& host_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint32_t> woken_;
  std::vector<Event> events_;
  std::vector<std::unique_ptr<Payload>> spare_;
};

template <class Traits>
typename Network<Traits>::Connection& Network<Traits>::Add(const Owner& owner, Link* link) {
  connections_.push_back(std::make_unique<Connection>(*this));
  Connection& connection = *connections_.back();
  connection.owner = owner;
  connection.index = static_cast<uint32_t>(connections_.size() - 1);
  connection.luck = world_.LuckOf(owner, world_.NextConnection(owner.process));
  connection.weather = &world_.WeatherOf(owner.process);
  connection.link = link;
  return connection;
}

template <class Traits>
std::unique_ptr<typename Traits::Payload> Network<Traits>::Blank() {
  if (spare_.empty()) return std::make_unique<Payload>();
  std::unique_ptr<Payload> payload = std::move(spare_.back());
  spare_.pop_back();
  return payload;
}

template <class Traits>
void Network<Traits>::Send(Connection& connection, typename Packet::Type type, std::unique_ptr<Payload> payload) {
  Weather& weather = *connection.weather;
  const uint64_t number = connection.sent++;
  int64_t extra = 0;
  if (weather.losses.left() > 0) {
    extra = kRetransmitNs;
    world_.Strikes(weather.losses.Take());
  }
  bool fresh = false;
  const int64_t at = connection.out.Send(
      world_.now_ns(), [&] { return world_.Latency(weather, connection.luck, number) + extra; }, &fresh);
  Packet& packet = connection.packets.place();
  packet.type = type;
  packet.at_ns = at;
  packet.payload = std::move(payload);
  if (fresh) world_.Schedule(at, What::kToBroker, connection.index);
  if (fresh && weather.extra_ns > 0) world_.Strikes(weather.delayed_by);
}

template <class Traits>
void Network<Traits>::ToBroker(uint32_t index) {
  Connection& connection = *connections_[index];
  if (connection.weather->cut_to_broker) {
    if (connection.packets.empty()) return;
    for (const Weather::Cut& cut : connection.weather->cuts) {
      if (cut.to_broker) world_.Strikes(cut.by);
    }
    return;
  }
  while (!connection.packets.empty() && connection.packets.front().at_ns <= world_.now_ns()) {
    Packet& packet = connection.packets.front();
    if (!host_.Reads(connection, packet)) break;
    if (packet.type == Packet::Type::kOpen) {
      connection.id = host_.Open(connection);
    } else if (packet.type == Packet::Type::kClose) {
      host_.Forgets(connection);
      host_.Drop(connection);
    } else {
      if (!host_.Read(connection, packet.payload)) continue;
      if (packet.payload != nullptr && spare_.size() < kSpareMax) spare_.push_back(std::move(packet.payload));
    }
    packet.payload.reset();
    connection.packets.skip();
  }
  Pump();
}

template <class Traits>
void Network<Traits>::Pump() {
  // Telling one connection may not wake another, but dropping one may.
  for (size_t i = 0; i < woken_.size(); ++i) {
    Connection& connection = *connections_[woken_[i]];
    connection.woken = false;
    host_.TakeEvents(connection, events_);
    for (Event& event : events_) Tell(connection, std::move(event));
    events_.clear();
  }
  woken_.clear();
}

template <class Traits>
void Network<Traits>::Tell(Connection& connection, Event&& event) {
  if (!host_.Tells(connection, event)) return;
  if (connection.link == nullptr || connection.broken) return;
  Weather& weather = *connection.weather;
  if (weather.lost_confirms.left() > 0 && host_.IsConfirm(event)) {
    world_.Strikes(weather.lost_confirms.Take());
    host_.Drop(connection);
    return Break(connection);
  }
  const uint64_t number = kAnswers + connection.told++;
  connection.broken = Traits::IsClosed(event);
  bool fresh = false;
  const int64_t at = connection.in.Send(
      world_.now_ns(), [&] { return world_.Latency(weather, connection.luck, number); }, &fresh);
  auto& arriving = connection.arriving.place();
  arriving.at_ns = at;
  arriving.event = std::move(event);
  if (fresh) world_.Schedule(at, What::kToClient, connection.index);
  if (fresh && weather.extra_ns > 0) world_.Strikes(weather.delayed_by);
}

template <class Traits>
void Network<Traits>::Break(Connection& connection) {
  connection.arriving.clear();
  connection.packets.clear();
  connection.broken = false;
  host_.Forgets(connection);
  Tell(connection, Traits::Closed());
}

template <class Traits>
void Network<Traits>::ToClient(uint32_t index) {
  Connection& connection = *connections_[index];
  if (connection.link == nullptr) return;
  if (connection.weather->cut_to_client) {
    if (connection.arriving.empty()) return;
    for (const Weather::Cut& cut : connection.weather->cuts) {
      if (cut.to_client) world_.Strikes(cut.by);
    }
    return;
  }
  bool came = false;
  while (!connection.arriving.empty() && connection.arriving.front().at_ns <= world_.now_ns()) {
    Event& event = connection.arriving.front().event;
    host_.Reaches(connection, event);
    connection.link->Arrived(std::move(event));
    connection.arriving.skip();
    came = true;
  }
  if (!came) return;
  host_.HaveReached(connection);
  world_.Wake(connection.owner);
}

template <class Traits>
void Network<Traits>::Mended(uint32_t process) {
  for (const std::unique_ptr<Connection>& connection : connections_) {
    if (connection->owner.process != process) continue;
    if (!connection->packets.empty()) world_.Schedule(world_.now_ns(), What::kToBroker, connection->index);
    if (!connection->arriving.empty()) world_.Schedule(world_.now_ns(), What::kToClient, connection->index);
  }
}

template <class Traits>
bool Network<Traits>::Reset(uint32_t process, bool broker_too) {
  bool any = false;
  for (size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = *connections_[i];
    if (connection.owner.process != process || connection.link == nullptr) continue;
    any = any || !connection.broken;
    if (broker_too) {
      Sever(connection);
      continue;
    }
    // What was sent still arrives; the broker goes on talking to nobody.
    connection.arriving.clear();
    connection.broken = false;
    Tell(connection, Traits::Closed());
  }
  return any;
}

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_NETWORK_H_
