// librdkafka's C API as the driver uses it: handles that free themselves, settings, error codes.
//
// Threading: librdkafka's handles are safe from any thread; what is here holds no state.
#ifndef MILLRACE_BUS_KAFKA_RDKAFKA_H_
#define MILLRACE_BUS_KAFKA_RDKAFKA_H_

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/kafka/core/kafka_url.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

template <auto kFree>
struct RdFree {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using RdConf = std::unique_ptr<rd_kafka_conf_t, RdFree<rd_kafka_conf_destroy>>;
using RdEvent = std::unique_ptr<rd_kafka_event_t, RdFree<rd_kafka_event_destroy>>;
using RdList = std::unique_ptr<rd_kafka_topic_partition_list_t, RdFree<rd_kafka_topic_partition_list_destroy>>;
using RdQueue = std::unique_ptr<rd_kafka_queue_t, RdFree<rd_kafka_queue_destroy>>;
using RdTopic = std::unique_ptr<rd_kafka_topic_t, RdFree<rd_kafka_topic_destroy>>;
using RdMessage = std::unique_ptr<rd_kafka_message_t, RdFree<rd_kafka_message_destroy>>;
using RdGroupMetadata =
    std::unique_ptr<rd_kafka_consumer_group_metadata_t, RdFree<rd_kafka_consumer_group_metadata_destroy>>;
using RdError = std::unique_ptr<rd_kafka_error_t, RdFree<rd_kafka_error_destroy>>;

using KafkaProperties = std::vector<std::pair<std::string, std::string>>;

// env:NAME and file:PATH looked up. Errors: NotFound naming the property and where it should have come from.
absl::Status ResolveValues(KafkaProperties& properties);

// The properties of the URL (resolved), then `own`, which win. Errors: InvalidArgument naming the property, and its value
// where that is no secret.
absl::StatusOr<RdConf> MakeConf(const KafkaUrl& url, const KafkaProperties& own);

// Takes `conf`. Errors: InvalidArgument with librdkafka's reason.
absl::StatusOr<rd_kafka_t*> MakeHandle(rd_kafka_type_t type, RdConf conf);

// What a consumer's group and partitions say, in the core's words; kCoordinatorUnavailable for what passes by itself.
LogError GroupErrorOf(rd_kafka_resp_err_t error);
// What became of a publish.
LogError PublishErrorOf(rd_kafka_resp_err_t error);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_RDKAFKA_H_
