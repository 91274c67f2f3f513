// One partition as librdkafka fetches it: its own queue, read only when the core asks for more.
//
// Not reading is how flow is off: librdkafka stops fetching when the queue is full (queued.max.messages.kbytes, for each
// partition) and throws nothing away, so there is no pause to survive a rebalance and no prefetch to lose.
//
// Messages are taken singly: the batch calls of librdkafka 2.0.2 can skip messages around a rebalance. They are copied
// into a segment and given back at once, as live ones keep a handle from closing.
//
// Threading: one thread; librdkafka's threads only raise the signal.
#ifndef MILLRACE_BUS_KAFKA_PARTITION_READER_H_
#define MILLRACE_BUS_KAFKA_PARTITION_READER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "bus/kafka/rdkafka.h"
#include "bus/kafka/signal.h"
#include "bus/memory/log_wire.h"
#include "bus/segment.h"

namespace millrace::bus {

class KafkaPartitionReader {
 public:
  KafkaPartitionReader(const std::string& topic, Partition partition, KafkaSignal& signal)
      : topic_(topic), partition_(partition), signal_(signal) {}
  ~KafkaPartitionReader() { Close(); }
  KafkaPartitionReader(const KafkaPartitionReader&) = delete;
  KafkaPartitionReader& operator=(const KafkaPartitionReader&) = delete;

  // Takes the partition's queue for itself, before the partition is assigned at `position`.
  void Open(rd_kafka_t* handle, int64_t position);
  void Close();
  bool open() const { return queue_ != nullptr; }

  // Where the next message is expected.
  int64_t position() const { return position_; }
  // What was fetched before is void, and nothing is taken until Restarted says that the partition is assigned at `position`: what
  // lies in its queue until then may be of further behind, and would leave a gap.
  void Restart(int64_t position);
  void Restarted() { waits_ = false; }
  // librdkafka has stopped fetching it, and goes on only where it is assigned anew.
  bool stopped() const { return stopped_; }

  // The core's request. Its answer comes from Answer; a later request takes its place.
  void Ask(const LogRequest& fetch);
  bool asked() const { return fetch_id_ != 0; }
  void Forget() { fetch_id_ = 0; }
  // Fills `event` when there is an answer. What else the queue says ends up in `trouble`.
  bool Answer(SegmentPool& pool, LogEvent& event, absl::Status& trouble);

  const std::string& topic() const { return topic_; }
  Partition partition() const { return partition_; }

 private:
  static void OnQueue(rd_kafka_t*, void* reader);
  void Collect();
  void OnError(const rd_kafka_message_t& message, absl::Status& trouble);
  void Fill(SegmentPool& pool, LogEvent& event);

  const std::string topic_;
  const Partition partition_;
  KafkaSignal& signal_;
  RdQueue queue_;
  std::atomic<bool> ready_{false};  // there may be something in the queue
  int64_t position_ = 0;
  int64_t end_seen_ = -1;  // librdkafka has read up to here and found the end
  bool stopped_ = false;
  bool waits_ = false;         // for its assignment
  bool out_of_range_ = false;  // to be told
  uint64_t fetch_id_ = 0;
  uint32_t fetch_max_ = 0;
  std::vector<RdMessage> messages_;  // scratch
  absl::Status trouble_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_PARTITION_READER_H_
