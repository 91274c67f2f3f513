#include "bus/memory/memory_bus.h"

#include "bus/memory/log_bus.h"
#include "bus/memory/memory_url.h"
#include "bus/memory/queue_bus.h"

namespace millrace::bus {

absl::StatusOr<std::unique_ptr<MemoryBus>> OpenMemoryBus(std::string_view url, const Clock& clock) {
  const absl::StatusOr<MemoryUrl> parsed = ParseMemoryUrl(url);
  if (!parsed.ok()) return parsed.status();
  std::unique_ptr<MemoryBus> bus;
  if (parsed->queue) {
    bus = std::make_unique<QueueMemoryBus>(*parsed, clock);
  } else {
    bus = std::make_unique<LogMemoryBus>(*parsed, clock);
  }
  return bus;
}

}  // namespace millrace::bus
