#include "bus/kafka/kafka_admin.h"

#include <algorithm>
#include <utility>

#include "bus/kafka/admin_request.h"
#include "bus/kafka/offset_lookup.h"
#include "bus/kafka/refusal.h"
#include "bus/kafka/tls_words.h"

namespace millrace::bus {
namespace {

using RdNewTopic = std::unique_ptr<rd_kafka_NewTopic_t, RdFree<rd_kafka_NewTopic_destroy>>;
using RdConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, RdFree<rd_kafka_ConfigResource_destroy>>;
using RdDeleteRecords = std::unique_ptr<rd_kafka_DeleteRecords_t, RdFree<rd_kafka_DeleteRecords_destroy>>;

absl::Status NoSuch(const std::string& topic) {
  return absl::NotFoundError("topic \"" + topic + "\" does not exist: apply a topology that has it first");
}

// By librdkafka's words: it has no code for a port that speaks something else.
std::string AdviceOf(std::string_view why, const KafkaProperties& properties) {
  const auto says = [why](std::string_view what) { return why.find(what) != std::string_view::npos; };
  if (says("Invalid response size"))
    return "what listens there is no Kafka, or speaks TLS: check the port and security.protocol";
  if (std::string advice = AdviceOnHandshake(why, properties); !advice.empty()) return advice;
  if (says("SASL") || says("uthenti")) return "check security.protocol, sasl.mechanism, the user and its password";
  if (says("SSL")) return "check security.protocol and the certificates";
  return "check that it runs, and its host and port";
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaAdmin>> KafkaAdmin::Open(const KafkaUrl& url) {
  absl::StatusOr<RdConf> conf = MakeConf(url, {{"client.id", "millrace-admin"}});
  if (!conf.ok()) return conf.status();
  std::unique_ptr<KafkaAdmin> admin(new KafkaAdmin());
  rd_kafka_conf_set_opaque(conf->get(), admin.get());
  rd_kafka_conf_set_error_cb(conf->get(), &OnError);
  absl::StatusOr<rd_kafka_t*> handle = MakeHandle(RD_KAFKA_PRODUCER, *std::move(conf));
  if (!handle.ok()) return handle.status();
  admin->handle_ = *handle;
  admin->offsets_ = std::make_unique<KafkaGroupOffsets>(url);
  admin->tail_ = std::make_unique<KafkaSilentTail>(url);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(*handle, 0, nullptr, &metadata, kAdminTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::string why(admin->NoAnswer("no Kafka answers at " + url.brokers, error).message());
    return absl::UnavailableError(why + "; " + AdviceOf(why, url.properties));
  }
  rd_kafka_metadata_destroy(metadata);
  return admin;
}

KafkaAdmin::~KafkaAdmin() {
  if (handle_ != nullptr) rd_kafka_destroy(handle_);
}

void KafkaAdmin::OnError(rd_kafka_t*, int error, const char* text, void* admin) {
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) static_cast<KafkaAdmin*>(admin)->last_error_ = text;
}

absl::Status KafkaAdmin::NoAnswer(const std::string& what, rd_kafka_resp_err_t error) {
  std::lock_guard<std::mutex> lock(mutex_);
  rd_kafka_poll(handle_, 0);
  return absl::UnavailableError(what + ": " + (last_error_.empty() ? rd_kafka_err2str(error) : last_error_));
}

absl::StatusOr<KafkaTopic> KafkaAdmin::Describe(const std::string& topic) {
  RdTopic handle(rd_kafka_topic_new(handle_, topic.c_str(), nullptr));
  if (handle == nullptr)
    return absl::InvalidArgumentError("topic \"" + topic + "\": " + rd_kafka_err2str(rd_kafka_last_error()));
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(handle_, 0, handle.get(), &metadata, kAdminTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer("asking for topic \"" + topic + "\"", error);
  absl::StatusOr<KafkaTopic> described = NoSuch(topic);
  if (metadata->topic_cnt == 1) {
    const rd_kafka_metadata_topic_t& found = metadata->topics[0];
    if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR || found.err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
      KafkaTopic out;
      out.partitions = found.partition_cnt;
      out.usable = found.err == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt > 0;
      for (int i = 0; i < found.partition_cnt; ++i) {
        out.replication = found.partitions[i].replica_cnt;
        out.usable = out.usable && found.partitions[i].leader >= 0;
      }
      described = out;
    } else if (found.err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
      described = absl::InvalidArgumentError("topic \"" + topic + "\": Kafka takes no such name");
    } else if (IsNotAllowed(found.err)) {
      described = absl::PermissionDeniedError(Refusal("topic \"" + topic + "\"", found.err).message());
    } else if (found.err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      described = absl::UnavailableError("topic \"" + topic + "\": " + rd_kafka_err2str(found.err));
    }
  }
  rd_kafka_metadata_destroy(metadata);
  return described;
}

absl::Status KafkaAdmin::Create(const std::vector<KafkaNewTopic>& topics) {
  if (topics.empty()) return absl::OkStatus();
  std::vector<RdNewTopic> owned;
  std::vector<rd_kafka_NewTopic_t*> asked;
  char why[512];
  for (const KafkaNewTopic& topic : topics) {
    owned.emplace_back(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions,
                                             topic.replication > 0 ? topic.replication : -1, why, sizeof(why)));
    if (owned.back() == nullptr) return absl::InvalidArgumentError("topic \"" + topic.name + "\": " + why);
    for (const auto& [name, value] : topic.settings) {
      rd_kafka_NewTopic_set_config(owned.back().get(), name.c_str(), value.c_str());
    }
    asked.push_back(owned.back().get());
  }
  AdminRequest request(handle_, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_CreateTopics(handle_, asked.data(), asked.size(), request.options(), request.queue());
  rd_kafka_event_t* answer = request.Answer();
  if (request.error() != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer("creating topics", request.error());
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    const std::string about = std::string("topic \"") + rd_kafka_topic_result_name(results[i]) +
                              "\" cannot be made: " + (text != nullptr ? text : rd_kafka_err2str(error));
    if (error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) return absl::InvalidArgumentError(about);
    return absl::FailedPreconditionError(about);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> KafkaAdmin::Settings(const std::string& topic) {
  const RdConfigResource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  rd_kafka_ConfigResource_t* asked[] = {resource.get()};
  AdminRequest request(handle_, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_DescribeConfigs(handle_, asked, 1, request.options(), request.queue());
  rd_kafka_event_t* answer = request.Answer();
  if (request.error() != RD_KAFKA_RESP_ERR_NO_ERROR)
    return NoAnswer("asking for the settings of a topic", request.error());
  size_t count = 0;
  const rd_kafka_ConfigResource_t** found =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(answer), &count);
  if (count != 1) return NoSuch(topic);
  const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(found[0]);
  if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return NoSuch(topic);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer("the settings of topic \"" + topic + "\"", error);
  std::map<std::string, std::string> settings;
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(found[0], &count);
  for (size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr) settings[rd_kafka_ConfigEntry_name(entries[i])] = value;
  }
  return settings;
}

absl::StatusOr<std::vector<int64_t>> KafkaAdmin::Committed(const std::string& group, const std::string& topic,
                                                           int32_t partitions) {
  RdList list(rd_kafka_topic_partition_list_new(partitions));
  for (int32_t n = 0; n < partitions; ++n) rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), n);
  RdList found;
  const rd_kafka_resp_err_t error = offsets_->Find(group, list, /*stable=*/false, kAdminTimeoutMs, found);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer("asking for the offsets of group \"" + group + "\"", error);
  std::vector<int64_t> committed(static_cast<size_t>(partitions), -1);
  for (int i = 0; i < found->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = found->elems[i];
    if (element.offset >= 0 && element.partition < partitions)
      committed[static_cast<size_t>(element.partition)] = element.offset;
  }
  return committed;
}

absl::StatusOr<std::vector<KafkaPlace>> KafkaAdmin::Places(const std::string& group, const std::string& topic) {
  const absl::StatusOr<KafkaTopic> described = Describe(topic);
  if (!described.ok()) return described.status();
  // Committed before ends: never an end that is behind what was settled meanwhile.
  const absl::StatusOr<std::vector<int64_t>> committed = Committed(group, topic, described->partitions);
  if (!committed.ok()) return committed.status();
  std::vector<Partition> partitions;
  for (int32_t n = 0; n < described->partitions; ++n) partitions.push_back({0, n});
  const absl::StatusOr<std::vector<LogOffsets>> ends =
      LookUpOffsets(handle_, {topic}, partitions, false, kAdminTimeoutMs);
  if (!ends.ok()) return ends.status();
  std::vector<KafkaPlace> places;
  std::vector<KafkaStretch> behind;
  for (size_t n = 0; n < ends->size(); ++n) {
    KafkaPlace& place = places.emplace_back();
    place = {.committed = (*committed)[n], .start = (*ends)[n].start, .end = (*ends)[n].end};
    // Where nothing is committed the group will begin at the beginning.
    const int64_t from = std::max(place.committed, place.start);
    place.lag = std::max<int64_t>(place.end - from, 0);
    if (place.lag > 0) behind.push_back({.partition = static_cast<int32_t>(n), .from = from, .end = place.end});
  }
  if (behind.empty()) return places;
  for (const int32_t partition : tail_->Find(topic, behind)) places[static_cast<size_t>(partition)].lag = 0;
  return places;
}

absl::Status KafkaAdmin::DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset) {
  RdList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  const RdDeleteRecords wanted(rd_kafka_DeleteRecords_new(list.get()));
  rd_kafka_DeleteRecords_t* asked[] = {wanted.get()};
  AdminRequest request(handle_, RD_KAFKA_ADMIN_OP_DELETERECORDS);
  rd_kafka_DeleteRecords(handle_, asked, 1, request.options(), request.queue());
  rd_kafka_event_t* answer = request.Answer();
  if (request.error() != RD_KAFKA_RESP_ERR_NO_ERROR) return NoAnswer("deleting records", request.error());
  const rd_kafka_topic_partition_list_t* found =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(answer));
  if (found->cnt != 1 || found->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return absl::FailedPreconditionError(topic + "/" + std::to_string(partition) +
                                       ": records cannot be deleted: " + rd_kafka_err2str(found->elems[0].err));
}

}  // namespace millrace::bus
