// Wall time and statuses as people read them.
#ifndef MILLRACE_STAGES_WALL_TEXT_H_
#define MILLRACE_STAGES_WALL_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "bus/clock.h"

namespace millrace::stages {

// RFC 3339 with milliseconds, UTC: "2026-11-23T13:45:07.120Z".
std::string WallText(WallTime wall);

// "INVALID_ARGUMENT: PostalCode: …"; "OK".
std::string StatusText(const absl::Status& status);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_WALL_TEXT_H_
