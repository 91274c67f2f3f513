#include "bus/kafka/producer_link.h"

#include <chrono>
#include <utility>

namespace millrace::bus {
namespace {

constexpr int kAskTimeoutMs = 1000;
constexpr Duration kAskAgain = std::chrono::milliseconds(200);
constexpr int kQueueMessages = 100'000;
// What a record is framed with on its way: the broker's limit counts it too.
constexpr size_t kFrameBytes = 1024;

KafkaProperties PropertiesOf(const KafkaUrl& url, const std::string& name) {
  return {
      {"client.id", name.empty() ? "millrace" : name},
      {"acks", "all"},
      {"enable.idempotence", "true"},
      // A batch that fails takes all behind it along, instead of leaving a hole in the order.
      {"enable.gapless.guarantee", "true"},
      {"message.timeout.ms", "0"},
      {"allow.auto.create.topics", "false"},
      {"message.max.bytes", std::to_string(url.message_bytes_max + kFrameBytes)},
  };
}

KafkaUrl WithDefaults(KafkaUrl url) {
  const KafkaProperties defaults = {
      // Batches form while requests are under way; waiting for more of them would only add latency.
      {"linger.ms", "0"},
      {"queue.buffering.max.messages", std::to_string(kQueueMessages)},
      {"queue.buffering.max.kbytes", "65536"},
  };
  url.properties.insert(url.properties.begin(), defaults.begin(), defaults.end());
  return url;
}

}  // namespace

KafkaProducerLink::KafkaProducerLink(const KafkaUrl& url, const std::string& name, KafkaSignal& signal)
    : url_(WithDefaults(url)), name_(name), signal_(signal), background_(signal) {}

KafkaProducerLink::~KafkaProducerLink() { DestroyHandle(); }

absl::Status KafkaProducerLink::OpenHandle() {
  absl::StatusOr<RdConf> conf = MakeConf(url_, PropertiesOf(url_, name_));
  if (!conf.ok()) return conf.status();
  rd_kafka_conf_set_dr_msg_cb(conf->get(), &OnReport);
  rd_kafka_conf_set_error_cb(conf->get(), &OnError);
  rd_kafka_conf_set_opaque(conf->get(), this);
  absl::StatusOr<rd_kafka_t*> handle = MakeHandle(RD_KAFKA_PRODUCER, *std::move(conf));
  if (!handle.ok()) return handle.status();
  handle_ = *handle;
  fatal_ = starved_ = false;
  queue_.reset(rd_kafka_queue_get_main(handle_));
  rd_kafka_queue_cb_event_enable(queue_.get(), &OnQueue, this);
  for (const std::string& name : names_) topics_.emplace_back(rd_kafka_topic_new(handle_, name.c_str(), nullptr));
  return absl::OkStatus();
}

void KafkaProducerLink::DestroyHandle() {
  if (handle_ == nullptr) return;
  background_.Stop();
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  queue_.reset();
  topics_.clear();
  rd_kafka_destroy(std::exchange(handle_, nullptr));
}

void KafkaProducerLink::OnQueue(rd_kafka_t*, void* link) { static_cast<KafkaProducerLink*>(link)->signal_.Raise(); }

void KafkaProducerLink::OnError(rd_kafka_t*, int error, const char*, void* link) {
  // All others librdkafka mends by itself; what became of a publish its report tells.
  if (error == RD_KAFKA_RESP_ERR__FATAL) static_cast<KafkaProducerLink*>(link)->fatal_ = true;
}

void KafkaProducerLink::OnReport(rd_kafka_t*, const rd_kafka_message_t* message, void* link) {
  static_cast<KafkaProducerLink*>(link)->Answer(reinterpret_cast<uintptr_t>(message->_private),
                                                PublishErrorOf(message->err));
}

void KafkaProducerLink::Answer(uint64_t token, LogError error) {
  if (!events_.empty()) {
    LogEvent& last = events_.back();
    if (last.kind == LogEventKind::kProduced && last.error == error && last.id + last.count == token) {
      ++last.count;
      return;
    }
  }
  LogEvent& event = events_.emplace_back();
  event.kind = LogEventKind::kProduced;
  event.error = error;
  event.id = token;
  event.count = 1;
}

void KafkaProducerLink::Connect(MonotonicTime) {
  events_.emplace_back().kind = OpenHandle().ok() ? LogEventKind::kConnected : LogEventKind::kDisconnected;
  look_ = true;
  signal_.Raise();
}

void KafkaProducerLink::Drop(MonotonicTime) {
  DestroyHandle();
  events_.clear();
}

void KafkaProducerLink::Send(const LogRequest& request, MonotonicTime) {
  if (handle_ == nullptr || request.method != LogMethod::kMetadata) return;
  AskMetadata(request.id, {request.topics.begin(), request.topics.end()}, Duration::zero());
}

// Also has librdkafka know the topics before the first message: it would let that wait for up to a second.
void KafkaProducerLink::AskMetadata(uint64_t id, const std::vector<std::string>& topics, Duration pause) {
  names_ = topics;
  if (topics_.empty()) {
    for (const std::string& name : names_) topics_.emplace_back(rd_kafka_topic_new(handle_, name.c_str(), nullptr));
  }
  std::vector<rd_kafka_topic_t*> handles;
  for (const RdTopic& topic : topics_) handles.push_back(topic.get());
  const auto ask = [this, handle = handle_, handles, id, topics]() -> KafkaBackground::Then {
    std::vector<LogTopicInfo> found;
    for (size_t i = 0; i < handles.size(); ++i) {
      const rd_kafka_metadata_t* metadata = nullptr;
      if (rd_kafka_metadata(handle, 0, handles[i], &metadata, kAskTimeoutMs) != RD_KAFKA_RESP_ERR_NO_ERROR) break;
      found.push_back({.name = topics[i], .id = static_cast<int32_t>(i), .partitions = 0});
      if (metadata->topic_cnt == 1) found.back().partitions = metadata->topics[0].partition_cnt;
      rd_kafka_metadata_destroy(metadata);
    }
    return [this, id, topics, found] {
      if (found.size() < topics.size()) return AskMetadata(id, topics, kAskAgain);
      partitions_.clear();
      for (const LogTopicInfo& info : found) partitions_.push_back(info.partitions);
      LogEvent& event = events_.emplace_back();
      event.method = LogMethod::kMetadata;
      event.id = id;
      event.detail = std::make_unique<LogDetail>();
      event.detail->topics = found;
    };
  };
  background_.Run(ask, pause);
}

size_t KafkaProducerLink::Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages,
                                  uint64_t first_token, MonotonicTime) {
  size_t taken = 0;
  if (handle_ != nullptr && !fatal_) {
    while (taken < messages.size()) {
      const Outgoing& outgoing = messages[taken];
      const bool known = outgoing.topic >= 0 && static_cast<size_t>(outgoing.topic) < topics.size();
      const size_t topic = known ? static_cast<size_t>(topics[static_cast<size_t>(outgoing.topic)]) : 0;
      // librdkafka would choose one for -1, and does not survive others that are not there.
      if (!known || outgoing.partition < 0 || outgoing.partition >= partitions_[topic]) {
        Answer(first_token + taken, LogError::kUnknownTopic);
      } else if (!ProduceOne(topics_[topic].get(), outgoing, first_token + taken)) {
        break;
      }
      ++taken;
    }
  }
  if (taken < messages.size()) starved_ = true;
  look_ = true;
  return taken;
}

bool KafkaProducerLink::ProduceOne(rd_kafka_topic_t* topic, const Outgoing& outgoing, uint64_t token) {
  const Message& message = outgoing.message;
  if (message.Bytes() > url_.message_bytes_max) {
    Answer(token, LogError::kMessageTooLarge);
    return true;
  }
  rd_kafka_vu_t arguments[8];
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> auto& {
    arguments[count].vtype = type;
    return arguments[count++].u;
  };
  add(RD_KAFKA_VTYPE_RKT).rkt = topic;
  add(RD_KAFKA_VTYPE_PARTITION).i32 = outgoing.partition;
  add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_OPAQUE).ptr = reinterpret_cast<void*>(static_cast<uintptr_t>(token));
  // A pointer to nothing is null, to an empty string it is empty.
  const auto bytes = [&](rd_kafka_vtype_t type, std::optional<std::string_view> from) {
    auto& mem = add(type).mem;
    mem.ptr = !from ? nullptr : const_cast<char*>(from->empty() ? "" : from->data());
    mem.size = from ? from->size() : 0;
  };
  bytes(RD_KAFKA_VTYPE_KEY, message.key);
  bytes(RD_KAFKA_VTYPE_VALUE, message.body);
  // -1 says that there is none; 0 would have librdkafka make one up.
  add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = message.timestamp_ms > 0 ? message.timestamp_ms : -1;
  rd_kafka_headers_t* headers = nullptr;
  if (!message.headers.empty()) {
    headers = rd_kafka_headers_new(8);
    for (const Header header : message.headers) {
      rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()),
                          !header.value           ? nullptr
                          : header.value->empty() ? ""
                                                  : header.value->data(),
                          header.value ? static_cast<ssize_t>(header.value->size()) : 0);
    }
    add(RD_KAFKA_VTYPE_HEADERS).headers = headers;
  }
  const RdError error(rd_kafka_produceva(handle_, arguments, count));
  if (error == nullptr) return true;
  if (headers != nullptr) rd_kafka_headers_destroy(headers);  // taken only with success
  switch (rd_kafka_error_code(error.get())) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return false;
    case RD_KAFKA_RESP_ERR__FATAL:
      fatal_ = true;
      signal_.Raise();
      return false;
    default:
      Answer(token, PublishErrorOf(rd_kafka_error_code(error.get())));
      return true;
  }
}

void KafkaProducerLink::Receive(std::vector<LogEvent>& events) {
  events.clear();
  const bool look = std::exchange(look_, false);
  if (!signal_.Take() && !look && events_.empty()) return;
  background_.Deliver();
  if (handle_ != nullptr) {
    rd_kafka_poll(handle_, 0);
    if (fatal_) {
      events_.emplace_back().kind = LogEventKind::kDisconnected;
    } else if (starved_ && rd_kafka_outq_len(handle_) < kQueueMessages / 2) {
      starved_ = false;
      events_.emplace_back().kind = LogEventKind::kWritable;
    }
  }
  events.swap(events_);
}

}  // namespace millrace::bus
