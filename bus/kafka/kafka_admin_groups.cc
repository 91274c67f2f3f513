// What a Kafka knows of groups: who is in them, where they begin.
#include "bus/kafka/admin_request.h"
#include "bus/kafka/kafka_admin.h"

namespace millrace::bus {
namespace {

using RdAlterOffsets =
    std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t, RdFree<rd_kafka_AlterConsumerGroupOffsets_destroy>>;

KafkaMember MemberOf(const rd_kafka_MemberDescription_t* member) {
  KafkaMember out;
  out.name = rd_kafka_MemberDescription_client_id(member);
  const char* host = rd_kafka_MemberDescription_host(member);
  if (host != nullptr) out.host = host[0] == '/' ? host + 1 : host;
  const rd_kafka_MemberAssignment_t* assignment = rd_kafka_MemberDescription_assignment(member);
  const rd_kafka_topic_partition_list_t* list =
      assignment == nullptr ? nullptr : rd_kafka_MemberAssignment_partitions(assignment);
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    out.partitions.emplace_back(list->elems[i].topic, list->elems[i].partition);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::vector<KafkaMember>> KafkaAdmin::Members(const std::string& group) {
  AdminRequest request(handle_, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
  const char* asked[] = {group.c_str()};
  rd_kafka_DescribeConsumerGroups(handle_, asked, 1, request.options(), request.queue());
  rd_kafka_event_t* answer = request.Answer();
  const std::string what = "asking for the members of group \"" + group + "\"";
  if (request.error() != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer(what, request.error());
  size_t count = 0;
  const rd_kafka_ConsumerGroupDescription_t** found =
      rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(answer), &count);
  if (count != 1) return NoAnswer(what, RD_KAFKA_RESP_ERR__FAIL);
  std::vector<KafkaMember> members;
  if (const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(found[0]); error != nullptr) {
    // Kafka 4 says so of a group that nobody has joined yet; those before describe it as dead.
    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return members;
    return NoAnswer(what, rd_kafka_error_code(error));
  }
  for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(found[0]); ++i) {
    members.push_back(MemberOf(rd_kafka_ConsumerGroupDescription_member(found[0], i)));
  }
  return members;
}

absl::Status KafkaAdmin::SetCommitted(const std::string& group, const std::string& topic,
                                      const std::vector<std::pair<int32_t, int64_t>>& offsets) {
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  const RdAlterOffsets wanted(rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get()));
  rd_kafka_AlterConsumerGroupOffsets_t* asked[] = {wanted.get()};
  AdminRequest request(handle_, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
  rd_kafka_AlterConsumerGroupOffsets(handle_, asked, 1, request.options(), request.queue());
  rd_kafka_event_t* answer = request.Answer();
  const std::string what = "setting the offsets of group \"" + group + "\"";
  if (request.error() != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer(what, request.error());
  size_t count = 0;
  const rd_kafka_group_result_t** results =
      rd_kafka_AlterConsumerGroupOffsets_result_groups(rd_kafka_event_AlterConsumerGroupOffsets_result(answer), &count);
  if (count != 1) return NoAnswer(what, RD_KAFKA_RESP_ERR__FAIL);
  const auto refused = [&](rd_kafka_resp_err_t error) {
    // Brokers of all ages say one of these while the group has members.
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || error == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
        error == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || error == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP) {
      return absl::FailedPreconditionError("group \"" + group + "\" has members: stop them first");
    }
    return NoAnswer(what, error);
  };
  if (const rd_kafka_error_t* error = rd_kafka_group_result_error(results[0]); error != nullptr)
    return refused(rd_kafka_error_code(error));
  const rd_kafka_topic_partition_list_t* taken = rd_kafka_group_result_partitions(results[0]);
  for (int i = 0; taken != nullptr && i < taken->cnt; ++i) {
    if (taken->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return refused(taken->elems[i].err);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> KafkaAdmin::OffsetsAt(const std::string& topic, int32_t partitions,
                                                           int64_t timestamp_ms) {
  RdList list(rd_kafka_topic_partition_list_new(partitions));
  for (int32_t n = 0; n < partitions; ++n) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), n)->offset = timestamp_ms;
  }
  const std::string what = "asking for the offsets at a time in topic \"" + topic + "\"";
  const rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(handle_, list.get(), kAdminTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer(what, error);
  std::vector<int64_t> offsets;
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer(what, list->elems[i].err);
    // Nothing is as late: its end.
    offsets.push_back(list->elems[i].offset < 0 ? -1 : list->elems[i].offset);
  }
  return offsets;
}

}  // namespace millrace::bus
