// Durations as people write them: a whole number and a unit.
//
//   DurationText(1'500'000)          // "1500us"
//   ParseDuration("2s")              // 2'000'000'000
//
// Exact both ways: text is in the largest unit that needs no fraction.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_DURATION_TEXT_H_
#define MILLRACE_SIM_DURATION_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::sim {

std::string DurationText(int64_t ns);

// Errors: InvalidArgument, saying what to write instead. "0" needs no unit.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_DURATION_TEXT_H_
