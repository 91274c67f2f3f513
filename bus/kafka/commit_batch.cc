#include "bus/kafka/commit_batch.h"

#include <cstring>
#include <memory>
#include <utility>

#include "bus/kafka/refusal.h"

namespace millrace::bus {

void KafkaCommitBatch::Add(const LogRequest& commit) {
  waiting_.push_back({commit.id, commit.generation, commit.quiet, commit.partition, commit.offset});
  Latest& latest = latest_[commit.partition];
  latest.offset = commit.offset;
  latest.note.assign(commit.note);
}

void KafkaCommitBatch::Send(rd_kafka_t* handle, rd_kafka_queue_t* queue, const std::vector<std::string>& topics,
                            std::vector<LogEvent>& events) {
  if (waiting_.empty() || !under_way_.empty()) return;
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(latest_.size())));
  for (const auto& [partition, latest] : latest_) {
    rd_kafka_topic_partition_t* element = rd_kafka_topic_partition_list_add(
        list.get(), topics[static_cast<size_t>(partition.topic)].c_str(), partition.number);
    element->offset = latest.offset;
    if (latest.note.empty()) continue;
    // The list frees it as librdkafka frees its own memory.
    element->metadata = rd_kafka_mem_malloc(handle, latest.note.size());
    element->metadata_size = latest.note.size();
    std::memcpy(element->metadata, latest.note.data(), latest.note.size());
  }
  latest_.clear();
  under_way_.swap(waiting_);
  const rd_kafka_resp_err_t error = rd_kafka_commit_queue(handle, list.get(), queue, nullptr, nullptr);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  for (const Commit& commit : std::exchange(under_way_, {})) Answer(commit, GroupErrorOf(error), events);
}

void KafkaCommitBatch::OnResult(rd_kafka_event_t* event, const std::vector<std::string>& topics,
                                std::vector<LogEvent>& events) {
  const LogError all = GroupErrorOf(rd_kafka_event_error(event));
  rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event);
  rd_kafka_resp_err_t refused = rd_kafka_event_error(event);
  for (int i = 0; list != nullptr && i < list->cnt && !IsNotAllowed(refused); ++i) refused = list->elems[i].err;
  if (IsNotAllowed(refused)) {
    // It is said again and again, until somebody gives the right.
    LogEvent& told = events.emplace_back();
    told.kind = LogEventKind::kTrouble;
    told.detail = std::make_unique<LogDetail>();
    told.detail->trouble = Refusal("the broker did not take offsets", refused);
  }
  for (const Commit& commit : std::exchange(under_way_, {})) {
    LogError error = all;
    const rd_kafka_topic_partition_t* element =
        list == nullptr
            ? nullptr
            : rd_kafka_topic_partition_list_find(list, topics[static_cast<size_t>(commit.partition.topic)].c_str(),
                                                 commit.partition.number);
    // Success of the request is none of a partition's that the answer says nothing of.
    if (error == LogError::kNone)
      error = element == nullptr ? LogError::kCoordinatorUnavailable : GroupErrorOf(element->err);
    Answer(commit, error, events);
  }
  for (const Failed& failed : std::exchange(failed_, {})) Answer(failed.commit, failed.error, events);
}

void KafkaCommitBatch::FailWaiting(LogError error, std::vector<LogEvent>& events) {
  latest_.clear();
  for (const Commit& commit : std::exchange(waiting_, {})) {
    if (under_way_.empty()) {
      Answer(commit, error, events);
    } else {
      failed_.push_back({commit, error});
    }
  }
}

void KafkaCommitBatch::Clear() {
  waiting_.clear();
  under_way_.clear();
  failed_.clear();
  latest_.clear();
}

void KafkaCommitBatch::Answer(const Commit& commit, LogError error, std::vector<LogEvent>& events) {
  if (!events.empty() && error == LogError::kNone && commit.quiet) {
    LogEvent& last = events.back();
    if (last.method == LogMethod::kCommit && last.kind == LogEventKind::kReply && last.error == LogError::kNone &&
        last.count > 0 && last.id + last.count == commit.id) {
      ++last.count;
      return;
    }
  }
  LogEvent& event = events.emplace_back();
  event.method = LogMethod::kCommit;
  event.id = commit.id;
  event.error = error;
  event.generation = commit.generation;
  event.partition = commit.partition;
  event.offset = commit.offset;
  if (commit.quiet && error == LogError::kNone) event.count = 1;
}

}  // namespace millrace::bus
