// How far a feed has come: everything before `position` is accepted and in the journal. Written whole or not at all.
//
// Threading: functions; one process at a time writes one path (the journal's lock sees to that).
#ifndef MILLRACE_STAGES_CHECKPOINT_H_
#define MILLRACE_STAGES_CHECKPOINT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace::stages {

struct Checkpoint {
  std::string position;        // opaque, the source's; empty: the beginning
  uint64_t records = 0;        // accepted from the beginning up to there
  uint64_t journal_bytes = 0;  // how long the journal was, synced: it can't be shorter later
  bool finished = false;       // the source had ended
  bool operator==(const Checkpoint&) const = default;
};

// Blocking: returns when it is on the disk. Errors as WriteFileAtomically; the old checkpoint stands then.
absl::Status SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint);

// nullopt where there is none. InvalidArgument: the file is not a checkpoint, or damaged.
absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(const std::string& path);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_CHECKPOINT_H_
