#include "ops/backends.h"

#include <utility>

#include "bus/kafka/kafka_bus.h"
#include "bus/rabbitmq/rabbit_bus.h"
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

struct Scheme {
  Backend backend;
  absl::StatusOr<OpenedBus> (*open)(const std::string& url, const Clock& clock);
  absl::StatusOr<bus::Capabilities> (*capabilities)(const std::string& url);
  std::string (*printable)(const std::string& url);
};

// ---------------------------------------------------------------- one block a backend

absl::StatusOr<OpenedBus> OpenKafka(const std::string& url, const Clock& clock) {
  absl::StatusOr<std::unique_ptr<bus::KafkaBus>> kafka = bus::OpenKafkaBus(url, clock);
  if (!kafka.ok()) return kafka.status();
  OpenedBus opened;
  opened.bus = *std::move(kafka);
  return opened;
}

absl::StatusOr<bus::Capabilities> KafkaCapabilities(const std::string& url) { return bus::KafkaCapabilities(url); }

std::string PrintableKafka(const std::string& url) { return bus::PrintableKafkaBus(url); }

absl::StatusOr<OpenedBus> OpenMemory(const std::string& url, const Clock& clock) {
  absl::StatusOr<std::unique_ptr<bus::MemoryBus>> memory = bus::OpenMemoryBus(url, clock);
  if (!memory.ok()) return memory.status();
  OpenedBus opened;
  opened.memory = memory->get();
  opened.bus = *std::move(memory);
  return opened;
}

absl::StatusOr<bus::Capabilities> MemoryCapabilities(const std::string& url) {
  const SystemClock clock;
  absl::StatusOr<std::unique_ptr<bus::MemoryBus>> memory = bus::OpenMemoryBus(url, clock);
  if (!memory.ok()) return memory.status();
  return (*memory)->capabilities();
}

std::string PrintableMemory(const std::string& url) { return url; }

absl::StatusOr<OpenedBus> OpenRabbit(const std::string& url, const Clock& clock) {
  absl::StatusOr<std::unique_ptr<bus::Bus>> rabbit = bus::OpenRabbitBus(url, clock);
  if (!rabbit.ok()) return rabbit.status();
  OpenedBus opened;
  opened.bus = *std::move(rabbit);
  return opened;
}

absl::StatusOr<bus::Capabilities> RabbitCapabilities(const std::string& url) { return bus::RabbitCapabilities(url); }

std::string PrintableRabbit(const std::string& url) { return bus::PrintableRabbitBus(url); }

// By scheme.
const std::vector<Scheme>& Schemes() {
  static const auto& schemes = *new std::vector<Scheme>{
      {{"amqp", "a RabbitMQ server: amqp://USER:PASSWORD@HOST:PORT/VHOST?name=value&…"},
       OpenRabbit,
       RabbitCapabilities,
       PrintableRabbit},
      {{"amqps", "the same over TLS: amqps://USER:PASSWORD@HOST:PORT/VHOST?cacertfile=PATH&…"},
       OpenRabbit,
       RabbitCapabilities,
       PrintableRabbit},
      {{"kafka", "a Kafka: kafka://HOST:PORT[,HOST:PORT]?name=value&…, with any property of librdkafka"},
       OpenKafka,
       KafkaCapabilities,
       PrintableKafka},
      {{"mem", "inside this process; what is on it is saved when the run is stopped, and fed again when it was killed"},
       OpenMemory,
       MemoryCapabilities,
       PrintableMemory},
  };
  return schemes;
}

const Scheme* Find(const std::string& url) {
  if (url.find(':') == std::string::npos) return nullptr;
  for (const Scheme& scheme : Schemes()) {
    if (stages::SchemeOf(url) == scheme.backend.scheme) return &scheme;
  }
  return nullptr;
}

}  // namespace

std::vector<Backend> KnownBackends() {
  std::vector<Backend> known;
  for (const Scheme& scheme : Schemes()) known.push_back(scheme.backend);
  return known;
}

absl::StatusOr<OpenedBus> OpenBus(const std::string& url, const Clock& clock) {
  const Scheme* scheme = Find(url);
  return scheme == nullptr ? UnknownScheme(url) : scheme->open(url, clock);
}

absl::StatusOr<bus::Capabilities> CapabilitiesOf(const std::string& url) {
  const Scheme* scheme = Find(url);
  return scheme == nullptr ? UnknownScheme(url) : scheme->capabilities(url);
}

std::string PrintableBus(const std::string& url) {
  const Scheme* scheme = Find(url);
  return scheme == nullptr ? url : scheme->printable(url);
}

}  // namespace millrace::ops
