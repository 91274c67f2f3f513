// Private to the simulator: the log broker's end of the network.
#ifndef MILLRACE_SIM_LOG_SIDE_H_
#define MILLRACE_SIM_LOG_SIDE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/log_broker.h"
#include "bus/memory/log_client.h"
#include "sim/broker_side.h"
#include "sim/network.h"
#include "sim/world.h"

namespace millrace::sim {

struct LogTraits {
  using Link = bus::LogLink;
  using Event = bus::LogEvent;
  using Id = bus::LogConnectionId;
  // A request, or messages on their way to the broker with bytes of their own.
  struct Payload {
    bool produce = false;
    bus::StoredLogRequest request;
    std::vector<int32_t> topics;
    std::vector<bus::Outgoing> messages;
    std::vector<uint32_t> interned;
    std::string bytes;
    uint64_t first_token = 0;
    size_t done = 0;
    uint64_t refusals_seen = 0;  // of this connection, when they were sent
  };
  struct State {
    bool stalled = false;  // the broker took less than it was given
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
  static bus::LogEvent Closed() {
    bus::LogEvent event;
    event.kind = bus::LogEventKind::kDisconnected;
    return event;
  }
  static bool IsClosed(const bus::LogEvent& event) { return event.kind == bus::LogEventKind::kDisconnected; }
};

// What a socket's buffers take before Produce takes less than it is given.
inline constexpr size_t kInFlightMax = 1024;

class LogSide final : public BrokerSide, private Network<LogTraits>::Host {
 public:
  explicit LogSide(World& world);

  const bus::Capabilities& capabilities() const override { return capabilities_; }
  std::unique_ptr<SimConsumerCore> OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                bus::Waker& waker) override;
  std::unique_ptr<SimProducerCore> OpenProducer(const Owner& owner, const bus::ProducerOptions& options,
                                                bus::Waker& waker) override;
  uint32_t MessageOf(uint16_t topic, uint16_t partition, const bus::Delivery& delivery) override {
    return messages_[topic][partition][static_cast<size_t>(delivery.offset)];
  }
  void ToBroker(uint32_t connection) override { network_.ToBroker(connection); }
  void ToClient(uint32_t connection) override { network_.ToClient(connection); }
  void Flush(uint32_t connection) override;
  void Advance() override;
  int64_t DueNs() const override { return broker_.NextTimer().ns; }
  void Mended(uint32_t process) override { network_.Mended(process); }
  bool AllSettled() const override;
  void ForEachOn(uint16_t topic, const std::function<void(uint32_t)>& visit) override;

  // log_side_faults.cc
  bool Reset(uint32_t process, bool broker_too) override { return network_.Reset(process, broker_too); }
  bool StopBroker() override;
  bool StartBroker() override;
  bool SetCoordinator(bool available) override;
  bool Refuse(uint16_t topic, int32_t partition, uint64_t count) override;
  bool Destroy(uint16_t topic, uint16_t partition, uint64_t count) override;
  bool Redeliver(uint16_t stage, uint16_t partition, uint64_t records) override;

 private:
  using Net = Network<LogTraits>;
  using Connection = Net::Connection;
  using Payload = LogTraits::Payload;
  class Link;

  bus::LogConnectionId Open(Connection& connection) override { return broker_.Open(connection, world_.Now()); }
  void Drop(Connection& connection) override { broker_.Drop(connection.id, world_.Now()); }
  bool Reads(const Connection& connection, const Net::Packet& packet) override {
    if (connection.state.stalled) return false;
    if (!connection.weather->hold_ends || !EndsTransaction(packet)) return true;
    world_.Strikes(connection.weather->ends_held_by);
    return false;
  }
  bool Read(Connection& connection, std::unique_ptr<Payload>& payload) override;
  void TakeEvents(Connection& connection, std::vector<bus::LogEvent>& events) override {
    broker_.TakeEvents(connection.id, events);
  }
  bool Tells(Connection& connection, bus::LogEvent& event) override;
  bool IsConfirm(const bus::LogEvent& event) const override {
    return event.kind == bus::LogEventKind::kProduced || event.method == bus::LogMethod::kEndTransaction;
  }
  void Reaches(Connection& connection, const bus::LogEvent& event) override;
  void HaveReached(Connection& connection) override;
  void Forgets(Connection& connection) override { connection.state.stalled = false; }

  void OnRequest(Connection& connection, const bus::LogRequest& request);
  void OnPublished(Connection& connection, Payload& published);
  void PublishOneByOne(Connection& connection, Payload& published);
  void Appended(const Owner& by, int32_t topic, int32_t partition, uint32_t message, uint64_t transaction = 0);
  void NoteGenerations();
  bool Settled(uint16_t reader, bus::Partition partition) const;

  // log_side_transactions.cc
  static bool EndsTransaction(const Net::Packet& packet);
  // The number of the transaction that the connection's producer is in; it is its owner's from now on.
  uint64_t InTransaction(const Connection& connection);
  void OnTransactionEnd(const bus::LogTransactionEnd& end);
  // Calls for the records that readers see, or will once the transactions that are open are aborted.
  bool Seen(bus::Partition partition, int64_t offset) const;
  void ForEachVisible(bus::Partition partition, const std::function<void(uint32_t)>& visit) const;

  World& world_;
  bus::LogBroker broker_;
  bus::Capabilities capabilities_;
  Net network_;
  std::map<std::pair<uint16_t, bus::Partition>, int64_t> went_back_;  // see AllSettled; by stage
  std::vector<std::vector<std::vector<uint32_t>>> messages_;          // by topic, partition, offset
  std::vector<int32_t> generations_;                                  // by stage
  bool transactions_ = false;                                         // a stage is exactly-once
  std::map<uint64_t, Owner> open_;                                    // transactions, by number
  bool refusing_ = false;
  bool coordinator_ = true;
  // Faults that something may meet: see World::Strikes.
  std::vector<Armed> refusals_;  // by topic
  uint32_t coordinator_gone_by_ = kNoFault;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_LOG_SIDE_H_
