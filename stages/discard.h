// The stage kind "discard": ends each job that reaches it, with a receipt. For the end of a line that has no store
// (yet), and for measuring a line without one.
#ifndef MILLRACE_STAGES_DISCARD_H_
#define MILLRACE_STAGES_DISCARD_H_

#include "stages/registry.h"

namespace millrace::stages {

// Registers the kind. Options: "reason", what the receipts say; default "discarded".
absl::Status RegisterDiscard(Registry& registry);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_DISCARD_H_
