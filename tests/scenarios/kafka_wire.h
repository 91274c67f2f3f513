// A LogLink that speaks Kafka's protocol itself, request by request: for clients below the drivers, which do what no client
// library would. Each LogRequest is one request of the protocol, or the few that it takes (a transaction's partitions are added
// before anything is written there).
//
// Requests are answered within the call, but for joining and syncing, which wait for others: those have a socket of their own.
// Answers that pass by themselves (a coordinator that is being loaded, a transaction whose markers are being written) are asked
// for again.
//
// Errors: a broker that cannot be reached, or answers nothing, is kDisconnected. Blocking: up to ten seconds a request.
// Threading: one thread at a time.
#ifndef MILLRACE_TESTS_SCENARIOS_KAFKA_WIRE_H_
#define MILLRACE_TESTS_SCENARIOS_KAFKA_WIRE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/log_wire.h"
#include "tests/scenarios/kafka_codec.h"

namespace millrace::scenarios {

// One request of the protocol.
struct KafkaCall {
  int16_t api = 0;
  int16_t version = 0;
  bool flexible = false;
};

// A socket to a broker on this machine.
class KafkaSocket {
 public:
  KafkaSocket() = default;
  ~KafkaSocket() { Close(); }
  KafkaSocket(const KafkaSocket&) = delete;
  KafkaSocket& operator=(const KafkaSocket&) = delete;
  bool Open(uint16_t port);
  void Close();
  bool open() const { return fd_ >= 0; }
  // False where the connection has gone.
  bool Send(const KafkaCall& call, const std::string& body, int32_t correlation);
  // An answer without its header; waits up to `most_ms` for it. Empty where there is none; closed where the connection has gone.
  std::string Receive(const KafkaCall& call, int32_t& correlation, int most_ms);

 private:
  int fd_ = -1;
  std::string held_;
};

class KafkaWire final : public bus::LogLink {
 public:
  // `topics` gives topics their ids, which several wires share; it outlives them.
  KafkaWire(uint16_t port, std::vector<std::string>& topics, bus::Waker& waker)
      : port_(port), waker_(waker), topics_(topics) {}

  void Connect(MonotonicTime now) override;
  void Send(const bus::LogRequest& request, MonotonicTime now) override;
  size_t Produce(std::span<const int32_t> topics, std::span<const bus::Outgoing> messages, uint64_t first_token,
                 MonotonicTime now) override;
  void Drop(MonotonicTime now) override;
  void Receive(std::vector<bus::LogEvent>& events) override;

  // ---- beyond LogLink
  // Has the coordinator give up all members of a group: as each would by itself, in its name.
  bool Expel(const std::string& group);
  bus::LogError DeleteGroup(const std::string& group);

 private:
  struct Waiting {
    KafkaCall call;
    bus::LogMethod method;
    uint64_t id = 0;
    int32_t generation = -1;
    std::string body;
  };

  // An answer, without its error where that passes; ok() is false where nothing was answered.
  std::string Ask(const KafkaCall& call, const std::string& body);
  // The same until the error at `error_at` of the answer is none that passes by itself.
  std::string AskUntil(const KafkaCall& call, const std::string& body, size_t error_at);
  void AwaitCoordinator(const std::string& key, int8_t kind);

  void Metadata(const bus::LogRequest& request);
  void JoinGroup(const bus::LogRequest& request);
  void SyncGroup(const bus::LogRequest& request);
  void Heartbeat(const bus::LogRequest& request);
  void LeaveGroup(const bus::LogRequest& request);
  void Commit(const bus::LogRequest& request);
  void Offsets(const bus::LogRequest& request);
  void InitProducer(const bus::LogRequest& request);
  void TransactOffset(const bus::LogRequest& request);
  void EndTransaction(const bus::LogRequest& request);
  bus::LogError AddPartition(bus::Partition partition);
  void AskGroup(Waiting waiting);
  void TakeGroupAnswers();

  bus::LogEvent& Reply(const bus::LogRequest& request, bus::LogError error);
  const std::string& TopicName(int32_t id) const { return topics_.at(static_cast<size_t>(id)); }

  const uint16_t port_;
  bus::Waker& waker_;
  KafkaSocket data_;
  KafkaSocket group_;
  int32_t next_correlation_ = 1;
  std::map<int32_t, Waiting> waiting_;  // on the group's socket
  std::vector<bus::LogEvent> events_;
  std::vector<std::string>& topics_;  // by our ids

  std::string transactional_id_;
  int64_t producer_id_ = -1;
  int16_t producer_epoch_ = -1;
  std::map<bus::Partition, int32_t> sequences_;
  std::set<bus::Partition> added_;         // to the transaction
  std::set<std::string> added_groups_;     // so too
  std::set<std::string> coordinators_up_;  // keys that were asked about
};

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_KAFKA_WIRE_H_
