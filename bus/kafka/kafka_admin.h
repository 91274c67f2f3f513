// Questions and orders to a Kafka that no consumer or producer is needed for: topics, offsets of groups, ends of
// partitions.
//
//   auto admin = KafkaAdmin::Open(url);                 // answers, or the error says why not
//   auto topic = (*admin)->Describe("raw");
//
// Blocking: each call, up to ten seconds. Errors: Unavailable where no broker answers in that time; others with each
// call. Threading: any thread.
#ifndef MILLRACE_BUS_KAFKA_KAFKA_ADMIN_H_
#define MILLRACE_BUS_KAFKA_KAFKA_ADMIN_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/kafka/group_offsets.h"
#include "bus/kafka/rdkafka.h"
#include "bus/kafka/silent_tail.h"

namespace millrace::bus {

struct KafkaTopic {
  int32_t partitions = 0;
  int32_t replication = 0;
  bool usable = false;  // every partition has a leader
};

struct KafkaNewTopic {
  std::string name;
  int32_t partitions = 1;
  int replication = 0;  // 0: as the broker is set up
  std::vector<std::pair<std::string, std::string>> settings;
};

struct KafkaPlace {
  int64_t committed = -1;  // -1: none
  int64_t start = 0;
  int64_t end = 0;
  int64_t lag = 0;  // offsets from where the group goes on; 0 where nothing of that can be read (silent_tail.h)
};

struct KafkaMember {
  std::string name;  // its client.id
  std::string host;
  std::vector<std::pair<std::string, int32_t>> partitions;
};

class KafkaAdmin {
 public:
  // `url` with its values resolved. Errors: InvalidArgument for properties; Unavailable with what librdkafka said last.
  static absl::StatusOr<std::unique_ptr<KafkaAdmin>> Open(const KafkaUrl& url);
  ~KafkaAdmin();

  // NotFound for a topic that is not there.
  absl::StatusOr<KafkaTopic> Describe(const std::string& topic);
  // Makes the topics; one that is there already is none of an error. InvalidArgument, FailedPrecondition with the
  // broker's reason.
  absl::Status Create(const std::vector<KafkaNewTopic>& topics);
  // A topic's settings as they apply. NotFound.
  absl::StatusOr<std::map<std::string, std::string>> Settings(const std::string& topic);
  // One for each partition. NotFound.
  absl::StatusOr<std::vector<KafkaPlace>> Places(const std::string& group, const std::string& topic);
  // As retention would.
  absl::Status DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset);

  // Of a group that nobody has joined: none.
  absl::StatusOr<std::vector<KafkaMember>> Members(const std::string& group);
  // Partitions with offsets; their notes are forgotten. FailedPrecondition while the group has members.
  absl::Status SetCommitted(const std::string& group, const std::string& topic,
                            const std::vector<std::pair<int32_t, int64_t>>& offsets);
  // The first offset of each partition whose record is not before the time; -1 where there is none.
  absl::StatusOr<std::vector<int64_t>> OffsetsAt(const std::string& topic, int32_t partitions, int64_t timestamp_ms);

  rd_kafka_t* handle() const { return handle_; }

 private:
  KafkaAdmin() = default;
  static void OnError(rd_kafka_t*, int error, const char* text, void* admin);
  absl::Status NoAnswer(const std::string& what, rd_kafka_resp_err_t error);
  absl::StatusOr<std::vector<int64_t>> Committed(const std::string& group, const std::string& topic,
                                                 int32_t partitions);

  rd_kafka_t* handle_ = nullptr;
  std::unique_ptr<KafkaGroupOffsets> offsets_;
  std::unique_ptr<KafkaSilentTail> tail_;
  std::mutex mutex_;
  std::string last_error_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_KAFKA_ADMIN_H_
