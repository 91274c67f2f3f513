// What the model of the queue broker is made of; for queue_broker.cc and its parts only.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_STATE_H_
#define MILLRACE_BUS_MEMORY_QUEUE_STATE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/memory/queue_ring.h"
#include "bus/memory/queue_wire.h"
#include "bus/segment.h"

namespace millrace::bus::queue_internal {

struct WorkQueue;
struct Channel;
struct Connection;

// A message in a queue. All copies of one publish share the bytes.
struct Stored {
  Message message;
  SegmentRef segment;
  uint64_t number = 0;  // counts what its queue was given
  uint32_t bytes = 0;
  uint32_t deliveries = 0;                   // ended without settlement: x-delivery-count
  const std::string* routing_key = nullptr;  // of the binding it came through
};

struct Consumer {
  Channel* channel = nullptr;
  uint32_t tag = 0;
  WorkQueue* queue = nullptr;
  uint32_t prefetch = 0;  // 0: no bound
  uint32_t unacked = 0;
  bool HasCredit() const { return prefetch == 0 || unacked < prefetch; }
};

// A delivery that its channel has not settled; at index tag - Channel::base_tag.
struct Unacked {
  enum class State : uint8_t {
    kOpen,
    kKept,  // acked, but the channel has not passed that on to the queue
    kSettled,
    kForgotten,  // the queue took it back or is gone: the tag may still be settled, without effect
  };
  State state = State::kSettled;
  WorkQueue* queue = nullptr;
  Consumer* consumer = nullptr;  // nullptr: cancelled since
  MonotonicTime since;
  Stored stored;
  // In a consumer's hands, as far as its queue knows.
  bool Held() const { return state == State::kOpen || state == State::kKept; }
};

struct Account {
  uint64_t bytes = 0;
  uint64_t bytes_max = 0;
  std::vector<uint64_t> waiting;  // connections that are not writable for this account
};

struct WorkQueue {
  std::string name;
  QueueArguments arguments;
  uint64_t owner = 0;  // connection of an exclusive queue
  Ring<Stored> ready;
  Ring<Stored> returned;             // delivered before: they go out before `ready`, in order of their return
  std::vector<Consumer*> consumers;  // in order of subscription; with a single active consumer the first is active
  size_t next_consumer = 0;          // competing consumers take turns
  SegmentRef tail;                   // where the next message's bytes go
  Account* account = nullptr;
  uint64_t refuse_next = 0;
  bool refusing = false;  // Overflow::kRejectPublish: was longer than it may be, and has not yet shrunk enough
  uint64_t unacked = 0;
  uint64_t put = 0;
  uint64_t acked = 0;
  uint64_t dropped = 0;
  uint64_t dead_lettered = 0;
  uint64_t bytes = 0;
  bool touched = false;  // waits to be pumped

  size_t Length() const { return ready.size() + returned.size(); }
};

struct Exchange {
  std::string name;
  ExchangeKind kind = ExchangeKind::kDirect;
  // By routing key; a fanout exchange has one entry, "". Entries stay when their last queue goes: messages refer to the
  // key.
  std::map<std::string, std::vector<WorkQueue*>, std::less<>> bindings;
};

struct Channel {
  Connection* connection = nullptr;
  uint32_t id = 0;
  bool failed = false;  // closed by us; ignores everything until the client has said kChannelCloseOk
  bool confirming = false;
  uint32_t qos = 0;
  uint64_t published = 0;  // last publish tag
  Ring<uint8_t> confirms;  // 1: acked, 0: refused; of the tags up to `published` that were not told yet
  bool confirms_waiting = false;
  Exchange* last_exchange = nullptr;  // of the last publish: most go to the same
  uint64_t base_tag = 1;
  Ring<Unacked> unacked;
  MonotonicTime acked_at;  // of the last ack
  uint32_t acks = 0;       // at that moment
  size_t kept = 0;         // deliveries whose acks are kept back
  std::vector<std::unique_ptr<Consumer>> consumers;
};

struct Connection {
  uint64_t id = 0;
  Waker* ready = nullptr;
  bool notified = false;
  bool ended = false;    // kConnectionClosed is the last event
  bool blocked = false;  // by an alarm
  size_t stopped = 0;    // accounts it waits for
  MonotonicTime heard_at;
  std::vector<Event> outbox;
  std::vector<std::unique_ptr<Channel>> channels;  // index = id; [0] stays empty
  std::vector<uint32_t> confirming;                // channels with confirms waiting
  std::vector<StoredRequest> unread;               // while blocked
};

struct DeadLetter {
  WorkQueue* queue = nullptr;
  Stored stored;
  std::string_view reason;
};

struct Store {
  Store(size_t segment_bytes, size_t kept) : pool(segment_bytes, kept) {}
  SegmentPool pool;
  uint64_t segments_taken = 0;
};

}  // namespace millrace::bus::queue_internal

#endif  // MILLRACE_BUS_MEMORY_QUEUE_STATE_H_
