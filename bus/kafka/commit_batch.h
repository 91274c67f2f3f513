// Commits on their way: one request at a time, with the latest of what has come together meanwhile.
//
// One at a time, so that no earlier offset can land behind a later one, and because librdkafka sends what is asked for
// one by one. The core's commits are answered in the order in which they were made.
//
// Threading: one thread.
#ifndef MILLRACE_BUS_KAFKA_COMMIT_BATCH_H_
#define MILLRACE_BUS_KAFKA_COMMIT_BATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bus/kafka/rdkafka.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

class KafkaCommitBatch {
 public:
  // Keeps what the request says.
  void Add(const LogRequest& commit);
  // Sends what waits, unless something is under way; the result comes to `queue`.
  void Send(rd_kafka_t* handle, rd_kafka_queue_t* queue, const std::vector<std::string>& topics,
            std::vector<LogEvent>& events);
  // The result: answers for all that it settles.
  void OnResult(rd_kafka_event_t* event, const std::vector<std::string>& topics, std::vector<LogEvent>& events);
  // What waits is answered with `error`, without being sent.
  void FailWaiting(LogError error, std::vector<LogEvent>& events);
  // The handle is gone: nothing is under way any more, nothing waits.
  void Clear();

 private:
  struct Commit {
    uint64_t id = 0;
    int32_t generation = -1;
    bool quiet = false;
    Partition partition;
    int64_t offset = 0;
  };
  struct Latest {
    int64_t offset = 0;
    std::string note;
  };
  struct Failed {
    Commit commit;
    LogError error;
  };
  static void Answer(const Commit& commit, LogError error, std::vector<LogEvent>& events);

  std::vector<Commit> waiting_;
  std::vector<Commit> under_way_;
  std::vector<Failed> failed_;          // to be answered behind what is under way
  std::map<Partition, Latest> latest_;  // of what waits
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_COMMIT_BATCH_H_
