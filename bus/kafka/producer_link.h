// A LogLink over librdkafka for the producer of bus/memory: idempotent, confirmed by all replicas in sync, without any
// expiry of its own.
//
//   * librdkafka's queue is bounded; when it is full Produce takes less, and kWritable follows when half of it is gone.
//   * A fatal error (librdkafka cannot go on without a gap) ends the connection: what is open is unknown, a new one has a
//     new handle, and the worker publishes the same ids again in their order.
//   * Answers come as delivery reports do: of one partition in order, of several as they come.
//   * With a transactional id: transactions.h.
//
// Threading: one thread; librdkafka's raise the signal. Blocking: destruction and Drop, until librdkafka's threads have
// ended and a call on the background thread has run out: a second, and sixteen of a transaction whose coordinator is silent.
// Ownership: clock and signal outlive it.
#ifndef MILLRACE_BUS_KAFKA_PRODUCER_LINK_H_
#define MILLRACE_BUS_KAFKA_PRODUCER_LINK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/kafka/background.h"
#include "bus/kafka/rdkafka.h"
#include "bus/kafka/signal.h"
#include "bus/kafka/transactions.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

class KafkaProducerLink final : public LogLink {
 public:
  KafkaProducerLink(const KafkaUrl& url, const ProducerOptions& options, const Clock& clock, KafkaSignal& signal);
  ~KafkaProducerLink() override;

  void Connect(MonotonicTime now) override;
  void Send(const LogRequest& request, MonotonicTime now) override { SendAll({&request, 1}, now); }
  void SendAll(std::span<const LogRequest> requests, MonotonicTime now) override;
  size_t Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                 MonotonicTime now) override;
  void Drop(MonotonicTime now) override;
  void Receive(std::vector<LogEvent>& events) override;

 private:
  static void OnReport(rd_kafka_t*, const rd_kafka_message_t* message, void* link);
  static void OnError(rd_kafka_t* handle, int error, const char* text, void* link);
  static void OnQueue(rd_kafka_t*, void* link);
  absl::Status OpenHandle();
  void DestroyHandle();
  // As often as `unsure` says a broker may not know a topic yet; then it has no partitions. `known`: of the first of them.
  void AskMetadata(uint64_t id, const std::vector<std::string>& topics, Duration pause, int unsure,
                   std::vector<LogTopicInfo> known = {});
  // False: librdkafka's queue is full, or it has given up.
  bool ProduceOne(rd_kafka_topic_t* topic, const Outgoing& outgoing, uint64_t token);
  void OnReported(const rd_kafka_message_t& message);
  // After a publish of a transaction has failed: whoever aborts it waits for the answers of all others, and librdkafka 2.0.2
  // loses those that it had sent to the same topic where a broker takes that for unknown or forbidden, and puts them back
  // into a partition that it has just removed. Then the handle is given up.
  void AwaitTheRest(uint64_t transaction, MonotonicTime until);
  // librdkafka refuses a topic by itself that it may not write, until it is asked about again: some minutes.
  void AskAgainAbout(rd_kafka_topic_t* topic);
  // `refused`: what librdkafka says where it is no success.
  void Answer(uint64_t token, LogError error, rd_kafka_resp_err_t refused, std::string_view topic);
  // Of a transactional handle, which tells by events: a call on the thread beside must not be told reports.
  void ServeQueue();

  const KafkaUrl url_;
  const std::string name_;
  const Clock& clock_;
  KafkaSignal& signal_;
  rd_kafka_t* handle_ = nullptr;
  RdQueue queue_;
  std::vector<LogEvent> events_;  // to be received
  KafkaBackground background_;
  std::vector<std::string> names_;   // of the topics, by id; the core asks for them once, and handles come and go
  std::vector<int32_t> partitions_;  // of each
  std::vector<RdTopic> topics_;      // the same, of this handle
  KafkaTransactions transactions_;
  bool starved_ = false;
  bool fatal_ = false;
  bool look_ = false;
  bool asking_again_ = false;
  bool awaiting_rest_ = false;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_PRODUCER_LINK_H_
