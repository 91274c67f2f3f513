// The URL of a Kafka: its brokers, what the driver can be asked for, and any property of librdkafka.
//
//   kafka://127.0.0.1:9092
//   kafka://a:9092,b:9092?session.timeout.ms=20000&security.protocol=SASL_SSL&sasl.password=env:KAFKA_PASSWORD
//
// Parameters, `?name=value&name=value`; values may be percent-encoded:
//   session.timeout.ms=N            10000; how long the group waits for a member that has gone silent
//   rebalance=eager|cooperative     eager
//   transaction.timeout.ms=N        10000; how long a transaction may take before the broker aborts it
//   replication=N                   of topics that are made; 0 (the default): as the broker is set up
//   prefix=TEXT                     stands before the names of topics and groups, so that several can share a Kafka
//   message_bytes_max=N             1000000; key + body + headers of one message
//   a name with a dot in it         a property of librdkafka, for consumers, producers and administration alike.
//                                   Properties that the promises rest on are refused, each with its reason.
// A value env:NAME or file:PATH stands for what the environment or the file has: so no secret is in a command line.
//
// Threading: pure.
#ifndef MILLRACE_BUS_KAFKA_CORE_KAFKA_URL_H_
#define MILLRACE_BUS_KAFKA_CORE_KAFKA_URL_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/clock.h"

namespace millrace::bus {

struct KafkaUrl {
  std::string brokers;  // host:port,host:port
  Duration session_timeout = std::chrono::seconds(10);
  bool session_timeout_asked = false;
  bool cooperative = false;
  Duration transaction_timeout = Duration::zero();  // zero: not asked
  int replication = 0;
  std::string prefix;
  size_t message_bytes_max = 1'000'000;
  std::vector<std::pair<std::string, std::string>> properties;  // as they stand: env: and file: not looked up
};

// Errors: InvalidArgument naming the parameter; never a value that may be a secret.
absl::StatusOr<KafkaUrl> ParseKafkaUrl(std::string_view url);

// Whether what a property of this name holds is nobody's business.
bool IsSecretProperty(std::string_view name);

// The URL with the values of secrets left out, for people.
std::string PrintableKafkaUrl(std::string_view url);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_CORE_KAFKA_URL_H_
