// A deterministic model of a Kafka-like broker: topics, partitions, groups, committed offsets, retention. It models
// what a client can see, the unpleasant parts on purpose: nothing fences a commit but member and generation, offsets
// have gaps, retention overtakes consumers and only an out-of-range answer tells, answers to joins come when everybody
// has joined, a transaction that is left open holds readers back until its time is up.
//
//   LogBroker broker({});
//   broker.CreateTopic({.name = "raw", .partitions = 8, .groups = {"parse"}});
//   LogConnectionId c = broker.Open(waker, now);
//   broker.Receive(c, {.method = LogMethod::kFetch, .id = 1, .partition = {0, 3}, .offset = 0, .max = 64}, now);
//   broker.TakeEvents(c, events);      // kConnected, later kReply with records
//
// Effect: requests take effect at once; what a client would see waits in its connection's outbox.
// Errors: of clients are answers; nothing that a client sends CHECKs.
// Threading: none of its own; one thread at a time. Time comes in as `now`; one that is earlier than the last counts as
// the last. Records that were fetched may be read by any thread. Ownership: message bytes are copied into pooled
// segments, and given back when retention allows and nobody holds them. Cost: an append is one copy; a fetch, a commit
// and a confirmation cost tens of nanoseconds a batch and allocate nothing in steady state.
#ifndef MILLRACE_BUS_MEMORY_LOG_BROKER_H_
#define MILLRACE_BUS_MEMORY_LOG_BROKER_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/memory/log_group.h"
#include "bus/memory/log_partition.h"
#include "bus/memory/log_wire.h"
#include "bus/segment.h"

namespace millrace::bus {

struct LogBrokerOptions {
  size_t segment_bytes = 64 << 10;
  size_t segments_kept = 64;             // most segments that wait for reuse
  size_t message_bytes_max = 1'000'000;  // key + body + headers
  size_t note_bytes_max = 4096;          // offset.metadata.max.bytes
  uint64_t retention_bytes = 0;          // per partition, of topics without TopicSpec::keep; 0: none
  LogGroupOptions groups;
};

// How a transaction has ended: markers are written and offsets committed, and nobody has seen either yet.
struct LogTransactionEnd {
  enum class Why : uint8_t {
    kAsked,
    kTimedOut,
    kFenced,  // somebody has initialised under its transactional id
  };
  struct Offset {
    std::string_view group;
    Partition partition;
    int64_t before = -1;
    int64_t after = 0;
  };
  uint64_t number = 0;  // LogBroker::TransactionOf
  bool committed = false;
  Why why = Why::kAsked;
  std::span<const Partition> written;  // each has a marker as its last
  std::span<const Offset> offsets;     // committed with it
};

class LogBroker {
 public:
  explicit LogBroker(const LogBrokerOptions& options);
  ~LogBroker();
  LogBroker(const LogBroker&) = delete;
  LogBroker& operator=(const LogBroker&) = delete;

  // ------------------------------------------------------------ the clients' side

  // `ready` is woken when there is something to take after there was nothing; it must not call back, and outlives the
  // connection. The first event is kConnected, or kDisconnected where the broker is down.
  LogConnectionId Open(Waker& ready, MonotonicTime now);
  void Receive(LogConnectionId connection, const LogRequest& request, MonotonicTime now) {
    Receive(connection, std::span<const LogRequest>(&request, 1), now);
  }
  // The same for several, in order.
  void Receive(LogConnectionId connection, std::span<const LogRequest> requests, MonotonicTime now);
  // See LogLink::Produce.
  size_t Produce(LogConnectionId connection, std::span<const int32_t> topics, std::span<const Outgoing> messages,
                 uint64_t first_token);
  // Clears `into` and gives it all events waiting.
  void TakeEvents(LogConnectionId connection, std::vector<LogEvent>& into);
  // The client's side of the connection is gone; no event follows. Unknown ids are ignored. Sessions of members go on,
  // see LogJoin.
  void Drop(LogConnectionId connection, MonotonicTime now);
  // Does what is due.
  void Advance(MonotonicTime now);
  // Never later than what is due next; may be earlier.
  MonotonicTime NextTimer() const { return next_timer_; }

  // ------------------------------------------------------------ the operator's side

  // Returns the id. A topic that is there already: takes over new groups and limits; FailedPrecondition where its
  // partitions differ. InvalidArgument for what no topic can be.
  absl::StatusOr<int32_t> CreateTopic(const TopicSpec& spec);
  // -1 where there is none.
  int32_t TopicId(std::string_view name) const;
  // By id; ids are 0 … topics() - 1.
  const TopicSpec& Spec(int32_t topic) const;
  int32_t topics() const { return static_cast<int32_t>(topics_.size()); }
  const LogPartition& Log(Partition partition) const;
  // What readers see of it: records of transactions that are committed, and of none, up to the first that is open.
  LogPartition::Slice ReadCommitted(Partition partition, int64_t offset, size_t max) const;
  // Of the whole partition, as if the transactions that are open were aborted now.
  void ForEachOnceAborted(Partition partition, const std::function<void(const Delivery&)>& visit) const;
  // How many records from `offset` on readers see.
  uint64_t CommittedFrom(Partition partition, int64_t offset) const;
  // Whether a transaction of that id is open.
  bool InTransaction(std::string_view transactional_id) const;
  // The number of the transaction that is open and to which belongs what the connection produces; 0 where there is none.
  // Numbers count the transactions of all ids, from 1.
  uint64_t TransactionOf(LogConnectionId connection) const;
  // Whether what the connection produces belongs to transactions: it has initialised.
  bool Transactional(LogConnectionId connection) const;
  // Up to where readers of committed data come for the time being.
  int64_t StableEnd(Partition partition) const;
  // Told each end of a transaction. Must not call the broker, but for what is const.
  using TransactionVisitor = std::function<void(const LogTransactionEnd& end)>;
  void WatchTransactions(TransactionVisitor visit) { on_transaction_ = std::move(visit); }
  // nullptr where nobody has joined or committed under that name, or it was deleted.
  const LogGroup* Group(std::string_view name) const;
  // From where on `group` has records to settle: what it has committed, at least where the log starts.
  int64_t SettledUpTo(std::string_view group, Partition partition) const;
  // Bytes that some group of the topic has not settled.
  uint64_t Backlog(int32_t topic) const;

  // Appends below and beside clients: for tools, tests and snapshots. No limit holds.
  int64_t Append(Partition partition, const Message& message);
  void AppendGap(Partition partition, int64_t count);
  // Where the log of a partition begins that has had no records yet.
  void ResetLog(Partition partition, int64_t start);
  // As kafka-consumer-groups --reset-offsets: kGroupNotEmpty while the group has members.
  LogError SetCommitted(std::string_view group, Partition partition, int64_t offset, std::string_view note);
  LogError DeleteGroup(std::string_view group);
  // The log starts at `offset` at least; what was there is destroyed, settled or not. Not what a transaction has written
  // that is still open, nor what lies behind that.
  void DeleteRecordsBefore(Partition partition, int64_t offset);
  // Told each record that is destroyed before `group` has settled it, once for each such group of its topic; the record
  // is there during the call. Must not call the broker.
  using DestroyedVisitor = std::function<void(std::string_view group, Partition partition, const Delivery& record)>;
  void WatchDestroyed(DestroyedVisitor visit) { on_destroyed_ = std::move(visit); }

  // ------------------------------------------------------------ faults

  // All connections break, and what was on its way to clients is lost. Records, members and offsets stay; sessions
  // begin anew at Start.
  void Stop();
  void Start(MonotonicTime now);
  bool up() const { return up_; }
  // Ends one connection from the server's side.
  void Disconnect(LogConnectionId connection, MonotonicTime now);
  std::vector<LogConnectionId> Connections() const;
  // Whether requests over it are read: it is open and neither side has ended it.
  bool Knows(LogConnectionId connection) const;
  // While it is away, requests about groups are answered kCoordinatorUnavailable; when it comes back, sessions begin
  // anew.
  void SetCoordinator(bool available, MonotonicTime now);
  // The group goes to a coordinator that lags behind: of what it has committed of the partition the last `records` are not
  // settled any more (as far as they are still there), without a note, and who was in it is not known. Gives the offset
  // that it is back at; -1: it had committed nothing that could be lost, and nothing has happened.
  int64_t LoseCommits(std::string_view group, Partition partition, int64_t records);
  // The next `count` messages to that topic are answered kRefused.
  void RefuseNext(int32_t topic, uint64_t count);
  // Of them, how many are still to come.
  uint64_t RefusalsLeft(int32_t topic) const;

 private:
  struct Connection;
  struct Topic;
  struct PartitionState;
  struct WaitingFetch;
  struct Transactions;

  Connection* Find(LogConnectionId id);
  const Connection* Find(LogConnectionId id) const { return const_cast<LogBroker*>(this)->Find(id); }
  // Callers' clocks may lag behind each other by what they did not look; ours goes on.
  MonotonicTime At(MonotonicTime now) { return now_ = std::max(now_, now); }
  void Take(Connection& connection, const LogRequest& request, MonotonicTime now);
  void OnMetadata(Connection& connection, const LogRequest& request);
  void OnGroup(Connection& connection, const LogRequest& request, MonotonicTime now);
  void OnOffsets(Connection& connection, const LogRequest& request);
  void OnCommit(Connection& connection, const LogRequest& request, MonotonicTime now);
  void OnFetch(Connection& connection, const LogRequest& request);
  // False where there is nothing to answer with yet.
  bool AnswerFetch(Connection& connection, PartitionState& state, uint64_t id, int64_t offset, uint32_t max);
  LogError Admit(PartitionState& state, const Message& message) const;
  // log_broker_transactions.cc
  void OnInitProducer(Connection& connection, const LogRequest& request, MonotonicTime now);
  void OnTransactOffset(Connection& connection, const LogRequest& request, MonotonicTime now);
  void OnEndTransaction(Connection& connection, const LogRequest& request);
  size_t ProduceInTransaction(Connection& connection, std::span<const int32_t> topics,
                              std::span<const Outgoing> messages, uint64_t first_token);
  // Whether the connection's producer is the one that may write under its id.
  LogError CheckProducer(const Connection& connection) const;
  void BeginTransaction(Transactions& transactions);
  void EndTransaction(Transactions& transactions, bool commit, LogTransactionEnd::Why why);
  void TimeOutTransactions(MonotonicTime now);
  bool HasRoom(std::span<const int32_t> topics, LogConnectionId connection);
  bool Unstable(std::string_view group, Partition partition) const;
  // Something was appended or dropped: waiting fetches are looked at again, all at once.
  void Touch(PartitionState& state);
  void FlushTouched();
  void Confirm(Connection& connection, uint64_t first, uint64_t end, LogError error);
  // A group has committed, a group was added or records were dropped: what everybody has settled goes.
  void Recount(PartitionState& state);
  void Destroy(PartitionState& state, int64_t before);
  void NoteSettled(PartitionState& state, const LogGroup& group, int64_t offset);
  void AddGroup(Topic& topic, const std::string& name);
  void Writable(Topic& topic);
  LogGroup& GroupFor(std::string_view name);
  void Deliver();
  void FillTopics(LogDetail& detail) const;
  LogEvent& Tell(Connection& connection, LogEventKind kind, bool wake = true);
  LogEvent& Reply(Connection& connection, const LogRequest& request, LogError error, bool wake = true);
  // nullptr for what is not there.
  std::vector<PartitionState>* PartitionsOf(int32_t topic) const;
  static PartitionState* StateIn(std::vector<PartitionState>& partitions, int32_t number);
  PartitionState* StateOf(Partition partition) const;
  void UpdateTimer();

  LogBrokerOptions options_;
  DestroyedVisitor on_destroyed_;
  TransactionVisitor on_transaction_;
  uint64_t transactions_begun_ = 0;
  SegmentPool pool_;
  bool up_ = true;
  bool coordinator_ = true;
  LogConnectionId next_connection_ = 1;
  std::vector<std::unique_ptr<Connection>> connections_;  // by id, ascending
  std::vector<std::unique_ptr<Topic>> topics_;
  std::map<std::string, int32_t, std::less<>> topic_ids_;
  std::map<std::string, std::unique_ptr<LogGroup>, std::less<>> groups_;
  std::map<std::string, std::unique_ptr<Transactions>, std::less<>> transactions_;  // by transactional id
  MonotonicTime now_{INT64_MIN};
  MonotonicTime next_timer_ = MonotonicTime::Infinite();
  std::vector<PartitionState*> touched_;  // scratch
  std::vector<LogGroup::Answer> answers_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_BROKER_H_
