#include "bus/kafka/rdkafka.h"

#include "bus/secret.h"

namespace millrace::bus {
namespace {

// librdkafka's own lines would stand between those of the program; what matters of them comes as events. They are there
// when asked for: debug=…, or log_level by a property.
void DropLog(const rd_kafka_t*, int, const char*, const char*) {}

absl::Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char why[512];
  switch (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof(why))) {
    case RD_KAFKA_CONF_OK:
      return absl::OkStatus();
    case RD_KAFKA_CONF_UNKNOWN:
      return absl::InvalidArgumentError("the Kafka URL: librdkafka has no property \"" + name + "\"");
    case RD_KAFKA_CONF_INVALID:
      break;
  }
  // Its reason quotes the value.
  return absl::InvalidArgumentError("the Kafka URL: " + (IsSecretProperty(name)
                                                             ? "librdkafka does not take the value of \"" + name + "\""
                                                             : std::string(why)));
}

}  // namespace

absl::Status ResolveValues(KafkaProperties& properties) {
  for (auto& [name, value] : properties) {
    if (absl::Status s = LookUpSecret("the Kafka URL: " + name, value); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<RdConf> MakeConf(const KafkaUrl& url, const KafkaProperties& own) {
  RdConf conf(rd_kafka_conf_new());
  bool quiet = true;
  // As Java's clients have it (KIP-144). librdkafka's own are 10 s, as long as a session: a member would be given up, and
  // what it has published come late, after a broker that was away for a moment only.
  if (absl::Status s = Set(conf.get(), "reconnect.backoff.max.ms", "1000"); !s.ok()) return s;
  for (const auto& [name, value] : url.properties) {
    if (absl::Status s = Set(conf.get(), name, value); !s.ok()) return s;
    if (name == "debug" || name == "log_level") quiet = false;
  }
  if (absl::Status s = Set(conf.get(), "bootstrap.servers", url.brokers); !s.ok()) return s;
  for (const auto& [name, value] : own) {
    if (absl::Status s = Set(conf.get(), name, value); !s.ok()) return s;
  }
  if (quiet) rd_kafka_conf_set_log_cb(conf.get(), &DropLog);
  return conf;
}

absl::StatusOr<rd_kafka_t*> MakeHandle(rd_kafka_type_t type, RdConf conf) {
  char why[512];
  rd_kafka_t* handle = rd_kafka_new(type, conf.get(), why, sizeof(why));
  if (handle == nullptr) return absl::InvalidArgumentError(std::string("librdkafka: ") + why);
  conf.release();  // the handle's now
  return handle;
}

LogError GroupErrorOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return LogError::kNone;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
      return LogError::kIllegalGeneration;
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
      return LogError::kUnknownMember;
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
      return LogError::kRebalanceInProgress;
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return LogError::kFencedInstance;
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      return LogError::kInconsistentProtocol;
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
      return LogError::kInvalidSessionTimeout;
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
      return LogError::kNoteTooLarge;
    default:
      return LogError::kCoordinatorUnavailable;
  }
}

LogError PublishErrorOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return LogError::kNone;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return LogError::kMessageTooLarge;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return LogError::kUnknownTopic;
    default:
      return LogError::kRefused;
  }
}

}  // namespace millrace::bus
