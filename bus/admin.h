// What operators ask of a broker, beside what a pipeline at work needs: is the topology as it should be, how far are
// the groups, what lies in the dead letters, where does a group begin. One seam for all brokers; no word of it is one
// broker's own.
//
//   bus::Admin* admin = bus->admin();                   // nullptr: what is on this bus lives in another process (mem:)
//   auto items = admin->Compare(topology, Admin::Look::kTopology);   // Bus::Apply makes what is missing
//   auto group = admin->Group("orders.price", topic);
//   auto reader = admin->OpenKept(dead_letters);        // … Read, Remove
//
// Blocking    each call, for as long as the broker takes, bounded by the driver's time limits.
// Errors      Unavailable where the broker does not answer; Unimplemented for what a backend does not have, with the
//             reason and what to do instead; others with each call. No secret is in any of them.
// Threading   any thread, one call at a time for each reader.
// Ownership   belongs to its Bus; readers end before the bus does.
#ifndef MILLRACE_BUS_ADMIN_H_
#define MILLRACE_BUS_ADMIN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/message.h"

namespace millrace::bus {

struct Topology;
struct TopicSpec;

// ---------------------------------------------------------------- topology

// A part of a topology (a topic, a queue, an exchange), as it is and as it should be.
struct TopologyItem {
  enum class State {
    kSame,
    kMissing,  // Bus::Apply makes it
    kDiffers,  // works, though not as the pipeline says; nobody changes it unasked
    kRefused,  // going on would lose messages or their order, or fail: `run` does not begin
  };
  struct Field {
    std::string name;
    std::string have;  // empty where the thing is missing
    std::string want;
  };
  std::string topic;  // of the pipeline
  std::string what;   // as on the broker: topic "dev.raw", queue "raw:parse:0"
  State state = State::kSame;
  std::vector<Field> fields;  // what differs; of what is missing: what it will be made with
  std::string advice;         // the way out; empty where none is needed
};

// ---------------------------------------------------------------- groups

struct PartitionState {
  int32_t partition = 0;
  int64_t committed = -1;  // the next offset to be read; on queues messages acknowledged so far. -1: not known
  int64_t end = -1;        // the end of the log; on queues messages ever put in. -1: not known
  int64_t lag = 0;         // messages not settled
  int64_t ready = -1;      // queues: of these, waiting …
  int64_t unacked = -1;    // … and in somebody's hands
  std::string owner;       // the instance that has it; empty: nobody
};

struct GroupState {
  std::vector<PartitionState> partitions;
  int32_t instances = 0;          // members of the group
  std::vector<std::string> idle;  // those without a partition of any topic, by name
  std::string source;             // where the numbers come from, for people
  int64_t trapped = 0;            // messages that the broker itself has taken out of queues of ours, and that are kept
};

// ---------------------------------------------------------------- where a group begins

struct OffsetTarget {
  enum class Kind { kEarliest, kTime, kOffset };
  Kind kind = Kind::kEarliest;
  int64_t value = 0;  // milliseconds since 1970-01-01T00:00:00Z, or an offset
};

struct OffsetMove {
  int32_t partition = 0;
  int64_t from = -1;  // committed; -1: nothing
  int64_t to = 0;     // within what the log has
  int64_t start = 0;  // of the log
  int64_t end = 0;
};

// ---------------------------------------------------------------- dead letters

// A message as it is kept.
struct KeptMessage {
  int32_t partition = 0;
  int64_t offset = -1;  // -1 on queues
  uint64_t place = 0;   // what Remove takes; of this reader only
  Message message;      // valid during the call
};

// Reads what a topic with TopicSpec::keep has kept and nobody has removed.
class KeptReader {
 public:
  virtual ~KeptReader() = default;
  // Calls `each` for every message that lay there when the reader was opened, by age within a partition. Returns what
  // `each` returns where that is not OK, and stops there.
  virtual absl::Status Read(const std::function<absl::Status(const KeptMessage&)>& each) = 0;
  // Takes messages out for good; they are not told by any later reader. Durable when it returns OK. May be called from
  // `each`, for what was told before. `why` is kept where the broker has a place for it ("redriven", "purged").
  virtual absl::Status Remove(std::span<const uint64_t> places, std::string_view why) = 0;
  // Gives room back where Remove alone gives none: destroys removed messages at the beginning of each partition, but
  // none that `group` has still to settle. Returns how many.
  virtual absl::StatusOr<uint64_t> Free(const std::string& group) = 0;
  // What others do not see while this reader is open; empty: they see everything.
  virtual std::string Hidden() const = 0;
  // Ends in good order: what was removed stays removed. OK only where that is certain.
  virtual absl::Status Close() = 0;
};

class Admin {
 public:
  virtual ~Admin() = default;

  // What a comparison looks at.
  enum class Look {
    kTopology,  // what is there, and how much the broker has put aside by itself: what each worker asks as it begins
    kContents,  // a part of what it has put aside as well, to say where that comes from
  };

  // Every part of the topology, in its order; changes nothing.
  virtual absl::StatusOr<std::vector<TopologyItem>> Compare(const Topology& topology, Look look) = 0;

  // NotFound where the topic is not there.
  virtual absl::StatusOr<GroupState> Group(const std::string& group, const TopicSpec& topic) = 0;

  // What MoveOffsets would do; changes nothing. `partitions`: only these; empty: all. NotFound; OutOfRange for a
  // partition that the topic does not have.
  virtual absl::StatusOr<std::vector<OffsetMove>> PlanOffsets(const std::string& group, const TopicSpec& topic,
                                                              const std::vector<int32_t>& partitions,
                                                              const OffsetTarget& target) = 0;
  // Sets where the group goes on, and forgets its notes there. FailedPrecondition while the group has members.
  virtual absl::Status MoveOffsets(const std::string& group, const TopicSpec& topic,
                                   std::span<const OffsetMove> moves) = 0;

  // NotFound where the topic is not there.
  virtual absl::StatusOr<std::unique_ptr<KeptReader>> OpenKept(const TopicSpec& topic) = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_ADMIN_H_
