// A LogLink over librdkafka: the client core of bus/memory, which the simulator runs through crashes and rebalances,
// consumes from a real Kafka through this and knows nothing of it.
//
// librdkafka keeps the connections, plays the group's protocol, fetches. This translates: rebalances by core/rebalance.h,
// fetches from queues that it reads when asked (partition_reader.h), commits one request at a time (commit_batch.h),
// questions that have to wait for an answer on a thread beside (background.h). What decides is in the core.
//
//   * A partition is assigned to librdkafka only when the group's offset, or the beginning of the log, is known, and at
//     that offset: nothing is left to auto.offset.reset, which is an error and means out of range.
//   * One connection of the core is one handle. It is up as soon as the handle is there: librdkafka reconnects by itself,
//     and an outage is told as trouble, with nothing given up.
//   * Leaving closes the handle; who joins again gets a new one.
//
// Threading: one thread; librdkafka's raise the signal. Blocking: destruction, until librdkafka's threads have ended and
// a call on the background thread has run out. Ownership: clock and signal outlive it.
#ifndef MILLRACE_BUS_KAFKA_CONSUMER_LINK_H_
#define MILLRACE_BUS_KAFKA_CONSUMER_LINK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/kafka/background.h"
#include "bus/kafka/commit_batch.h"
#include "bus/kafka/core/rebalance.h"
#include "bus/kafka/offset_lookup.h"
#include "bus/kafka/partition_reader.h"
#include "bus/kafka/rdkafka.h"
#include "bus/kafka/signal.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

class KafkaConsumerLink final : public LogLink, private KafkaGroupClient {
 public:
  // `url` with its values resolved. `rebalance_timeout`: how long the group waits for this member to join again.
  KafkaConsumerLink(const KafkaUrl& url, const ConsumerOptions& options, Duration rebalance_timeout, const Clock& clock,
                    KafkaSignal& signal);
  ~KafkaConsumerLink() override;

  void Connect(MonotonicTime now) override;
  void Send(const LogRequest& request, MonotonicTime now) override;
  size_t Produce(std::span<const int32_t>, std::span<const Outgoing>, uint64_t, MonotonicTime) override { return 0; }
  void Drop(MonotonicTime now) override;
  void Receive(std::vector<LogEvent>& events) override;

  // Who this is in its group at this moment, for a transaction that settles: the broker refuses it once that is over.
  // Empty: no member, whose offsets must not be sent (member_bytes.h).
  // Waits for librdkafka's main thread, not for a broker.
  std::string GroupMetadata() const;

  // Whether librdkafka has to be looked at although it may raise nothing.
  bool busy() const { return rebalance_.leaving(); }

 private:
  // KafkaGroupClient
  void Subscribe() override;
  void Unassign(const std::set<Partition>& partitions) override;
  void Close() override;

  static void OnQueue(rd_kafka_t*, void* link);
  absl::Status OpenHandle();
  void DestroyHandle();

  void ServeQueue();
  void OnRebalance(rd_kafka_event_t* event);
  void OnError(rd_kafka_resp_err_t error, const std::string& text);
  void Trouble(absl::Status status);
  // What came of looking offsets up, told as trouble where it lasts or somebody has to give a right, and when it is over.
  void OnLookedUp(const absl::Status& status);

  // `known`: of the first of them.
  void AskMetadata(uint64_t id, const std::vector<std::string>& topics, Duration pause,
                   std::vector<LogTopicInfo> known = {});
  void AskOffsets(uint64_t id, const std::vector<Partition>& partitions);
  void AnswerOffsets(uint64_t id, LogError error, std::vector<LogOffsets> offsets);
  // Finds out where `assigning_` begins, then assigns it.
  void LookUpStarts(Duration pause);
  void Assign(const std::vector<LogOffsets>& starts);
  void RestartStopped();
  void ProbeUntilWell();
  void ReadPartitions();

  std::vector<Partition> Partitions(const rd_kafka_topic_partition_list_t* list) const;
  RdList ListOf(const std::set<Partition>& partitions) const;

  const KafkaUrl url_;
  const ConsumerOptions options_;
  const Duration rebalance_timeout_;
  const Clock& clock_;
  KafkaSignal& signal_;
  rd_kafka_t* handle_ = nullptr;
  RdQueue queue_;                 // rebalances, errors, results of commits
  std::vector<LogEvent> events_;  // to be received
  KafkaRebalance rebalance_;
  KafkaCommitBatch commits_;
  KafkaBackground background_;
  SegmentPool pool_;

  std::vector<std::string> topics_;                                     // by id
  std::map<Partition, std::unique_ptr<KafkaPartitionReader>> readers_;  // of what is assigned
  std::map<Partition, LogOffsets> looked_up_;                           // with the assignment; not yet told
  std::vector<Partition> assigning_;                                    // librdkafka waits for Assign
  bool assign_open_ = false;
  uint64_t assign_serial_ = 0;  // answers for an earlier one are void
  bool answered_ = false;       // what librdkafka has asked of the group has its answer already
  bool restart_ = false;
  bool look_ = false;  // something was asked for since the last Receive
  bool down_ = false;
  std::string last_error_;
  MonotonicTime looking_since_ = MonotonicTime::Infinite();  // without success
  std::string look_trouble_;                                 // as it was told
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_CONSUMER_LINK_H_
