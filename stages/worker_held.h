// Private to the worker: a partition as it sees it, whether held or not.
#ifndef MILLRACE_STAGES_WORKER_HELD_H_
#define MILLRACE_STAGES_WORKER_HELD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bus/check.h"
#include "stages/partition_note.h"
#include "stages/partition_window.h"
#include "stages/ring.h"
#include "stages/worker.h"

namespace millrace::stages {

// Watches for inputs that kill the process.
struct CrashGuard {
  PartitionNote note;  // as last sent, or to be sent
  bool note_changed = false;
  uint32_t unanswered = 0;        // notes sent and not answered
  bool starts_counted = false;    // note.starts counts this ownership
  bool first_delivery = true;     // of this epoch: where delivery counts stand in for notes
  uint64_t suspect_left = 0;      // messages still to be run one at a time; 0: not under suspicion
  uint64_t kill = UINT64_MAX;     // sequence that has killed the process too often
  uint32_t deaths = 0;            // while the first message was running alone
  uint64_t marked = UINT64_MAX;   // sequence whose running mark was sent
  MonotonicTime mark_at;          // not before: the last mark could not be written
  std::vector<uint64_t> parking;  // ascending: keys that will be parked when their dead letters are confirmed
};

// Exactly once: what of a partition is in the transaction under way, and what is kept for it.
struct TransactionShare {
  struct Result {
    AttemptGroup* group = nullptr;  // null: nothing to publish
    uint32_t item = 0;
  };
  Ring<Result> results;    // by place, from the window's head on
  uint64_t published = 0;  // places before it are in the transaction
  // While it is being committed: what is.
  bool committing = false;
  uint64_t until = 0;  // places before it
  bus::SettleRange range;
  uint64_t next = 0;
  bool has_note = false;
  std::string note;
  std::vector<uint64_t> parked;  // keys that are parked by it
  bool parting = false;          // the note says what is left to the next owner
};

struct Worker::Held {
  enum class Mode { kGone, kActive, kRevoking };
  bus::Holding holding;
  Mode mode = Mode::kGone;
  MonotonicTime deadline;  // kRevoking
  PartitionWindow window;
  uint64_t next_sequence = 0;  // behind the last message seen; at first where the group resumes
  bool flowing = true;
  bool dirty = false;
  uint32_t running = 0;          // attempts out
  uint32_t publishing = 0;       // slots in kPublishing or kSpooling
  std::vector<uint64_t> settle;  // kIndividual: places finished since the last settlement
  CrashGuard guard;
  TransactionShare share;

  bool held() const { return mode != Mode::kGone; }
  bool active() const { return mode == Mode::kActive; }
};

// These are asked several times for each message, by each part of the worker.
inline Worker::Held* Worker::FindHeld(const bus::Holding& holding) {
  const auto topic = static_cast<size_t>(holding.partition.topic),
             number = static_cast<size_t>(holding.partition.number);
  MR_CHECK(topic < partitions_.size()) << "input " << holding.partition.topic;
  const auto& numbers = partitions_[topic];
  Held* held = number < numbers.size() ? numbers[number].get() : nullptr;
  return held != nullptr && held->held() && held->holding.epoch == holding.epoch ? held : nullptr;
}

inline void Worker::MarkDirty(Held& held) {
  if (held.dirty) return;
  held.dirty = true;
  dirty_.push_back(&held);
}

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_WORKER_HELD_H_
