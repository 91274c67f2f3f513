// What is wrong with certificates and keys, with the way out: librdkafka tells OpenSSL's error numbers.
//
// Threading: pure but for CheckTlsFiles, which asks the file system. No value of a property but a path is in any text.
#ifndef MILLRACE_BUS_KAFKA_TLS_WORDS_H_
#define MILLRACE_BUS_KAFKA_TLS_WORDS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bus/kafka/rdkafka.h"

namespace millrace::bus {

// InvalidArgument where a file that a property names cannot be read: which, where, and why.
absl::Status CheckTlsFiles(const KafkaProperties& properties);

// To stand behind what librdkafka says where it takes no certificate or key; empty where it is about something else.
std::string AdviceOnTlsFiles(std::string_view why, std::string_view certificate);

// What to do where a broker, or librdkafka, ends a handshake; empty where `why` is about something else.
std::string AdviceOnHandshake(std::string_view why, const KafkaProperties& properties);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_TLS_WORDS_H_
