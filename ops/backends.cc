#include "ops/backends.h"

#include <utility>

#include "ops/system_clock.h"
#include "stages/pipeline_config.h"
#include "stages/suggest.h"

namespace millrace::ops {
namespace {

absl::Status UnknownScheme(const std::string& url) {
  std::vector<std::string> known;
  for (const Backend& backend : KnownBackends()) known.push_back(backend.scheme + ":");
  return absl::InvalidArgumentError("no backend for the bus \"" + url + "\"; " +
                                    stages::Suggest(std::string(stages::SchemeOf(url)) + ":", known));
}

bool IsMemory(const std::string& url) { return url.find(':') != std::string::npos && stages::SchemeOf(url) == "mem"; }

}  // namespace

std::vector<Backend> KnownBackends() {
  return {
      {"mem", "inside this process; what is on it is saved when the run is stopped, and fed again when it was killed"}};
}

absl::StatusOr<OpenedBus> OpenBus(const std::string& url, const Clock& clock) {
  if (!IsMemory(url)) return UnknownScheme(url);
  absl::StatusOr<std::unique_ptr<bus::MemoryBus>> memory = bus::OpenMemoryBus(url, clock);
  if (!memory.ok()) return memory.status();
  OpenedBus opened;
  opened.memory = memory->get();
  opened.bus = *std::move(memory);
  return opened;
}

absl::StatusOr<bus::Capabilities> CapabilitiesOf(const std::string& url) {
  if (!IsMemory(url)) return UnknownScheme(url);
  const SystemClock clock;
  absl::StatusOr<std::unique_ptr<bus::MemoryBus>> memory = bus::OpenMemoryBus(url, clock);
  if (!memory.ok()) return memory.status();
  return (*memory)->capabilities();
}

}  // namespace millrace::ops
