#include "bus/kafka/group_offsets.h"

#include "bus/kafka/admin_request.h"

namespace millrace::bus {
namespace {

using RdGroupOffsets =
    std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t, RdFree<rd_kafka_ListConsumerGroupOffsets_destroy>>;

}  // namespace

rd_kafka_resp_err_t KafkaGroupOffsets::Find(const std::string& group, const RdList& partitions, bool stable,
                                            int timeout_ms, RdList& found) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (handle_ == nullptr) {
    absl::StatusOr<RdConf> conf = MakeConf(url_, {{"client.id", "millrace-offsets"}, {"group.id", group}});
    if (!conf.ok()) return RD_KAFKA_RESP_ERR__INVALID_ARG;
    const absl::StatusOr<rd_kafka_t*> made = MakeHandle(RD_KAFKA_CONSUMER, *std::move(conf));
    if (!made.ok()) return RD_KAFKA_RESP_ERR__INVALID_ARG;
    handle_.reset(*made);
  }
  rd_kafka_t* const handle = handle_.get();
  rd_kafka_poll(handle, 0);  // what it has to say besides is not kept for ever
  const RdGroupOffsets wanted(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), partitions.get()));
  rd_kafka_ListConsumerGroupOffsets_t* asked[] = {wanted.get()};
  AdminRequest request(handle, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms);
  if (stable) RdError(rd_kafka_AdminOptions_set_require_stable_offsets(request.options(), 1)).reset();
  rd_kafka_ListConsumerGroupOffsets(handle, asked, 1, request.options(), request.queue());
  rd_kafka_event_t* answer = request.Answer();
  if (answer == nullptr) handle_.reset();  // what was asked goes with it (admin_request.h)
  if (request.error() != RD_KAFKA_RESP_ERR_NO_ERROR) return request.error();
  size_t count = 0;
  const rd_kafka_group_result_t** results =
      rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(answer), &count);
  if (count != 1) return RD_KAFKA_RESP_ERR__FAIL;
  if (const rd_kafka_error_t* error = rd_kafka_group_result_error(results[0]); error != nullptr)
    return rd_kafka_error_code(error);
  const rd_kafka_topic_partition_list_t* list = rd_kafka_group_result_partitions(results[0]);
  if (list == nullptr) return RD_KAFKA_RESP_ERR__FAIL;
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[i].err;
  }
  found.reset(rd_kafka_topic_partition_list_copy(list));
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace millrace::bus
