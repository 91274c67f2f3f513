// What a group has committed in some partitions, with its notes, and where these begin and end.
//
// Blocking: for each of its three requests as long as `timeout_ms`. Threading: any thread.
#ifndef MILLRACE_BUS_KAFKA_OFFSET_LOOKUP_H_
#define MILLRACE_BUS_KAFKA_OFFSET_LOOKUP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/kafka/rdkafka.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

// Partition::topic is an index into `topics`. `committed`: of the handle's own group, else left at -1. Errors:
// Unavailable.
absl::StatusOr<std::vector<LogOffsets>> LookUpOffsets(rd_kafka_t* handle, const std::vector<std::string>& topics,
                                                      const std::vector<Partition>& partitions, bool committed,
                                                      int timeout_ms);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_OFFSET_LOOKUP_H_
