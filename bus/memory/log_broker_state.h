// What the model of the log broker is made of; for log_broker*.cc only.
#ifndef MILLRACE_BUS_MEMORY_LOG_BROKER_STATE_H_
#define MILLRACE_BUS_MEMORY_LOG_BROKER_STATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bus/memory/log_broker.h"
#include "bus/memory/log_isolation.h"

namespace millrace::bus {

struct LogBroker::WaitingFetch {
  LogConnectionId connection = 0;
  uint64_t id = 0;
  int64_t offset = 0;
  uint32_t max = 0;
};

struct LogBroker::Connection {
  LogConnectionId id = 0;
  Waker* ready = nullptr;
  bool told = false;   // woken since events were taken last
  bool ended = false;  // kDisconnected is the last event
  std::vector<LogEvent> outbox;
  LogGroup* last_group = nullptr;    // of the last commit: most go to the same
  Transactions* producer = nullptr;  // since kInitProducer
  int32_t producer_epoch = 0;        // that it was given then
};

struct LogBroker::PartitionState {
  PartitionState(Topic* of, Partition p, SegmentPool& pool) : topic(of), partition(p), log(pool) {}
  Topic* topic;
  Partition partition;
  LogPartition log;
  std::vector<WaitingFetch> waiting;
  std::vector<int64_t> settled;             // by group of the topic: the highest it has committed
  uint64_t settled_position = 0;            // of what all groups have settled
  std::unique_ptr<LogIsolation> isolation;  // since a transaction has first written here
  bool touched = false;
};

// Of one transactional id: one after the other.
struct LogBroker::Transactions {
  struct Offset {
    std::string group;
    Partition partition;
    int64_t offset = 0;
    std::string note;
  };
  uint64_t producer = 0;   // a number for the id
  int32_t epoch = -1;      // of who may write
  bool timed_out = false;  // the epoch was raised by that
  Duration timeout{0};
  bool open = false;
  uint64_t number = 0;                             // of the last that was begun
  MonotonicTime ends = MonotonicTime::Infinite();  // open: by the time-out
  std::vector<PartitionState*> written;
  std::vector<Offset> offsets;  // to be committed with it
};

struct LogBroker::Topic {
  TopicSpec spec;
  std::vector<PartitionState> partitions;  // fixed
  std::vector<const LogGroup*> groups;     // in the order of spec.groups
  uint64_t backlog = 0;                    // bytes that some group has not settled
  std::vector<LogConnectionId> starved;    // producers that wait for room
  uint64_t refuse_next = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_BROKER_STATE_H_
