#include "bus/kafka/producer_link.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "bus/kafka/core/producer_defaults.h"
#include "bus/kafka/refusal.h"

namespace millrace::bus {
namespace {

constexpr int kAskTimeoutMs = 1000;
constexpr Duration kAskAgain = std::chrono::milliseconds(200);
constexpr int kUnsureMax = 50;
// What a record is framed with on its way: the broker's limit counts it too.
constexpr size_t kFrameBytes = 1024;

KafkaProperties PropertiesOf(const KafkaUrl& url, const std::string& name, const KafkaTransactions& transactions) {
  KafkaProperties properties = {
      {"client.id", name.empty() ? "millrace" : name},
      {"acks", "all"},
      {"enable.idempotence", "true"},
      // A batch that fails takes all behind it along, instead of leaving a hole in the order.
      {"enable.gapless.guarantee", "true"},
      {"message.timeout.ms", "0"},
      {"allow.auto.create.topics", "false"},
      {"message.max.bytes", std::to_string(url.message_bytes_max + kFrameBytes)},
  };
  if (!transactions.on()) return properties;
  for (auto& property : transactions.Properties()) properties.push_back(std::move(property));
  return properties;
}

KafkaUrl WithDefaults(KafkaUrl url) {
  const KafkaProperties defaults = ProducerDefaults(url);
  url.properties.insert(url.properties.begin(), defaults.begin(), defaults.end());
  return url;
}

}  // namespace

KafkaProducerLink::KafkaProducerLink(const KafkaUrl& url, const ProducerOptions& options, const Clock& clock,
                                     KafkaSignal& signal)
    : url_(WithDefaults(url)),
      name_(options.name),
      clock_(clock),
      signal_(signal),
      background_(signal),
      transactions_(url, options.transaction, clock, background_, names_, events_) {}

KafkaProducerLink::~KafkaProducerLink() { DestroyHandle(); }

absl::Status KafkaProducerLink::OpenHandle() {
  absl::StatusOr<RdConf> conf = MakeConf(url_, PropertiesOf(url_, name_, transactions_));
  if (!conf.ok()) return conf.status();
  if (transactions_.on()) {
    rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  } else {
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &OnReport);
    rd_kafka_conf_set_error_cb(conf->get(), &OnError);
  }
  rd_kafka_conf_set_opaque(conf->get(), this);
  absl::StatusOr<rd_kafka_t*> handle = MakeHandle(RD_KAFKA_PRODUCER, *std::move(conf));
  if (!handle.ok()) return handle.status();
  handle_ = *handle;
  transactions_.Open(handle_);
  fatal_ = starved_ = asking_again_ = awaiting_rest_ = false;
  queue_.reset(rd_kafka_queue_get_main(handle_));
  rd_kafka_queue_cb_event_enable(queue_.get(), &OnQueue, this);
  for (const std::string& name : names_) topics_.emplace_back(rd_kafka_topic_new(handle_, name.c_str(), nullptr));
  return absl::OkStatus();
}

void KafkaProducerLink::DestroyHandle() {
  if (handle_ == nullptr) return;
  background_.Stop();
  transactions_.Close();
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
  static_cast<KafkaProducerLink*>(link)->OnReported(*message);
}

void KafkaProducerLink::OnReported(const rd_kafka_message_t& message) {
  // What a fenced transaction has published is answered when its connection ends, as what it was.
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR && transactions_.on())
    fatal_ = fatal_ || rd_kafka_fatal_error(handle_, nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
  if (fatal_ && transactions_.on()) return;
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR && transactions_.on()) {
    if (!awaiting_rest_) AwaitTheRest(transactions_.number(), transactions_.GiveUp());
  }
  if (message.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED && message.rkt != nullptr) AskAgainAbout(message.rkt);
  Answer(reinterpret_cast<uintptr_t>(message._private), PublishErrorOf(message.err), message.err,
         message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : "");
}

void KafkaProducerLink::AwaitTheRest(uint64_t transaction, MonotonicTime until) {
  awaiting_rest_ = true;
  const auto look = [this, transaction, until] {
    awaiting_rest_ = false;
    if (transactions_.number() != transaction || rd_kafka_outq_len(handle_) == 0) return;
    if (clock_.Now() < until) return AwaitTheRest(transaction, until);
    transactions_.Lose(RD_KAFKA_RESP_ERR__TIMED_OUT, "a message was not answered after another one was refused");
  };
  background_.Run([look]() -> KafkaBackground::Then { return look; }, kAskAgain);
}

void KafkaProducerLink::AskAgainAbout(rd_kafka_topic_t* topic) {
  if (std::exchange(asking_again_, true)) return;
  background_.Run([this, handle = handle_, topic]() -> KafkaBackground::Then {
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(handle, 0, topic, &metadata, kAskTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR)
      rd_kafka_metadata_destroy(metadata);
    return [this] { asking_again_ = false; };
  });
}

void KafkaProducerLink::ServeQueue() {
  while (RdEvent event{rd_kafka_queue_poll(queue_.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
      fatal_ = fatal_ || rd_kafka_event_error_is_fatal(event.get()) != 0 ||
               rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__FATAL;
    }
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) OnReported(*message);
  }
}

void KafkaProducerLink::Answer(uint64_t token, LogError error, rd_kafka_resp_err_t refused, std::string_view topic) {
  absl::Status words;
  // These go with one that was refused, and have no reason of their own.
  const bool along = refused == RD_KAFKA_RESP_ERR__PURGE_QUEUE || refused == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
                     refused == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE || refused == RD_KAFKA_RESP_ERR__FATAL;
  if ((error == LogError::kRefused && !along) || error == LogError::kUnknownTopic) {
    words = Refusal("topic \"" + std::string(topic) + "\" did not take a message", refused);
    if (error == LogError::kUnknownTopic) words = absl::FailedPreconditionError(words.message());
  }
  if (!events_.empty()) {
    LogEvent& last = events_.back();
    const bool same = words.ok() ? last.detail == nullptr : last.detail != nullptr && last.detail->trouble == words;
    if (last.kind == LogEventKind::kProduced && last.error == error && last.id + last.count == token && same) {
      ++last.count;
      return;
    }
  }
  LogEvent& event = events_.emplace_back();
  event.kind = LogEventKind::kProduced;
  event.error = error;
  event.id = token;
  event.count = 1;
  if (words.ok()) return;
  event.detail = std::make_unique<LogDetail>();
  event.detail->trouble = std::move(words);
}

void KafkaProducerLink::Connect(MonotonicTime) {
  const absl::Status opened = OpenHandle();
  LogEvent& event = events_.emplace_back();
  event.kind = opened.ok() ? LogEventKind::kConnected : LogEventKind::kDisconnected;
  if (!opened.ok()) {
    event.error = LogError::kCoordinatorUnavailable;
    event.detail = std::make_unique<LogDetail>();
    event.detail->trouble = opened;
  }
  look_ = true;
  signal_.Raise();
}

void KafkaProducerLink::Drop(MonotonicTime) {
  DestroyHandle();
  events_.clear();
}

void KafkaProducerLink::SendAll(std::span<const LogRequest> requests, MonotonicTime) {
  if (handle_ == nullptr) return;
  for (const LogRequest& request : requests) {
    if (request.method == LogMethod::kMetadata)
      AskMetadata(request.id, {request.topics.begin(), request.topics.end()}, Duration::zero(), kUnsureMax);
  }
  if (!transactions_.on()) return;
  transactions_.Send(requests);
  look_ = true;
}

// Also has librdkafka know the topics before the first message: it would let that wait for up to a second.
void KafkaProducerLink::AskMetadata(uint64_t id, const std::vector<std::string>& topics, Duration pause, int unsure,
                                    std::vector<LogTopicInfo> known) {
  names_ = topics;
  if (topics_.empty()) {
    for (const std::string& name : names_) topics_.emplace_back(rd_kafka_topic_new(handle_, name.c_str(), nullptr));
  }
  std::vector<rd_kafka_topic_t*> handles;
  for (const RdTopic& topic : topics_) handles.push_back(topic.get());
  const auto ask = [this, handle = handle_, handles, id, topics, unsure, known]() -> KafkaBackground::Then {
    std::vector<LogTopicInfo> found = known;
    bool sure = true, answered = true;
    TopicQuestions questions(clock_);
    while (found.size() < handles.size()) {
      const int timeout_ms = questions.NextMs();
      if (timeout_ms == 0) break;
      const rd_kafka_metadata_t* metadata = nullptr;
      answered =
          rd_kafka_metadata(handle, 0, handles[found.size()], &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
      if (!answered) break;
      LogTopicInfo info{.name = topics[found.size()], .id = static_cast<int32_t>(found.size()), .partitions = 0};
      if (metadata->topic_cnt == 1) info.partitions = metadata->topics[0].partition_cnt;
      // One that has just started answers so, and one that has not heard of a new topic.
      sure = info.partitions > 0 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
      rd_kafka_metadata_destroy(metadata);
      if (!sure && unsure > 0) break;
      sure = true;
      found.push_back(std::move(info));
    }
    return [this, id, topics, found, sure, answered, unsure] {
      if (found.size() < topics.size()) {
        const Duration rest = sure && answered ? Duration::zero() : kAskAgain;
        return AskMetadata(id, topics, rest, sure ? unsure : unsure - 1, found);
      }
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
        Answer(first_token + taken, LogError::kUnknownTopic, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
               known ? std::string_view(names_[topic]) : std::string_view());
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
    Answer(token, LogError::kMessageTooLarge, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, {});
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
  if (transactions_.on() && !transactions_.Begin()) {
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    signal_.Raise();
    return false;
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
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      AskAgainAbout(topic);
      [[fallthrough]];
    default:
      Answer(token, PublishErrorOf(rd_kafka_error_code(error.get())), rd_kafka_error_code(error.get()),
             rd_kafka_topic_name(topic));
      return true;
  }
}

void KafkaProducerLink::Receive(std::vector<LogEvent>& events) {
  events.clear();
  const bool look = std::exchange(look_, false);
  if (!signal_.Take() && !look && events_.empty()) return;
  background_.Deliver();
  if (handle_ != nullptr) {
    if (transactions_.on()) {
      ServeQueue();
    } else {
      rd_kafka_poll(handle_, 0);
    }
    if (transactions_.on() && (fatal_ || transactions_.lost())) {
      events_.push_back(transactions_.Disconnected());
    } else if (fatal_) {
      char why[512] = "";
      const rd_kafka_resp_err_t error = rd_kafka_fatal_error(handle_, why, sizeof(why));
      LogEvent& event = events_.emplace_back();
      event.kind = LogEventKind::kDisconnected;
      event.detail = std::make_unique<LogDetail>();
      event.detail->trouble = Refusal("the producer has to begin anew", error, why);
    } else if (starved_ && rd_kafka_outq_len(handle_) < kProducerQueueMessages / 2) {
      starved_ = false;
      events_.emplace_back().kind = LogEventKind::kWritable;
    }
  }
  events.swap(events_);
}

}  // namespace millrace::bus
