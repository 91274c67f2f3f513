// What readers of committed data may see of one partition: nothing behind the first record of a transaction that is
// still open (the last stable offset), and no record of one that was aborted.
//
//   LogIsolation isolation;
//   isolation.Append(producer, log.Append(message));
//   isolation.Commit(producer);  log.AppendGap(1);         // the marker
//   LogPartition::Slice seen = isolation.Read(log, offset, 64);
//
// Kafka's brokers hand out aborted records too, with a list by which clients leave them out; here the broker does, so a
// slice is cut where they begin.
//
// A partition that no transaction has ever written to has none of this, and pays for none.
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_MEMORY_LOG_ISOLATION_H_
#define MILLRACE_BUS_MEMORY_LOG_ISOLATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bus/memory/log_partition.h"

namespace millrace::bus {

class LogIsolation {
 public:
  // A record of the producer's open transaction was appended at `offset`.
  void Append(uint64_t producer, int64_t offset);
  // The producer's transaction is over; what it has written here may be seen, or never will be.
  void Commit(uint64_t producer) { End(producer, false); }
  void Abort(uint64_t producer) { End(producer, true); }

  // The last stable offset: what lies before it will not change any more.
  int64_t StableEnd(const LogPartition& log) const;
  // As LogPartition::Read, of what may be seen. `next` is behind everything that never will be, where nothing else
  // follows.
  LogPartition::Slice Read(const LogPartition& log, int64_t offset, size_t max) const;
  // How many records from `offset` on may be seen.
  uint64_t VisibleFrom(const LogPartition& log, int64_t offset) const;
  // As if every transaction that is open had been aborted.
  LogIsolation WithoutOpen() const;
  // The log starts there: what lies before needs no keeping.
  void DropBefore(int64_t start);

 private:
  struct Run {
    int64_t first = 0;
    int64_t end = 0;  // behind the last
  };
  struct Open {
    uint64_t producer = 0;
    std::vector<Run> runs;  // ascending
  };

  void End(uint64_t producer, bool abort);
  // The aborted run that holds `offset` or the first behind it; nullptr where there is none.
  const Run* AbortedFrom(int64_t offset) const;

  std::vector<Open> open_;
  std::vector<Run> aborted_;  // ascending, disjoint
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_ISOLATION_H_
