// What passes between a client of a queue broker and the broker: AMQP 0-9-1's methods as plain structs, requests one
// way, events the other.
//
// This is the narrow seam: bus/memory's model answers it by direct calls (queue_direct_link.h), a simulator puts a
// network in between (requests are kept by StoredRequest, events are values), and a driver for a real server translates
// it from and to frames.
//
//   Request r{.method = Method::kQueueDeclare, .channel = 1, .queue = "raw:parse:0", .arguments = &arguments};
//   link.Send(r, now);
//   link.Receive(events);       // … EventKind::kQueueDeclared
//
// Threading: values; a link is used by one thread at a time.
// Ownership: a Request is a view and lives for the call. An Event owns its text and keeps its message's segment.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_WIRE_H_
#define MILLRACE_BUS_MEMORY_QUEUE_WIRE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/clock.h"
#include "bus/message.h"
#include "bus/segment.h"

namespace millrace::bus {

enum class ExchangeKind : uint8_t { kDirect, kFanout };
enum class Overflow : uint8_t { kDropHead, kRejectPublish };

// What a queue is declared with. A second declaration must say the same, else the channel is closed with
// PRECONDITION_FAILED.
struct QueueArguments {
  bool durable = true;                      // survives a restart of the broker
  bool exclusive = false;                   // belongs to one connection and is deleted with it
  bool single_active_consumer = false;      // x-single-active-consumer
  int64_t max_length = -1;                  // x-max-length, in ready messages; -1: none
  Overflow overflow = Overflow::kDropHead;  // x-overflow
  int32_t delivery_limit = -1;              // x-delivery-limit; -1: none
  std::string dead_letter_exchange;         // x-dead-letter-exchange; empty: none
  std::string dead_letter_routing_key;      // x-dead-letter-routing-key; empty: the message's own
  bool dead_letter_at_least_once =
      false;  // x-dead-letter-strategy; needs Overflow::kRejectPublish, else it is at-most-once as on the server
  // The model's stand-in for the back-pressure of a full socket: all queues that name the same account share a bound on
  // the bytes of unsettled messages; a connection that publishes beyond it is not writable until there is room. Empty:
  // no bound.
  std::string backlog_account;
  uint64_t backlog_bytes_max = 0;
  bool operator==(const QueueArguments&) const = default;
};

enum class Method : uint8_t {
  kChannelOpen,
  kChannelClose,
  kChannelCloseOk,  // the answer to EventKind::kChannelClosed; until then the broker ignores what comes on that channel
  kExchangeDeclare,
  kQueueDeclare,
  kQueueBind,
  kQueueDelete,
  kConfirmSelect,
  kQos,  // for consumers started later on this channel; live ones keep theirs
  kConsume,
  kCancel,
  kPublish,
  kAck,
  kNack,  // basic.reject is kNack without multiple
  kHeartbeat,
  kConnectionClose,
};

struct Request {
  Method method = Method::kHeartbeat;
  uint32_t channel = 0;                                // 1 … 2047; 0: the connection itself
  bool passive = false;                                // declarations: only look whether it exists
  bool mandatory = false;                              // kPublish
  bool multiple = false;                               // kAck, kNack
  bool requeue = false;                                // kNack
  ExchangeKind exchange_kind = ExchangeKind::kDirect;  // kExchangeDeclare
  uint32_t consumer = 0;                               // kConsume, kCancel: the consumer tag, chosen by the client
  uint32_t prefetch = 0;                               // kQos; 0: no bound
  uint64_t tag = 0;                                    // kAck, kNack: the delivery tag
  uint64_t message_id = 0;                             // kPublish: a property of the message; kReturned carries it back
  std::string_view exchange = {};
  std::string_view queue = {};
  std::string_view routing_key = {};
  const QueueArguments* arguments = nullptr;  // kQueueDeclare
  Message message = {};                       // kPublish
};

enum class EventKind : uint8_t {
  kConnectionOpened,
  kConnectionClosed,  // by the server, the network or our own kConnectionClose; nothing of this connection comes after
                      // it
  kBlocked,           // a resource alarm: the server reads nothing more from this connection until kUnblocked
  kUnblocked,
  kWritable,  // QueueLink::Writable is true again
  kHeartbeat,
  kChannelOpened,
  kChannelClosed,   // by the server, with code and text
  kChannelCloseOk,  // the answer to our kChannelClose: everything sent before it on this channel has been processed
  kExchangeDeclared,
  kQueueDeclared,
  kQueueBound,
  kQueueDeleted,
  kConfirmSelected,
  kQosSet,
  kConsumeOk,
  kCancelOk,
  kCancelled,  // basic.cancel from the server: the queue is gone
  kDelivered,
  kReturned,  // unroutable; its confirm follows
  kAcked,
  kNacked,
};

// A string that is empty most of the time, and moved with little effort then.
class RareText : public std::string {
 public:
  using std::string::string;
  RareText() = default;
  RareText(const RareText&) = default;
  RareText& operator=(const RareText&) = default;
  RareText(RareText&& other) noexcept {
    if (!other.empty()) swap(other);
  }
  RareText& operator=(RareText&& other) noexcept {
    if (!empty() || !other.empty()) std::string::operator=(std::move(other));
    return *this;
  }
  using std::string::operator=;
};

struct Event {
  EventKind kind = EventKind::kHeartbeat;
  bool multiple = false;     // kAcked, kNacked
  bool redelivered = false;  // kDelivered
  uint16_t code = 0;         // kChannelClosed, kConnectionClosed, kReturned: AMQP's reply code; 0: the connection broke
  uint32_t channel = 0;
  uint32_t consumer = 0;        // kConsumeOk, kCancelOk, kCancelled, kDelivered
  uint32_t consumers = 0;       // kQueueDeclared: how many the queue has
  uint32_t delivery_count = 0;  // kDelivered: x-delivery-count
  uint64_t tag = 0;             // kDelivered: delivery tag; kAcked, kNacked: publish tag
  uint64_t message_id = 0;      // kReturned
  uint64_t messages = 0;        // kQueueDeclared: ready messages only, as on the server
  Message message = {};
  SegmentRef segment = {};  // keeps the bytes of `message`
  RareText text = {};       // reason, for people
};

inline constexpr uint16_t kNoRoute = 312;
inline constexpr uint16_t kConnectionForced = 320;
inline constexpr uint16_t kAccessRefused = 403;
inline constexpr uint16_t kNotFound = 404;
inline constexpr uint16_t kResourceLocked = 405;
inline constexpr uint16_t kPreconditionFailed = 406;
inline constexpr uint16_t kChannelError = 504;
inline constexpr uint16_t kNotAllowed = 530;
inline constexpr uint32_t kChannelMax = 2047;

// One client's end of one connection, which can be made again and again.
class QueueLink {
 public:
  // Drops the connection, as the death of the process would.
  virtual ~QueueLink() = default;
  // Begins a new connection; answered by kConnectionOpened or kConnectionClosed. Only while there is none.
  virtual void Connect(MonotonicTime now) = 0;
  // Hands a request over. Ignored while there is no connection.
  virtual void Send(const Request& request, MonotonicTime now) = 0;
  // Whether the transport takes more without piling it up (a socket whose buffer is not full); where it doesn't,
  // kWritable follows. Send works all the same.
  virtual bool Writable() const { return true; }
  // Cuts the connection; no event of it is told any more.
  virtual void Drop(MonotonicTime now) = 0;
  // Clears `events` and fills it with what came since the last call, in order.
  virtual void Receive(std::vector<Event>& events) = 0;
};

// A request with bytes of its own, for whoever has to keep one.
class StoredRequest {
 public:
  StoredRequest() = default;
  explicit StoredRequest(const Request& request) { Assign(request); }
  // Keeps another one, in the same memory where that suffices.
  void Assign(const Request& request);
  // Valid as long as this object.
  Request View() const;

 private:
  Request fixed_;      // all that is no view; views of bytes_ are of where they lay when it was assigned
  std::string bytes_;  // exchange, queue, routing key, key, body and headers, one behind the other; perhaps longer
  std::optional<QueueArguments> arguments_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_WIRE_H_
