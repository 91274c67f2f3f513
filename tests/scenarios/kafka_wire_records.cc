// Offsets, records, transactions.
#include <chrono>
#include <thread>
#include <utility>

#include "tests/scenarios/kafka_calls.h"
#include "tests/scenarios/kafka_wire.h"

namespace millrace::scenarios {

using bus::LogError;
using bus::LogEvent;
using bus::LogEventKind;
using bus::LogRequest;
using bus::Partition;

void KafkaWire::Commit(const LogRequest& request) {
  KafkaWriter out;
  out.Text(request.group).I32(request.generation).Text(request.member).MaybeText(Maybe(request.instance));
  out.Count(1).Text(TopicName(request.partition.topic)).Count(1);
  out.I32(request.partition.number).I64(request.offset).I32(-1).Text(request.note);
  const std::string answer = Ask(kOffsetCommit, out.bytes());
  KafkaReader in(answer);
  in.I32();
  in.Count(), in.Text(), in.Count(), in.I32();
  Reply(request, ErrorOfKafka(in.I16()));
}

void KafkaWire::Offsets(const LogRequest& request) {
  const Partition at = request.partitions[0];
  KafkaWriter out(/*flexible=*/true);
  out.Text(request.group).Count(1).Text(TopicName(at.topic)).Count(1).I32(at.number).End();
  out.I8(1).End();  // only what no open transaction may change
  bus::LogOffsets offsets;
  offsets.partition = at;
  LogError error = LogError::kNone;
  // Offsets of a transaction that has ended are pending until its markers are written; those of an open one stay so.
  for (const auto end = std::chrono::steady_clock::now() + kMarkers;;) {
    const std::string answer = Ask(kOffsetFetch, out.bytes());
    KafkaReader in(answer, /*flexible=*/true);
    in.I32();
    in.Count(), in.Text(), in.Count(), in.I32();
    offsets.committed = in.I64();
    in.I32();
    offsets.note = in.Text();
    error = ErrorOfKafka(in.I16());
    if (error != LogError::kUnstableOffset || std::chrono::steady_clock::now() > end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  for (const auto& [timestamp, into] : {std::pair(int64_t{-2}, &offsets.start), {int64_t{-1}, &offsets.end}}) {
    KafkaWriter list;
    list.I32(-1).I8(0).Count(1).Text(TopicName(at.topic)).Count(1).I32(at.number).I64(timestamp);
    const std::string listed = Ask(kListOffsets, list.bytes());
    KafkaReader of(listed);
    of.I32();
    of.Count(), of.Text(), of.Count(), of.I32(), of.I16(), of.I64();
    *into = of.I64();
  }
  LogEvent& event = Reply(request, error);
  event.detail = std::make_unique<bus::LogDetail>();
  event.detail->offsets.push_back(std::move(offsets));
}

size_t KafkaWire::Produce(std::span<const int32_t> topics, std::span<const bus::Outgoing> messages,
                          uint64_t first_token, MonotonicTime) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const Partition at{topics[static_cast<size_t>(messages[i].topic)], messages[i].partition};
    const bool transactional = !transactional_id_.empty();
    LogError error = transactional ? AddPartition(at) : LogError::kNone;
    if (error == LogError::kNone) {
      int32_t& sequence = sequences_[at];
      KafkaBatch batch{.values = {std::string(messages[i].message.body.value_or(""))},
                       .timestamp_ms = 1'700'000'000'000,
                       .producer_id = producer_id_,
                       .producer_epoch = producer_epoch_,
                       .first_sequence = transactional ? sequence : -1,
                       .transactional = transactional};
      KafkaWriter out;
      out.MaybeText(Maybe(transactional_id_)).I16(-1).I32(kAnswerMs).Count(1).Text(TopicName(at.topic)).Count(1);
      out.I32(at.number).Bytes(EncodeBatch(batch));
      // count, topic, count, partition
      const std::string answer = AskUntil(kProduce, out.bytes(), 4 + 2 + TopicName(at.topic).size() + 4 + 4);
      KafkaReader in(answer);
      in.Count(), in.Text(), in.Count(), in.I32();
      error = ErrorOfKafka(in.I16());
      if (error == LogError::kNone && transactional) ++sequence;
    }
    events_.push_back(LogEvent{.kind = LogEventKind::kProduced, .error = error, .id = first_token + i, .count = 1});
  }
  waker_.Wake();
  return messages.size();
}

void KafkaWire::InitProducer(const LogRequest& request) {
  const std::string id(request.instance);
  AwaitCoordinator(id, 1);
  const std::string answer =
      AskUntil(kInitProducerId, KafkaWriter().Text(id).I32(static_cast<int32_t>(request.timeout_ms)).bytes(), 4);
  KafkaReader in(answer);
  in.I32();
  const LogError error = ErrorOfKafka(in.I16());
  if (error == LogError::kNone) {
    transactional_id_ = id;
    producer_id_ = in.I64();
    producer_epoch_ = in.I16();
    sequences_.clear();
    added_.clear();
    added_groups_.clear();
  }
  Reply(request, error);
}

LogError KafkaWire::AddPartition(Partition partition) {
  if (added_.count(partition) == 1) return LogError::kNone;
  KafkaWriter out;
  out.Text(transactional_id_).I64(producer_id_).I16(producer_epoch_);
  const std::string& topic = TopicName(partition.topic);
  out.Count(1).Text(topic).Count(1).I32(partition.number);
  // throttle, count, topic, count, partition
  const std::string answer = AskUntil(kAddPartitionsToTxn, out.bytes(), 4 + 4 + 2 + topic.size() + 4 + 4);
  KafkaReader in(answer);
  in.I32();
  in.Count(), in.Text(), in.Count(), in.I32();
  const LogError error = ErrorOfKafka(in.I16());
  if (error == LogError::kNone) added_.insert(partition);
  return error;
}

void KafkaWire::TransactOffset(const LogRequest& request) {
  const std::string group(request.group);
  if (added_groups_.count(group) == 0) {
    KafkaWriter add;
    add.Text(transactional_id_).I64(producer_id_).I16(producer_epoch_).Text(group);
    const std::string answer = AskUntil(kAddOffsetsToTxn, add.bytes(), 4);
    KafkaReader in(answer);
    in.I32();
    if (const LogError error = ErrorOfKafka(in.I16()); error != LogError::kNone) {
      Reply(request, error);
      return;
    }
    added_groups_.insert(group);
  }
  KafkaWriter out(/*flexible=*/true);
  out.Text(transactional_id_).Text(group).I64(producer_id_).I16(producer_epoch_);
  out.I32(request.generation).Text(request.member).MaybeText(Maybe(request.instance));
  out.Count(1).Text(TopicName(request.partition.topic)).Count(1);
  out.I32(request.partition.number).I64(request.offset).I32(-1).Text(request.note).End();
  out.End().End();
  const std::string answer = Ask(kTxnOffsetCommit, out.bytes());
  KafkaReader in(answer, /*flexible=*/true);
  in.I32();
  in.Count(), in.Text(), in.Count(), in.I32();
  Reply(request, ErrorOfKafka(in.I16()));
}

void KafkaWire::EndTransaction(const LogRequest& request) {
  KafkaWriter out;
  out.Text(transactional_id_).I64(producer_id_).I16(producer_epoch_).I8(request.commit ? 1 : 0);
  const std::string answer = AskUntil(kEndTxn, out.bytes(), 4);
  KafkaReader in(answer);
  in.I32();
  const LogError error = ErrorOfKafka(in.I16());
  if (error == LogError::kNone) {
    added_.clear();
    added_groups_.clear();
  }
  Reply(request, error);
}

}  // namespace millrace::scenarios
