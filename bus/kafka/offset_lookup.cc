#include "bus/kafka/offset_lookup.h"

#include "bus/kafka/refusal.h"

namespace millrace::bus {
namespace {

absl::Status Failed(const std::string& what, rd_kafka_resp_err_t error) {
  const absl::Status refusal = Refusal("where to begin is not known, for want of " + what, error);
  return IsNotAllowed(error) ? absl::PermissionDeniedError(refusal.message()) : refusal;
}

absl::Status FirstError(const std::string& what, rd_kafka_resp_err_t error,
                        const rd_kafka_topic_partition_list_t& list) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(what, error);
  for (int i = 0; i < list.cnt; ++i) {
    if (list.elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(what, list.elems[i].err);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<LogOffsets>> LookUpOffsets(rd_kafka_t* handle, const std::vector<std::string>& topics,
                                                      const std::vector<Partition>& partitions, bool committed,
                                                      int timeout_ms) {
  std::vector<LogOffsets> found;
  if (partitions.empty()) return found;
  const auto list = [&](int64_t offset) {
    RdList out(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (Partition p : partitions) {
      rd_kafka_topic_partition_list_add(out.get(), topics[static_cast<size_t>(p.topic)].c_str(), p.number)->offset =
          offset;
    }
    return out;
  };
  // The log's ends before the commits: who commits in between has then read what we think is there.
  const RdList low = list(RD_KAFKA_OFFSET_BEGINNING), high = list(RD_KAFKA_OFFSET_END),
               group = list(RD_KAFKA_OFFSET_INVALID);
  for (rd_kafka_topic_partition_list_t* ends : {low.get(), high.get()}) {
    const rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(handle, ends, timeout_ms);
    if (absl::Status s = FirstError("the ends of partitions", error, *ends); !s.ok()) return s;
  }
  if (committed) {
    const rd_kafka_resp_err_t error = rd_kafka_committed(handle, group.get(), timeout_ms);
    if (absl::Status s = FirstError("committed offsets", error, *group); !s.ok()) return s;
  }
  for (size_t i = 0; i < partitions.size(); ++i) {
    LogOffsets& offsets = found.emplace_back();
    offsets.partition = partitions[i];
    offsets.start = low->elems[i].offset;
    offsets.end = high->elems[i].offset;
    if (offsets.start < 0 || offsets.end < 0)
      return absl::UnavailableError("the ends of partitions: not all are known");
    const rd_kafka_topic_partition_t& element = group->elems[i];
    if (element.offset >= 0) offsets.committed = element.offset;
    if (element.offset >= 0 && element.metadata != nullptr)
      offsets.note.assign(static_cast<const char*>(element.metadata), element.metadata_size);
  }
  return found;
}

}  // namespace millrace::bus
