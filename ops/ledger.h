// The ledger: what became of each accepted job, by sets of ids taken from records (the feed's journal, receipts, dead
// letters, what lies on the bus), never from counters that somebody keeps about himself.
//
//   Ledger ledger(out_dir);
//   ledger.Accept(id);                                    // from the journal; repeats are one job
//   ledger.Add(Fate::kReceipt, {.root = …, .share = …, .id = …, .digest = …});
//   absl::StatusOr<Balance> balance = ledger.Close();
//
// A job is over when the shares of its records cover the whole of it (stages/lineage.h). Each accepted job is in
// exactly one of six classes, the first that fits: settled (receipts cover it), dead-lettered (receipts and dead
// letters do), on the bus, destroyed (and announced), to be fed again (a bus was lost, and the feed has not come to it
// again yet), lost:
//   accepted = settled + dead_lettered + on_bus + destroyed + to_feed_again + lost
//
// Blocking    on the disk when there are more records than its memory holds: that is flat, however many there are.
// Errors      those of the file system.
// Threading   one thread.
#ifndef MILLRACE_OPS_LEDGER_H_
#define MILLRACE_OPS_LEDGER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ops/record_sorter.h"

namespace millrace::ops {

enum class Fate : uint8_t { kReceipt = 1, kDeadLetter = 2, kOnBus = 3, kDestroyed = 4 };

// That a part of a job was seen somewhere.
struct JobRecord {
  std::string_view root;         // the job
  std::string_view share = {};   // which part of it; empty: all
  std::string_view id = {};      // of the message
  std::string_view digest = {};  // of its content; empty: unknown
};

struct Balance {
  uint64_t accepted = 0;
  uint64_t settled = 0;
  uint64_t dead_lettered = 0;
  uint64_t on_bus = 0;
  uint64_t destroyed = 0;
  uint64_t to_feed_again = 0;
  uint64_t lost = 0;

  // Receipts and dead letters of parts that another one covers already: processed twice, or settled here and
  // dead-lettered there.
  uint64_t duplicates = 0;
  // Messages on the bus whose part has ended all the same: they will be delivered again.
  uint64_t redeliveries = 0;
  // Records of one message with different contents: a stage that is not deterministic, or two versions of it.
  uint64_t conflicts = 0;
  // Jobs that ended and nobody accepted.
  uint64_t phantoms = 0;

  // Of each a few ids, to look into.
  std::vector<std::string> lost_examples;
  std::vector<std::string> duplicate_examples;
  std::vector<std::string> conflict_examples;
  std::vector<std::string> phantom_examples;

  // Whether the promises hold: nothing lost, no content in doubt.
  bool Kept() const { return lost == 0 && conflicts == 0; }
};

class Ledger {
 public:
  static constexpr size_t kMemoryBytes = 8 << 20;

  // Temporary files go to `folder`.
  explicit Ledger(const std::string& folder, size_t memory_bytes = kMemoryBytes) : sorter_(folder, memory_bytes) {}

  absl::Status Accept(std::string_view id);
  // Accepted by a run whose bus is gone; the feed comes to it again, and then Accept says so.
  absl::Status AcceptedBefore(std::string_view id);
  absl::Status Add(Fate fate, const JobRecord& record);
  // Once, at the end. `on_ended` is told each job that receipts and dead letters cover, accepted or not.
  absl::StatusOr<Balance> Close(const std::function<void(std::string_view root)>& on_ended = nullptr);

 private:
  absl::Status Put(uint8_t kind, const JobRecord& record);

  RecordSorter sorter_;
  std::string scratch_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_LEDGER_H_
