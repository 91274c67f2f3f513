#include "ops/backends.h"

#include <utility>

#include "bus/kafka/kafka_bus.h"
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

bool IsKafka(const std::string& url) { return stages::SchemeOf(url) == "kafka"; }

bool IsMemory(const std::string& url) { return url.find(':') != std::string::npos && stages::SchemeOf(url) == "mem"; }

}  // namespace

std::vector<Backend> KnownBackends() {
  return {
      {"kafka", "a Kafka: kafka://HOST:PORT[,HOST:PORT]?name=value&…, with any property of librdkafka"},
      {"mem", "inside this process; what is on it is saved when the run is stopped, and fed again when it was killed"}};
}

absl::StatusOr<OpenedBus> OpenBus(const std::string& url, const Clock& clock) {
  OpenedBus opened;
  if (IsKafka(url)) {
    absl::StatusOr<std::unique_ptr<bus::KafkaBus>> kafka = bus::OpenKafkaBus(url, clock);
    if (!kafka.ok()) return kafka.status();
    opened.bus = *std::move(kafka);
    return opened;
  }
  if (!IsMemory(url)) return UnknownScheme(url);
  absl::StatusOr<std::unique_ptr<bus::MemoryBus>> memory = bus::OpenMemoryBus(url, clock);
  if (!memory.ok()) return memory.status();
  opened.memory = memory->get();
  opened.bus = *std::move(memory);
  return opened;
}

absl::StatusOr<bus::Capabilities> CapabilitiesOf(const std::string& url) {
  if (IsKafka(url)) return bus::KafkaCapabilities(url);
  if (!IsMemory(url)) return UnknownScheme(url);
  const SystemClock clock;
  absl::StatusOr<std::unique_ptr<bus::MemoryBus>> memory = bus::OpenMemoryBus(url, clock);
  if (!memory.ok()) return memory.status();
  return (*memory)->capabilities();
}

std::string PrintableBus(const std::string& url) { return IsKafka(url) ? bus::PrintableKafkaBus(url) : url; }

}  // namespace millrace::ops
