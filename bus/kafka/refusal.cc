#include "bus/kafka/refusal.h"

#include <string>

namespace millrace::bus {
namespace {

std::string_view AdviceOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "give the user of this program the rights to read its input topics and to write its output topics";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return "give the user of this program the right to read by this group";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return "give the user of this program the rights to describe and to write under its transactional ids";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "give the user of this program the right to IdempotentWrite on the cluster";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return "check security.protocol, sasl.mechanism, the user and its password in the URL";
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
      return "a record's time is further from the broker's than the topic allows: raise its "
             "message.timestamp.after.max.ms or message.timestamp.before.max.ms, or set the clocks";
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      return "the topic's settings do not allow it: a compacted topic takes no record without a key";
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
      return "raise offset.metadata.max.bytes of the brokers to 4096";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
      return "lower transaction.timeout.ms in the URL, or raise transaction.max.timeout.ms of the brokers";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return "apply the topology; it goes on when the topic is there again, with as many partitions";
    default:
      return "nothing is given up, and it is tried again";
  }
}

}  // namespace

absl::Status Refusal(std::string_view what, rd_kafka_resp_err_t error, std::string_view text) {
  if (text.empty()) text = rd_kafka_err2str(error);
  return absl::UnavailableError(std::string(what) + ": " + rd_kafka_err2name(error) + " (" + std::string(text) + "); " +
                                std::string(AdviceOf(error)));
}

bool IsNotAllowed(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return true;
    default:
      return false;
  }
}

}  // namespace millrace::bus
