// `mem:`: the bus inside one process, for production use and as the first backend that everything runs on.
//
//   auto bus = OpenMemoryBus("mem:", clock);                          // the semantics of a log (Kafka's)
//   auto bus = OpenMemoryBus("mem:?semantics=queue", clock);          // the semantics of queues (RabbitMQ's)
//   if (!bus.ok()) return bus.status();
//   (*bus)->Apply(topology);
//   ...
//   (*bus)->SaveTo("orders.backlog");                                 // on a graceful exit: keeps what is unsettled
//
// Parameters of the URL, `mem:?name=value&name=value`:
//   semantics=log|queue         log
//   session=kept|strict         kept: the bus takes an open consumer for a live one, however long its thread stays
//                               away, and one that is destroyed without Close for a dead one at once (with a
//                               static_id: after session_timeout). strict: sessions and rebalances time out as on a
//                               real broker (log only).
//   message_bytes_max=N         1000000; key + body + headers of one message
//   retention_bytes=N           0 (none); per partition, also of what nobody has settled: destroyed, and announced as
//                               DataLoss (log only; topics with TopicSpec::keep are spared)
//   segment_bytes=N             65536; the pieces that memory is taken and given back in
//
// Effect      Both semantics run the deterministic broker models of this folder behind one lock. Publishing copies
//             the bytes once; deliveries are views into segments that are reused when all groups have settled what is
//             in them and nobody holds them.
// Blocking    nothing blocks for longer than the lock, except Close of a consumer, up to its deadline.
// Errors      OpenMemoryBus: InvalidArgument naming the parameter and the known ones. Apply: InvalidArgument,
//             FailedPrecondition.
// Threading   any thread; each producer and consumer is used by one thread at a time. Handlers run without the lock.
//             Wakers are called without the lock too, by the thread whose call made something ready.
// Ownership   the clock outlives the bus, the bus its producers and consumers, wakers the objects they were given to.
#ifndef MILLRACE_BUS_MEMORY_MEMORY_BUS_H_
#define MILLRACE_BUS_MEMORY_MEMORY_BUS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "bus/clock.h"
#include "bus/message.h"

namespace millrace::bus {

// A record as it lies in the bus.
struct Resting {
  int32_t partition = 0;
  int64_t offset = -1;        // -1 on queues
  uint32_t redeliveries = 0;  // on queues
  Message message;            // valid during the call
};

class MemoryBus : public Bus {
 public:
  // Return false to stop. Runs under the bus's lock: it must not call the bus.
  using RestingVisitor = std::function<bool(const Resting&)>;

  // The records of `topic` that `group` has not settled, by partition, in order. NotFound for an unknown topic or
  // group.
  virtual absl::Status ForEachUnsettled(const std::string& group, const std::string& topic,
                                        const RestingVisitor& visit) = 0;
  // All records that a topic with TopicSpec::keep has ever had, by partition, in order; FailedPrecondition for a topic
  // that keeps nothing. NotFound for an unknown topic.
  virtual absl::Status ForEachKept(const std::string& topic, const RestingVisitor& visit) = 0;
  // The topics, as applied or loaded, by name.
  virtual Topology Topics() const = 0;

  // Writes topics, what is kept or not settled, positions and notes to `path`: into a file beside it, which then takes
  // its place, so a crash leaves the old file or the new one. Publishing and settling while it runs is allowed and may
  // or may not be in the file. Errors: Unavailable naming the file and the system's reason.
  virtual absl::Status SaveTo(const std::string& path) = 0;
  // Reads what SaveTo wrote, before anything is applied or opened (else FailedPrecondition); Apply then extends or
  // verifies. NotFound: no such file. DataLoss: the file is damaged, with the place; nothing is loaded then.
  // FailedPrecondition: it was written with other semantics or by a later version.
  virtual absl::Status LoadFrom(const std::string& path) = 0;

  // As retention would (log only, else FailedPrecondition): destroys the records below `offset`. Consumers that had not
  // read them are told DataLoss.
  virtual absl::Status DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset) = 0;

  // Told, from now on, each record that is destroyed before `group` has settled it, once for each such group. Runs on
  // whatever thread destroys it, under the bus's lock: one call at a time, and it must not call the bus. Before
  // anything is opened. Queues destroy nothing.
  using DestroyedVisitor = std::function<void(std::string_view group, std::string_view topic, const Resting& record)>;
  virtual void WatchDestroyed(DestroyedVisitor visit) = 0;
};

absl::StatusOr<std::unique_ptr<MemoryBus>> OpenMemoryBus(std::string_view url, const Clock& clock);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_MEMORY_BUS_H_
