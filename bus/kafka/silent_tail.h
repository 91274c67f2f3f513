// Tells a group that has read everything from one that has not: markers and aborted records of transactions take offsets
// at the end of a partition, and a transactional consumer commits them with its next message only.
//
//   tail.Find("raw", {{.partition = 3, .from = 42, .end = 43}, …});     // those of them with nothing to read in between
//
// Reading is the only way to know. So a partition is read once it was asked about twice with the same offsets, which is
// when nothing moves any more; and what was found out is kept.
//
// Blocking: up to two seconds, and the first time for a connection. Errors: none; what is not found out has something to
// read. Threading: any thread.
#ifndef MILLRACE_BUS_KAFKA_SILENT_TAIL_H_
#define MILLRACE_BUS_KAFKA_SILENT_TAIL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "bus/kafka/core/kafka_url.h"
#include "bus/kafka/rdkafka.h"

namespace millrace::bus {

struct KafkaStretch {
  int32_t partition = 0;
  int64_t from = 0;
  int64_t end = 0;  // behind the last offset
};

class KafkaSilentTail {
 public:
  // `url` with its values resolved.
  explicit KafkaSilentTail(const KafkaUrl& url) : url_(url) {}

  // Which partitions have nothing to read in their stretch; one stretch a partition.
  std::set<int32_t> Find(const std::string& topic, const std::vector<KafkaStretch>& stretches);

 private:
  enum class Known : uint8_t { kAsked, kSilent, kNot };
  using Place = std::tuple<std::string, int32_t, int64_t>;  // topic, partition, from
  struct Entry {
    int64_t end = -1;
    Known known = Known::kAsked;
  };
  void Read(const std::string& topic, const std::vector<KafkaStretch>& stretches);

  const KafkaUrl url_;
  std::mutex mutex_;
  std::map<Place, Entry> entries_;  // of groups that went on since, too, until there are too many
  std::unique_ptr<rd_kafka_t, RdFree<rd_kafka_destroy>> handle_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_SILENT_TAIL_H_
