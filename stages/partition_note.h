// What the worker remembers about a partition across restarts, carried by settlements where the backend has notes
// (Kafka: commit metadata).
//
//   mr1 starts=2@100 running=1@100 suspects=1124 hung=1@101 alone=101-140 done=103-107,112-112 parked=00f3…,…
//
// starts=N@S: N owners in a row began with S as the first message not settled. running=N@S: the message S was being
// tried alone, for the N-th time in which the process had not lived to tell. suspects=S: messages before S are tried one at a time, whoever owns the partition. hung=N@S: the attempt of message S did not return
// in N ownerships. alone: somebody in a batch of these did not return, so that each is tried by itself. done: messages behind the first unfinished
// one that were finished when the partition was left cleanly; the next owner does not do them again. parked: hashes of
// keys whose messages follow a dead letter.
//
// Threading: a value.
#ifndef MILLRACE_STAGES_PARTITION_NOTE_H_
#define MILLRACE_STAGES_PARTITION_NOTE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::stages {

struct PartitionNote {
  uint32_t starts = 0;
  uint64_t starts_at = 0;
  uint32_t running = 0;
  uint64_t running_at = 0;
  uint64_t suspects = 0;  // behind the last of them; 0: none
  struct Hung {
    uint32_t times = 0;
    uint64_t at = 0;
    bool operator==(const Hung&) const = default;
  };
  std::vector<Hung> hung;  // in the order in which they were found
  struct Range {
    uint64_t first = 0, last = 0;
    bool operator==(const Range&) const = default;
  };
  std::optional<Range> alone;
  std::vector<Range> done;       // ascending, disjoint
  std::vector<uint64_t> parked;  // ascending

  // Kafka's default limit (offset.metadata.max.bytes), and the most parked keys that fit into it beside the counters.
  static constexpr size_t kBytesMax = 4096;
  static constexpr size_t kParkedMax = 200;

  // Of more than these the later ones are not remembered: they have their turn when the first are dead letters.
  static constexpr size_t kHungMax = 8;

  void AddHung(uint64_t sequence);
  uint32_t HungTimes(uint64_t sequence) const;
  void AddAlone(uint64_t sequence);
  bool IsAlone(uint64_t sequence) const {
    return alone.has_value() && alone->first <= sequence && sequence <= alone->last;
  }
  // What is said of messages before `next` is not needed any more; starts and running are judged by whoever reads them.
  void Forget(uint64_t next);

  // Leaves ranges of `done` away that do not fit: those messages are done again.
  std::string Write() const;
  // What is not a note of ours (another program's metadata) reads as an empty one.
  static PartitionNote Read(std::string_view text);
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_PARTITION_NOTE_H_
