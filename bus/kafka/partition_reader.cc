#include "bus/kafka/partition_reader.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "bus/check.h"
#include "bus/kafka/record_copy.h"
#include "bus/kafka/refusal.h"

namespace millrace::bus {
namespace {

constexpr size_t kBatchBytes = 256 << 10;  // of keys and bodies, from which on a batch is full
constexpr size_t kAlignment = 8;           // that segments give bytes out at

static_assert(std::is_trivially_destructible_v<Delivery>, "deliveries lie in segments, which destroy nothing");

// Moves what is there of a batch of `count` into a segment with more room.
Delivery* CopyDeliveries(std::span<const Delivery> there, size_t count, Segment& larger) {
  auto* deliveries = reinterpret_cast<Delivery*>(larger.Append(count * sizeof(Delivery)));
  for (size_t i = 0; i < there.size(); ++i) {
    const std::optional<Message> message = CopyInto(larger, there[i].message);
    MR_CHECK(message.has_value()) << "a larger segment holds what the smaller one did";
    Delivery* copy = new (&deliveries[i]) Delivery(there[i]);
    copy->message = *message;
  }
  return deliveries;
}

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
}

void KafkaPartitionReader::Close() {
  if (queue_ != nullptr) rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  queue_.reset();
  fetch_id_ = 0;
}

void KafkaPartitionReader::Restart(int64_t position) {
  position_ = position;
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
  size_t body_bytes = 0;  // still to be copied
  for (const RdMessage& message : messages_) body_bytes += BodyBytes(*message) + kAlignment;
  // Headers are guessed, and generously: mostly a pooled segment has the room anyway.
  event.segment = pool.Take(count * (sizeof(Delivery) + 2 * mean_header_bytes_) + body_bytes + kAlignment);
  auto* deliveries = reinterpret_cast<Delivery*>(event.segment->Append(count * sizeof(Delivery)));
  size_t header_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_message_t& m = *messages_[i];
    headers_.clear();
    const size_t headers = ReadHeaders(m, headers_);
    header_bytes += headers;
    char* at = event.segment->Append(BodyBytes(m) + headers);
    if (at == nullptr) {
      const size_t rest = body_bytes + 2 * (count - i) * headers;
      SegmentRef larger = pool.Take(event.segment->used() + rest + kAlignment);
      deliveries = CopyDeliveries({deliveries, i}, count, *larger.get());
      event.segment = std::move(larger);
      at = event.segment->Append(BodyBytes(m) + headers);
      MR_CHECK(at != nullptr) << "the segment was measured for it";
    }
    new (&deliveries[i]) Delivery{.sequence = static_cast<uint64_t>(m.offset),
                                  .offset = m.offset,
                                  .redeliveries = 0,
                                  .message = CopyMessage(m, headers_, at)};
    body_bytes -= BodyBytes(m) + kAlignment;
    messages_[i].reset();
  }
  event.records = std::span<const Delivery>(deliveries, count);
  mean_header_bytes_ = header_bytes / count;
  messages_.clear();
}

}  // namespace millrace::bus
