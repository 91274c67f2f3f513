// The narrow interface that a backend implements. Users of the bus take bus/consumer.h and bus/producer.h, which check
// the contract on top.
//
// A driver never calls on its own accord: everything that happened is told inside Poll, on the caller's thread. So a
// caller is a plain loop (or a simulator's scheduler), and a driver whose I/O has threads of its own hands over through
// Waker.
//
//   Effect      Poll tells what has happened since the last Poll, in order, and returns.
//   Blocking    no call blocks, except Close (bounded by its deadline).
//   Errors      what happened to the connection comes through OnTrouble; calls return no status, because what they
//               start is answered by events.
//   Threading   one thread at a time per driver object; Waker::Wake is called from any thread.
//   Ownership   spans and views passed to a handler are valid during the call, bytes of deliveries as long as their
//               segment is held. Spans and views passed to the driver need to live only during the call.
//
// Status codes, the same in every backend:
//   Unavailable         the broker cannot be reached or is refusing work: wait
//   ResourceExhausted   back-pressure: less, later
//   DeadlineExceeded    the outcome is unknown: it may or may not have happened
//   Aborted             stale epoch: somebody else owns that now
//   InvalidArgument     permanent: the same call can never succeed (a message over the limit)
//   FailedPrecondition  topology mismatch: a topic is missing or has other partitions than the pipeline says
//   DataLoss            the broker destroyed messages (retention, a deleted queue) and says so
#ifndef MILLRACE_BUS_DRIVER_H_
#define MILLRACE_BUS_DRIVER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/check.h"
#include "bus/clock.h"
#include "bus/delivery.h"
#include "bus/message.h"
#include "bus/partition.h"

namespace millrace::bus {

// Told that a Poll would have something to say, or that time has made something due. Any thread; must not call back
// into the driver.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void Wake() = 0;
};

// ---------------------------------------------------------------- consuming

// What the broker destroyed of a partition before the group had settled it.
struct DataLoss {
  Partition partition;
  // Logs: offsets, both included; to the last one where the log's end is gone, as nobody knows how far it went. Queues:
  // everything.
  uint64_t first = 0;
  uint64_t last = UINT64_MAX;
  absl::Status status;  // DataLoss, in words
};

// What a consumer learns. All calls come from inside ConsumerDriver::Poll; Settle, Flow and Release may be called from
// them.
class ConsumerHandler {
 public:
  virtual ~ConsumerHandler() = default;
  // These partitions are ours from now on, under new epochs. Deliveries start unasked; flow is on.
  virtual void OnAssigned(std::span<const Assignment> assignments) = 0;
  // These will be taken away at `deadline`. Until Release or the deadline they are still ours: nothing new is
  // delivered, settling works. Answer each with Release once its work is finished or given up; the driver then waits
  // for outstanding settlements and hands the partition over.
  virtual void OnRevoking(std::span<const Holding> holdings, MonotonicTime deadline) = 0;
  // These are no longer ours, and somebody else may have them already. No settlement under these epochs will be taken,
  // no Release expected. Not told of a holding after its Release.
  virtual void OnLost(std::span<const Holding> holdings) = 0;
  // Messages of one partition, in order; sequences ascend within a holding.
  virtual void OnDelivered(const DeliveryBatch& batch) = 0;
  // The broker has taken (OK) or refused a settlement that carried a note, or may have (DeadlineExceeded); one answer
  // per Settle with a note, in order. None after Close. Settlements without one are not answered: settled means "sent", and redelivery
  // after it is legal.
  virtual void OnNoted(Holding holding, const absl::Status& status) = 0;
  // The state of the connection, the group or a partition's data changed for the worse, or is well again (OK).
  virtual void OnTrouble(const absl::Status& status) = 0;
  // Something was destroyed; the driver goes on behind the hole. Once for each partition that has lost something. Whoever is
  // content with the words hears them as any other trouble.
  virtual void OnDataLoss(const DataLoss& loss) { OnTrouble(loss.status); }
};

// Which messages to settle: all from `first` to `last` (sequences of one holding, both included).
struct SettleRange {
  uint64_t first = 0;
  uint64_t last = 0;
  bool operator==(const SettleRange&) const = default;
};

struct Settle {
  Holding holding;
  // Ascending and disjoint. With Settlement::kPrefix there is at most one range, and `next` is what gets committed;
  // with kIndividual each message in the ranges is acknowledged and `next` is ignored.
  std::span<const SettleRange> ranges;
  // kPrefix: the sequence of the lowest message not finished, or last + 1 where nothing is in flight.
  uint64_t next = 0;
  // Replaces the partition's note when `has_note`, else the note stays as it was; needs Capabilities::notes. `ranges` may be empty then, with `next`
  // as it stands.
  bool has_note = false;
  std::string_view note;
  // A transaction has settled this, as Prepare was asked to: nothing is sent any more, and no note is answered.
  bool committed = false;
};

// Settlements on their way into a transaction: made by the driver of a consumer, for that of a producer of the same bus.
struct TransactionOffsets {
  struct Offset {
    Partition partition;  // of the consumer's topics, which are the producer's TransactionOptions::inputs
    int64_t next = 0;
    std::string note;
  };
  // Who settles: a member that is not one any more, or of another generation, is refused by the broker.
  std::string group, member, static_id;
  int32_t generation = -1;
  std::vector<Offset> offsets;
};

class ConsumerDriver {
 public:
  virtual ~ConsumerDriver() = default;
  virtual void Poll(ConsumerHandler& handler) = 0;
  // When Poll should be called even without a Wake (heartbeats and time-outs of drivers without threads of their own).
  virtual MonotonicTime NextTimer() const = 0;
  // Marks messages as done with. Never called with a stale epoch (bus::Consumer sees to that).
  virtual void Settle(const struct Settle& settle) = 0;
  // Stops (on = false) or resumes deliveries of a partition. What was in the driver's hands may still come: at most one
  // batch. Queues bound by prefetch may ignore it, as withholding settlements has the same effect.
  virtual void Flow(Holding holding, bool on) = 0;
  // The answer to OnRevoking: finished with it. Also unasked: gives the partition up although nobody asked (an instance
  // that is not ready). On a log the driver leaves and rejoins if its protocol has no other way.
  virtual void Release(Holding holding) = 0;
  // Leaves the group: OnRevoking is not told again, held partitions are handed over at once and settlements sent before
  // are awaited up to `deadline`. Afterwards only the destructor may be called. Returns OK only when every settlement
  // sent before was taken by the broker.
  virtual absl::Status Close(MonotonicTime deadline) = 0;
  // Of a consumer that is opened as ConsumerOptions::transactional, and commits nothing by itself: what
  // ProducerDriver::Commit takes for these settlements, of holdings that are current. Of each Settle then follows, with
  // `committed`, if the transaction was committed.
  virtual TransactionOffsets Prepare(std::span<const struct Settle> settles) {
    MR_CHECK(settles.empty()) << "this backend has no transactions";
    return {};
  }
};

// ---------------------------------------------------------------- publishing

struct Outgoing {
  int32_t topic = 0;      // index into the producer's topics
  int32_t partition = 0;  // always chosen by the caller: PartitionOfKey for keyed messages
  Message message;
};

// An answer for the publishes with tokens first … first + count - 1: OK only when the broker has confirmed durability.
struct Confirm {
  uint64_t first = 0;
  uint32_t count = 0;
  absl::Status status;
};

class ProducerHandler {
 public:
  virtual ~ProducerHandler() = default;
  // Each publish that was taken is answered exactly once, in any order, across loss of connection too.
  virtual void OnConfirmed(const Confirm& confirm) = 0;
  // Publish took less than it was given, and would take more now.
  virtual void OnWritable() = 0;
  // The answer to Commit or Abort. OK: as asked. Aborted: it was not committed, and nobody will ever see what was
  // published since the end of the one before.
  virtual void OnEnded(const absl::Status& status) {
    MR_CHECK(false) << "who ends no transaction is not told of an end: " << status.ToString();
  }
  // What stands in the way of transactions: another producer that takes the same id, a broker that refuses it, one that took
  // too long. The driver goes on by itself; what becomes of publishes and transactions is told as above.
  virtual void OnTrouble(const absl::Status& status) { static_cast<void>(status); }
};

class ProducerDriver {
 public:
  virtual ~ProducerDriver() = default;
  // Hands messages over under tokens first_token, first_token + 1, …; tokens ascend over the life of the producer.
  // Takes a prefix and returns its length: less than all of it is back-pressure, the rest is offered again after
  // OnWritable. The bytes are copied. A publish does not expire.
  virtual size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) = 0;
  virtual void Poll(ProducerHandler& handler) = 0;
  virtual MonotonicTime NextTimer() const = 0;
  // Of a producer that is opened with a TransactionOptions::id. What is published belongs to a transaction, which begins
  // by itself and ends by one of these, once each publish is answered; a publish that fails leaves only Abort. Each is
  // answered by one OnEnded, before which nothing is published. Whether a commit without an answer was taken the driver
  // finds out, however long it takes. Publishes of a transaction that the broker has ended are answered Aborted.
  virtual void Commit(const TransactionOffsets& offsets) {
    MR_CHECK(offsets.offsets.empty()) << "this backend has no transactions";
  }
  virtual void Abort() { MR_CHECK(false) << "this backend has no transactions"; }
  // Waits until everything taken is answered (answers go to `handler`), at most until `deadline`; what is open then is
  // answered with DeadlineExceeded and the same is returned. An open transaction is aborted, and no end is told any more.
  virtual absl::Status Close(ProducerHandler& handler, MonotonicTime deadline) = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_DRIVER_H_
