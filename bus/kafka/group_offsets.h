// What a group has committed, asked by a handle that is not in it.
//
// The handle is a consumer's, of the group that is asked about first, and joins nothing. With one that has no group.id
// librdkafka 2.0.2 ends the process when the answer is that the coordinator has moved or is not there yet: it tells
// the handle's own group, which is none (rd_kafka_handle_OffsetFetch; confluentinc/librdkafka pull request 5318).
//
// Blocking: Find, up to the time-out. Threading: any thread; one waits for another.
#ifndef MILLRACE_BUS_KAFKA_GROUP_OFFSETS_H_
#define MILLRACE_BUS_KAFKA_GROUP_OFFSETS_H_

#include <memory>
#include <mutex>
#include <string>

#include "bus/kafka/core/kafka_url.h"
#include "bus/kafka/rdkafka.h"

namespace millrace::bus {

class KafkaGroupOffsets {
 public:
  // `url` with its values resolved. The handle is made when it is needed.
  explicit KafkaGroupOffsets(const KafkaUrl& url) : url_(url) {}

  // Into `found`, with notes as metadata; an error of one partition is the whole's. `stable`: the broker answers
  // UNSTABLE_OFFSET_COMMIT while a transaction that has not ended says something there (KIP-447).
  rd_kafka_resp_err_t Find(const std::string& group, const RdList& partitions, bool stable, int timeout_ms,
                           RdList& found);

 private:
  const KafkaUrl url_;
  std::mutex mutex_;
  std::unique_ptr<rd_kafka_t, RdFree<rd_kafka_destroy>> handle_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_GROUP_OFFSETS_H_
