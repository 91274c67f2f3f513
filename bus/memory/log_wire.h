// What passes between a client of a log broker and the broker: the requests of Kafka's protocol that a consumer and a
// producer need, as plain structs.
//
// This is the narrow seam: bus/memory's model answers it by direct calls (log_direct_link.h), a simulator puts a
// network in between (StoredLogRequest keeps a request, events are values).
//
//   link.Send({.method = LogMethod::kFetch, .id = 7, .partition = {0, 3}, .offset = 42, .max = 64}, now);
//   link.Receive(events);       // … LogEventKind::kReply, id 7, records
//
// Where it is simpler than Kafka on purpose: one connection reaches leader and coordinator alike; topics go by the
// broker's ids; one fetch asks for one partition; OffsetFetch and ListOffsets are one request; subscriptions and
// assignments are structs where Kafka has bytes; a waiting fetch has no maximum wait, but the next fetch of the same
// partition over the same connection takes its place (and is the only one answered).
//
// Threading: values; a link is used by one thread at a time.
// Ownership: a LogRequest is a view and lives for the call. A LogEvent owns what it says and keeps its records'
// segment.
#ifndef MILLRACE_BUS_MEMORY_LOG_WIRE_H_
#define MILLRACE_BUS_MEMORY_LOG_WIRE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/delivery.h"
#include "bus/driver.h"
#include "bus/memory/assignor.h"
#include "bus/partition.h"
#include "bus/segment.h"

namespace millrace::bus {

// Kafka's error codes, as far as the model has them.
enum class LogError : uint8_t {
  kNone,
  kOffsetOutOfRange,
  kUnknownTopic,  // UNKNOWN_TOPIC_OR_PARTITION
  kMessageTooLarge,
  kCoordinatorUnavailable,
  kIllegalGeneration,
  kInconsistentProtocol,  // INCONSISTENT_GROUP_PROTOCOL
  kUnknownMember,
  kInvalidSessionTimeout,
  kRebalanceInProgress,
  kNoteTooLarge,   // OFFSET_METADATA_TOO_LARGE
  kGroupNotEmpty,  // NON_EMPTY_GROUP
  kMemberIdRequired,
  kFencedInstance,  // FENCED_INSTANCE_ID
  kGroupNotFound,
  kRefused,           // a nack of the broker's own: NOT_ENOUGH_REPLICAS and its kind; nothing was appended
  kUnstableOffset,    // UNSTABLE_OFFSET_COMMIT: an open transaction may commit there yet
  kProducerFenced,    // PRODUCER_FENCED: somebody has initialised under the same transactional id since
  kProducerEpoch,     // INVALID_PRODUCER_EPOCH: the transaction ran out of time, and was aborted
  kTransactionState,  // INVALID_TXN_STATE: there is no transaction to end
};

std::string_view NameOf(LogError error);

enum class LogMethod : uint8_t {
  kMetadata,  // names → ids and partition counts
  kJoin,      // answered when everybody has joined
  kSync,      // answered when the leader has sent the assignment
  kHeartbeat,
  kLeave,
  kOffsets,  // committed offsets and notes of a group; where the log starts and ends
  kCommit,
  kFetch,  // answered when there is something at `offset`, or a gap to step over
  // From kInitProducer on, what this connection produces belongs to transactions: the first message or offset begins
  // one, kEndTransaction ends it.
  kInitProducer,    // ends what an earlier producer of that transactional id has left open, and fences it
  kTransactOffset,  // as kCommit, when the transaction is committed
  kEndTransaction,
};

// How a member asks to join.
struct LogJoin {
  std::vector<std::string> protocols;  // in order of preference
  Duration session_timeout = std::chrono::seconds(45);
  Duration rebalance_timeout = std::chrono::minutes(5);
  // The open connection stands for the heartbeat: the member never times out while it is there, and is dead at once
  // when it goes (a static one has the session's time to come back). A rebalance is told by a kHeartbeat reply that
  // nobody asked for, with id 0.
  bool session_is_connection = false;
  // What consumers tell each other: opaque bytes in Kafka.
  std::vector<int32_t> topics;
  std::vector<Partition> owned;
  int32_t owned_generation = -1;  // that `owned` comes from; -1: was in none
};

struct LogMemberAssignment {
  std::string member;
  std::vector<Partition> partitions;
};

struct LogRequest {
  LogMethod method = LogMethod::kHeartbeat;
  bool quiet = false;       // kCommit: a good answer need not wake anybody, and may be shared with those that follow
  bool commit = false;      // kEndTransaction; else it is aborted
  uint32_t max = 0;         // kFetch: most records
  uint64_t id = 0;          // chosen by the client; the answer carries it back
  int32_t generation = -1;  // kSync, kHeartbeat, kCommit
  Partition partition;      // kFetch, kCommit, kTransactOffset; topic is the broker's id here and below
  uint32_t timeout_ms = 0;  // kInitProducer: of its transactions
  int64_t offset = 0;       // kFetch, kCommit, kTransactOffset
  std::string_view group = {};
  std::string_view member = {};
  std::string_view instance = {};  // group.instance.id; kInitProducer: transactional.id
  std::string_view note = {};      // kCommit, kTransactOffset: metadata
  const LogJoin* join = nullptr;
  std::span<const LogMemberAssignment> assignments = {};  // kSync of the leader
  std::span<const Partition> partitions = {};             // kOffsets
  std::span<const std::string> topics = {};               // kMetadata
};

struct LogTopicInfo {
  std::string name;
  int32_t id = -1;  // -1: unknown topic
  int32_t partitions = 0;
};

struct LogOffsets {
  Partition partition;
  int64_t committed = -1;  // -1: none
  int64_t start = 0;       // of the log
  int64_t end = 0;
  std::string note;
};

// The parts of an answer that are rare and large.
struct LogDetail {
  std::string member;                 // kJoin: ours
  std::string leader;                 // kJoin
  std::string protocol;               // kJoin
  std::vector<GroupMember> members;   // kJoin, for the leader: everybody
  std::vector<LogTopicInfo> topics;   // kMetadata; kJoin, for the leader: all topics of all members
  std::vector<Partition> partitions;  // kSync: what we are assigned
  std::vector<LogOffsets> offsets;    // kOffsets
  // kTrouble, kDisconnected: as handlers' OnTrouble is told. A reply or kProduced with an error: in the broker's own words.
  absl::Status trouble;
};

enum class LogEventKind : uint8_t {
  kConnected,
  // Nothing of this connection comes after it; requests without an answer stay without. Where the broker has ended a
  // producer's session, `error` says how: fenced, or kCoordinatorUnavailable with the reason in `detail`.
  kDisconnected,
  kReply,
  kProduced,  // answers `count` messages from token `id` on
  kWritable,  // Produce took less than it was given, and would take more now
  kTrouble,   // the link keeps trying, or is well again: `detail` says which
};

struct LogEvent {
  LogEventKind kind = LogEventKind::kReply;
  LogMethod method = LogMethod::kHeartbeat;  // kReply: of the request
  LogError error = LogError::kNone;
  int32_t generation = -1;  // kJoin; kInitProducer: the producer's epoch
  uint64_t id = 0;          // kReply: of the request; kProduced: first token
  uint64_t count = 0;       // kProduced; kCommit, of quiet ones: so many were taken, of ids that follow each other
  Partition partition;      // kFetch, kCommit: of the first
  int64_t offset = 0;  // kFetch: where to fetch next; with kOffsetOutOfRange where the log starts. kCommit: as asked.
                       // kProduced: of the first
  int64_t end = 0;     // kFetch: of the log
  std::span<const Delivery> records = {};  // kFetch
  SegmentRef segment = {};                 // keeps `records` and their bytes
  std::unique_ptr<LogDetail> detail = {};  // kMetadata, kJoin, kSync, kOffsets; refusals, where more is said
};

// One client's end of one connection, which can be made again and again.
class LogLink {
 public:
  // Drops the connection, as the death of the process would.
  virtual ~LogLink() = default;
  // Begins a new connection; answered by kConnected or kDisconnected. Only while there is none.
  virtual void Connect(MonotonicTime now) = 0;
  // Hands a request over. Ignored while there is no connection.
  virtual void Send(const LogRequest& request, MonotonicTime now) = 0;
  // The same for several, in order: what is to be paid once for a call is paid once.
  virtual void SendAll(std::span<const LogRequest> requests, MonotonicTime now) {
    for (const LogRequest& request : requests) Send(request, now);
  }
  // Hands messages over, under tokens first_token, first_token + 1, …; `topics` gives the broker's ids for
  // Outgoing::topic. Takes a prefix, as a socket does, and returns its length; kWritable tells when more would be
  // taken. Each message taken is answered by one kProduced.
  virtual size_t Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                         MonotonicTime now) = 0;
  // Cuts the connection; no event of it is told any more.
  virtual void Drop(MonotonicTime now) = 0;
  // Clears `events` and fills it with what came since the last call, in order.
  virtual void Receive(std::vector<LogEvent>& events) = 0;
};

// A request with bytes of its own, for whoever has to keep one.
class StoredLogRequest {
 public:
  StoredLogRequest() = default;
  explicit StoredLogRequest(const LogRequest& request) { Assign(request); }
  // Keeps another one, in the same memory where that suffices.
  void Assign(const LogRequest& request);
  // Valid as long as this object, unmoved.
  LogRequest View() const;

 private:
  LogRequest fixed_;  // all that is no view
  std::string group_;
  std::string member_;
  std::string instance_;
  std::string note_;
  bool has_join_ = false;
  LogJoin join_;
  std::vector<LogMemberAssignment> assignments_;
  std::vector<Partition> partitions_;
  std::vector<std::string> topics_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_WIRE_H_
