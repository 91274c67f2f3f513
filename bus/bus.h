// Start here. A Bus is a connection to a broker of any kind, through which topics are made, producers and consumers
// opened.
//
//   Topology topology{.topics = {{.name = "raw", .partitions = 8, .groups = {"parse"}}}};
//   std::unique_ptr<Bus> bus = ...;                          // bus/memory/memory_bus.h, and the URL registry in ops/
//   if (absl::Status s = bus->Apply(topology); !s.ok()) return s;
//   auto producer = bus->OpenProducer({.topics = {"raw"}}, waker);
//   auto consumer = bus->OpenConsumer({.group = "parse", .topics = {"raw"}}, waker);
//
// Reading order: this file → bus/message.h → bus/driver.h (what happens, and who says so) → bus/consumer.h →
// bus/producer.h.
//
// Threading: any thread. Each producer and consumer is used by one thread at a time.
// Ownership: a Bus outlives its producers and consumers; wakers outlive them too.
#ifndef MILLRACE_BUS_BUS_H_
#define MILLRACE_BUS_BUS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/admin.h"
#include "bus/capabilities.h"
#include "bus/clock.h"
#include "bus/driver.h"

namespace millrace::bus {

struct TopicSpec {
  std::string name;
  int32_t partitions = 1;
  // Whether messages carry keys whose order counts. An unordered topic is one queue with competing consumers on queue
  // brokers.
  bool ordered = true;
  // The groups that will consume it. Queue brokers need to know them before the first publish: a queue that is not yet
  // bound loses silently.
  std::vector<std::string> groups;
  // Most bytes kept for groups that have not settled them yet; publishing waits beyond it (mem:). 0: no bound.
  size_t backlog_bytes_max = 0;
  // Keeps settled messages too (dead letters, receipts). Else mem: frees what every group has settled.
  bool keep = false;
  // Where the broker has such things: copies of each partition, and how long a message stays, read or not. 0: as the
  // broker is set up; of a topic that is kept, for ever.
  int32_t replication = 0;
  int64_t retention_ms = 0;
  // Not empty: it belongs to others and is there under this name, to which no prefix is put. It is neither made nor
  // changed; where it is missing Apply says so. Kafka: a topic. RabbitMQ: a queue, which the one group of an unordered
  // topic consumes; or, where the topic has no groups, an exchange, to which everything goes with `routing_key`.
  // mem: has no others: there it is a topic like any other.
  std::string existing;
  std::string routing_key;
};

// What a topic is called where names of ours begin with `prefix`.
inline std::string NameOnBroker(const TopicSpec& spec, std::string_view prefix) {
  return spec.existing.empty() ? std::string(prefix) + spec.name : spec.existing;
}

struct Topology {
  std::vector<TopicSpec> topics;
};

struct ConsumerOptions {
  std::string group;
  std::vector<std::string> topics;
  std::string instance;      // a name for people ("parse-0"); unique in the group
  std::string static_id;     // not empty: static membership under this id (Kafka KIP-345)
  uint32_t batch_max = 64;   // most deliveries in one batch
  uint32_t prefetch = 1024;  // most unsettled deliveries per partition on queues
  bool cooperative = false;  // incremental rebalancing (KIP-429) where the backend has it
  int32_t capacity = 0;      // most partitions this instance will hold on queues; 0: no bound
  Duration session_timeout = std::chrono::seconds(45);
  Duration heartbeat_interval = std::chrono::seconds(3);
  Duration revoke_timeout = std::chrono::seconds(20);  // from OnRevoking to its deadline
  bool transactional = false;  // settled by the transactions of a producer only; needs Capabilities::transactions
};

// What is published, and the settlements of its inputs, become visible in one step (docs/decisions/0011-exactly-once.md).
struct TransactionOptions {
  // Empty: no transactions. Else the same for whoever takes this one's place, and for nobody beside it: opening ends what
  // the one before has left open, and fences it.
  std::string id;
  std::vector<std::string> inputs;  // the topics of the consumer whose settlements go along, in its order
  // How long one may take before the broker aborts it. Readers wait as long for one whose owner has died.
  Duration timeout = std::chrono::seconds(10);
};

struct ProducerOptions {
  std::string name;  // for people
  std::vector<std::string> topics;
  TransactionOptions transaction;  // needs Capabilities::transactions
};

// What a group has before it in one partition.
struct PartitionLag {
  std::string topic;
  int32_t partition = 0;
  int64_t settled = 0;  // kPrefix: committed offset; else messages acknowledged
  int64_t end = 0;      // kPrefix: end offset; else messages ever put in
  int64_t lag = 0;      // messages not settled
};

class Bus {
 public:
  virtual ~Bus() = default;
  virtual const Capabilities& capabilities() const = 0;

  // Makes what is missing and verifies the rest. FailedPrecondition names what differs. May block for as long as the
  // broker takes.
  virtual absl::Status Apply(const Topology& topology) = 0;

  // Errors: NotFound for a topic or group that Apply has not made; InvalidArgument for options that cannot be, naming
  // the option.
  virtual absl::StatusOr<std::unique_ptr<ConsumerDriver>> OpenConsumer(const ConsumerOptions& options,
                                                                       Waker& waker) = 0;
  virtual absl::StatusOr<std::unique_ptr<ProducerDriver>> OpenProducer(const ProducerOptions& options,
                                                                       Waker& waker) = 0;

  // Per partition of a topic; blocks for as long as the broker takes.
  virtual absl::StatusOr<std::vector<PartitionLag>> Lag(const std::string& group, const std::string& topic) = 0;

  // What operators ask (bus/admin.h); nullptr where the bus lives and dies with the process that uses it. The bus's own.
  virtual Admin* admin() { return nullptr; }
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_BUS_H_
