// What a dead letter looks like: the message as it was (key, body, headers), and behind its headers these.
//
// A body that does not fit under the backend's limit together with the history is cut, with `mr_dead_cut` = "<bytes of
// the whole> <digest of the whole>"; the whole was written to the spool before (stages/worker.h, Action kSpool).
#ifndef MILLRACE_STAGES_DEAD_LETTER_H_
#define MILLRACE_STAGES_DEAD_LETTER_H_

#include <string_view>

namespace millrace::stages {

inline constexpr std::string_view kDeadReason = "mr_dead_reason";  // the last status: "INVALID_ARGUMENT: PostalCode: …"
inline constexpr std::string_view kDeadStage = "mr_dead_stage";    // name of the stage
inline constexpr std::string_view kDeadSource = "mr_dead_source";  // topic/partition/offset it was read from
inline constexpr std::string_view kDeadId = "mr_dead_id";  // its id (derived for foreign messages that carry none)
inline constexpr std::string_view kDeadAttempts = "mr_dead_attempts";  // decimal
inline constexpr std::string_view kDeadHistory =
    "mr_dead_history";  // one line per attempt: "<n> <wall time, RFC 3339> <status>"
inline constexpr std::string_view kDeadCut = "mr_dead_cut";  // only when the body was cut
// Also set on dead letters, where absent on the input: mr_root and mr_share, so that the ledger can account for the
// job.

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_DEAD_LETTER_H_
