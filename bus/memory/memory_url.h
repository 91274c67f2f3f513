// The URL of mem:, taken apart.
//
// Threading: pure.
#ifndef MILLRACE_BUS_MEMORY_MEMORY_URL_H_
#define MILLRACE_BUS_MEMORY_MEMORY_URL_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::bus {

// See bus/memory/memory_bus.h for what they mean.
struct MemoryUrl {
  bool queue = false;
  bool strict_sessions = false;
  size_t message_bytes_max = 1'000'000;
  uint64_t retention_bytes = 0;
  size_t segment_bytes = 64 << 10;
};

// InvalidArgument names what is wrong and what is known.
absl::StatusOr<MemoryUrl> ParseMemoryUrl(std::string_view url);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_MEMORY_URL_H_
