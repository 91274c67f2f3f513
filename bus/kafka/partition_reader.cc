#include "bus/kafka/partition_reader.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "bus/check.h"
#include "bus/kafka/record_copy.h"
#include "bus/kafka/refusal.h"

namespace millrace::bus {
namespace {

constexpr size_t kBatchBytes = 256 << 10;  // of keys and bodies, from which on a batch is full

static_assert(std::is_trivially_destructible_v<Delivery>, "deliveries lie in segments, which destroy nothing");

}  // namespace

void KafkaPartitionReader::OnQueue(rd_kafka_t*, void* reader) {
  auto* self = static_cast<KafkaPartitionReader*>(reader);
  self->ready_.store(true);
  self->signal_.Raise();
}

void KafkaPartitionReader::Open(rd_kafka_t* handle, int64_t position) {
  Close();
  queue_.reset(rd_kafka_queue_get_partition(handle, topic_.c_str(), partition_.number));
  MR_CHECK(queue_ != nullptr) << "a consumer has a queue for each partition";
  rd_kafka_queue_forward(queue_.get(), nullptr);
  rd_kafka_queue_cb_event_enable(queue_.get(), &OnQueue, this);
  Restart(position);
  waits_ = false;  // it is assigned next
}

void KafkaPartitionReader::Close() {
  if (queue_ != nullptr) rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  queue_.reset();
  fetch_id_ = 0;
}

void KafkaPartitionReader::Restart(int64_t position) {
  position_ = position;
  messages_.clear();
  waits_ = true;
  end_seen_ = -1;
  stopped_ = out_of_range_ = false;
  ready_.store(true);
}

void KafkaPartitionReader::Ask(const LogRequest& fetch) {
  fetch_id_ = fetch.id;
  fetch_max_ = fetch.max;
}

bool KafkaPartitionReader::Answer(SegmentPool& pool, LogEvent& event, absl::Status& trouble) {
  if (fetch_id_ == 0) return false;
  if (waits_) return false;
  if (!out_of_range_ && ready_.load()) Collect();
  trouble = std::exchange(trouble_, absl::OkStatus());
  event.method = LogMethod::kFetch;
  event.id = fetch_id_;
  event.partition = partition_;
  if (!messages_.empty()) {
    Fill(pool, event);
  } else if (out_of_range_) {
    out_of_range_ = false;
    event.error = LogError::kOffsetOutOfRange;
  } else if (end_seen_ > position_) {
    position_ = end_seen_;  // only markers and what was compacted away lies between
  } else {
    return false;
  }
  event.offset = position_;
  fetch_id_ = 0;
  return true;
}

void KafkaPartitionReader::Collect() {
  // Before the first look: what comes meanwhile raises it again.
  ready_.store(false);
  size_t bytes = 0;
  while (messages_.size() < fetch_max_ && bytes < kBatchBytes) {
    RdMessage message(rd_kafka_consume_queue(queue_.get(), 0));
    if (message == nullptr) return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      OnError(*message, trouble_);
      if (out_of_range_) return;
      continue;
    }
    if (message->offset < position_) continue;  // fetched once more after a restart
    position_ = message->offset + 1;
    bytes += message->len + message->key_len;
    messages_.push_back(std::move(message));
  }
  ready_.store(true);
}

void KafkaPartitionReader::OnError(const rd_kafka_message_t& message, absl::Status& trouble) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      end_seen_ = std::max<int64_t>(end_seen_, message.offset);
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      stopped_ = out_of_range_ = true;
      return;
    default:
      trouble = Refusal("topic \"" + topic_ + "\", partition " + std::to_string(partition_.number), message.err,
                        rd_kafka_message_errstr(&message));
      return;
  }
}

void KafkaPartitionReader::Fill(SegmentPool& pool, LogEvent& event) {
  const size_t count = messages_.size();
  size_t bytes = count * sizeof(Delivery);
  std::vector<size_t> sizes(count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_message_t& m = *messages_[i];
    sizes[i] = (m.key != nullptr ? m.key_len : 0) + (m.payload != nullptr ? m.len : 0) + HeaderBytes(&m);
    bytes += sizes[i] + 8;
  }
  event.segment = pool.Take(bytes + 64);
  auto* deliveries = reinterpret_cast<Delivery*>(event.segment->Append(count * sizeof(Delivery)));
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_message_t& m = *messages_[i];
    char* at = event.segment->Append(sizes[i]);
    MR_CHECK(at != nullptr) << "the segment was measured for it";
    new (&deliveries[i]) Delivery{.sequence = static_cast<uint64_t>(m.offset),
                                  .offset = m.offset,
                                  .redeliveries = 0,
                                  .message = CopyMessage(m, at)};
  }
  event.records = std::span<const Delivery>(deliveries, count);
  messages_.clear();
}

}  // namespace millrace::bus
