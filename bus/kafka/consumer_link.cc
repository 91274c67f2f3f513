#include "bus/kafka/consumer_link.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "bus/check.h"
#include "bus/kafka/member_bytes.h"
#include "bus/kafka/refusal.h"

namespace millrace::bus {
namespace {

constexpr size_t kSegmentBytes = 64 << 10;
// Windows fill and empty: what all partitions of a process have in use at times is not given back to the allocator between.
constexpr size_t kSegmentsKept = 256;

std::string Milliseconds(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

KafkaProperties PropertiesOf(const ConsumerOptions& options, Duration rebalance_timeout) {
  KafkaProperties properties = {
      {"group.id", options.group},
      {"client.id", options.instance.empty() ? "millrace" : options.instance},
      // Only the core says what is done.
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      // Where to start is always said; what is left is out of range.
      {"auto.offset.reset", "error"},
      // How the end of a partition is seen, markers of transactions and compacted records before it included.
      {"enable.partition.eof", "true"},
      {"isolation.level", "read_committed"},
      {"allow.auto.create.topics", "false"},
      {"partition.assignment.strategy", options.cooperative ? "cooperative-sticky" : "range"},
      {"session.timeout.ms", Milliseconds(options.session_timeout)},
      {"heartbeat.interval.ms", Milliseconds(options.heartbeat_interval)},
      // The group waits that long for who has to give something back; the driver is polled meanwhile.
      {"max.poll.interval.ms", Milliseconds(std::max<Duration>(rebalance_timeout, options.session_timeout))},
  };
  if (!options.static_id.empty()) properties.emplace_back("group.instance.id", options.static_id);
  return properties;
}

// Bounds what waits unread; the URL's own value goes before.
KafkaUrl WithDefaults(KafkaUrl url) {
  url.properties.insert(url.properties.begin(), {"queued.max.messages.kbytes", "16384"});
  return url;
}

}  // namespace

KafkaConsumerLink::KafkaConsumerLink(const KafkaUrl& url, const ConsumerOptions& options, Duration rebalance_timeout,
                                     const Clock& clock, KafkaSignal& signal)
    : url_(WithDefaults(url)),
      options_(options),
      rebalance_timeout_(rebalance_timeout),
      clock_(clock),
      signal_(signal),
      rebalance_(options.cooperative, *this, events_),
      background_(signal),
      pool_(kSegmentBytes, kSegmentsKept) {}

KafkaConsumerLink::~KafkaConsumerLink() { DestroyHandle(); }

// ---------------------------------------------------------------- the handle

absl::Status KafkaConsumerLink::OpenHandle() {
  absl::StatusOr<RdConf> conf = MakeConf(url_, PropertiesOf(options_, rebalance_timeout_));
  if (!conf.ok()) return conf.status();
  rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_OFFSET_COMMIT);
  absl::StatusOr<rd_kafka_t*> handle = MakeHandle(RD_KAFKA_CONSUMER, *std::move(conf));
  if (!handle.ok()) return handle.status();
  handle_ = *handle;
  rd_kafka_poll_set_consumer(handle_);
  queue_.reset(rd_kafka_queue_get_consumer(handle_));
  rd_kafka_queue_cb_event_enable(queue_.get(), &OnQueue, this);
  look_ = true;
  return absl::OkStatus();
}

void KafkaConsumerLink::DestroyHandle() {
  if (handle_ == nullptr) return;
  background_.Stop();
  readers_.clear();
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  // Who is leaving is not let go before that has come to its end: nothing must wait for an answer.
  while (rebalance_.leaving()) {
    const RdEvent event{rd_kafka_queue_poll(queue_.get(), 0)};
    if (event == nullptr) break;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) rd_kafka_assign(handle_, nullptr);
  }
  queue_.reset();
  // Whoever has not left is to be missed by the group, not to leave in passing.
  rd_kafka_destroy_flags(std::exchange(handle_, nullptr), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  commits_.Clear();
  looked_up_.clear();
  assigning_.clear();
  assign_open_ = restart_ = down_ = false;
  ++assign_serial_;
}

void KafkaConsumerLink::OnQueue(rd_kafka_t*, void* link) { static_cast<KafkaConsumerLink*>(link)->signal_.Raise(); }

void KafkaConsumerLink::Connect(MonotonicTime) {
  const absl::Status opened = OpenHandle();
  if (!opened.ok()) Trouble(opened);
  events_.emplace_back().kind = opened.ok() ? LogEventKind::kConnected : LogEventKind::kDisconnected;
  signal_.Raise();
}

void KafkaConsumerLink::Drop(MonotonicTime) {
  DestroyHandle();
  events_.clear();
}

// ---------------------------------------------------------------- the core's requests

void KafkaConsumerLink::Send(const LogRequest& request, MonotonicTime) {
  if (handle_ == nullptr && request.method != LogMethod::kJoin) return;
  look_ = true;
  switch (request.method) {
    case LogMethod::kMetadata:
      AskMetadata(request.id, {request.topics.begin(), request.topics.end()}, Duration::zero());
      return;
    case LogMethod::kJoin:
    case LogMethod::kSync:
    case LogMethod::kHeartbeat:
    case LogMethod::kLeave:
      rebalance_.OnRequest(request);
      return;
    case LogMethod::kOffsets:
      AskOffsets(request.id, {request.partitions.begin(), request.partitions.end()});
      return;
    case LogMethod::kCommit:
      commits_.Add(request);
      return;
    case LogMethod::kFetch: {
      const auto at = readers_.find(request.partition);
      if (at == readers_.end()) return;  // taken away; the core will be told
      KafkaPartitionReader& reader = *at->second;
      reader.Ask(request);
      if (request.offset == reader.position() && !reader.stopped()) return;
      reader.Restart(request.offset);
      restart_ = true;
      return;
    }
    case LogMethod::kInitProducer:
    case LogMethod::kTransactOffset:
    case LogMethod::kEndTransaction:
      return;  // a producer's
  }
}

// ---------------------------------------------------------------- the group

void KafkaConsumerLink::Subscribe() {
  if (handle_ == nullptr) {
    if (const absl::Status opened = OpenHandle(); !opened.ok()) {
      Trouble(opened);
      return;
    }
  }
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(topics_.size())));
  for (const std::string& topic : topics_) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(handle_, list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    Trouble(absl::UnavailableError(std::string("subscribing: ") + rd_kafka_err2str(error)));
}

void KafkaConsumerLink::Unassign(const std::set<Partition>& partitions) {
  if (!options_.cooperative) {
    readers_.clear();
    looked_up_.clear();
    rd_kafka_assign(handle_, nullptr);
    return;
  }
  const RdList list = ListOf(partitions);
  for (Partition partition : partitions) {
    readers_.erase(partition);
    looked_up_.erase(partition);
  }
  RdError error(rd_kafka_incremental_unassign(handle_, list.get()));
  if (error != nullptr) rd_kafka_assign(handle_, nullptr);
}

void KafkaConsumerLink::Close() {
  readers_.clear();
  looked_up_.clear();
  ++assign_serial_;
  assign_open_ = false;
  // A static member says nothing when it leaves (KIP-345).
  if (!options_.static_id.empty()) {
    DestroyHandle();
    rebalance_.OnClosed();
    return;
  }
  // librdkafka leaves a call to assign without an answer, for ever, that reaches it while it ends the group and waits for
  // none. So all that it may wait for is said before it is told to end, and what it has asked until then is dropped; what
  // it asks later, it waits for. In a cooperative group assign is refused until then.
  if (!options_.cooperative) {
    rd_kafka_unsubscribe(handle_);
    rd_kafka_assign(handle_, nullptr);
    answered_ = true;
    ServeQueue();
    answered_ = false;
  }
  RdError error(rd_kafka_consumer_close_queue(handle_, queue_.get()));
  if (options_.cooperative) rd_kafka_assign(handle_, nullptr);
  if (error == nullptr) return;
  DestroyHandle();
  rebalance_.OnClosed();
}

void KafkaConsumerLink::OnRebalance(rd_kafka_event_t* event) {
  if (answered_) return;
  const std::vector<Partition> partitions = Partitions(rd_kafka_event_topic_partition_list(event));
  if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    if (rebalance_.leaving()) {
      rd_kafka_assign(handle_, nullptr);
      return;
    }
    assigning_ = partitions;
    assign_open_ = true;
    ++assign_serial_;
    LookUpStarts(Duration::zero());
    return;
  }
  const bool lost = rd_kafka_assignment_lost(handle_) != 0;
  if (lost) commits_.FailWaiting(LogError::kUnknownMember, events_);
  rebalance_.OnRevoke(partitions, lost);
}

void KafkaConsumerLink::Assign(const std::vector<LogOffsets>& starts) {
  assign_open_ = false;
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(starts.size())));
  for (const LogOffsets& offsets : starts) {
    const Partition partition = offsets.partition;
    const std::string& topic = topics_[static_cast<size_t>(partition.topic)];
    const int64_t start = offsets.committed >= 0 ? offsets.committed : offsets.start;
    auto& reader = readers_[partition];
    reader = std::make_unique<KafkaPartitionReader>(topic, partition, signal_);
    reader->Open(handle_, start);
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition.number)->offset = start;
    looked_up_[partition] = offsets;
  }
  std::string why;
  if (options_.cooperative) {
    RdError error(rd_kafka_incremental_assign(handle_, list.get()));
    if (error != nullptr) why = rd_kafka_error_string(error.get());
  } else {
    const rd_kafka_resp_err_t error = rd_kafka_assign(handle_, list.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) why = rd_kafka_err2str(error);
  }
  if (!why.empty()) Trouble(absl::UnavailableError("the assignment was not taken: " + why));
  rebalance_.OnAssigned(assigning_);
}

// A partition that has to go on elsewhere is assigned anew: seeking does nothing for one that has stopped.
void KafkaConsumerLink::RestartStopped() {
  // librdkafka would take it for the answer to its REVOKE, and forget that the assignment was lost.
  if (rebalance_.revoking() || rd_kafka_assignment_lost(handle_) != 0) return;
  restart_ = false;
  if (readers_.empty()) return;
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(readers_.size())));
  for (const auto& [partition, reader] : readers_) {
    rd_kafka_topic_partition_list_add(list.get(), reader->topic().c_str(), partition.number)->offset =
        reader->position();
  }
  if (options_.cooperative) {
    RdError error(rd_kafka_incremental_unassign(handle_, list.get()));
    error.reset(rd_kafka_incremental_assign(handle_, list.get()));
  } else {
    rd_kafka_assign(handle_, list.get());
  }
  // Both calls wait until librdkafka has made what it fetched before out of date.
  for (const auto& [partition, reader] : readers_) reader->Restarted();
}

std::string KafkaConsumerLink::GroupMetadata() const {
  if (handle_ == nullptr) return "";
  const RdGroupMetadata now(rd_kafka_consumer_group_metadata(handle_));
  if (now == nullptr) return "";
  const std::string bytes = MemberBytes(now.get());
  return IsMember(bytes, options_.group) ? bytes : "";
}

// ---------------------------------------------------------------- what librdkafka says

void KafkaConsumerLink::Receive(std::vector<LogEvent>& events) {
  events.clear();
  const bool look = std::exchange(look_, false);
  if (!signal_.Take() && !look && events_.empty()) return;
  background_.Deliver();
  if (handle_ != nullptr) ServeQueue();
  if (handle_ != nullptr) {
    if (restart_) RestartStopped();
    commits_.Send(handle_, queue_.get(), topics_, events_);
    ReadPartitions();
  }
  events.swap(events_);
}

void KafkaConsumerLink::ServeQueue() {
  while (RdEvent event{rd_kafka_queue_poll(queue_.get(), 0)}) {
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_REBALANCE:
        OnRebalance(event.get());
        break;
      case RD_KAFKA_EVENT_OFFSET_COMMIT:
        commits_.OnResult(event.get(), topics_, events_);
        break;
      case RD_KAFKA_EVENT_ERROR:
        OnError(rd_kafka_event_error(event.get()), rd_kafka_event_error_string(event.get()));
        break;
      case RD_KAFKA_EVENT_FETCH:
        // A message that came past its partition's queue: fetched again from where that is.
        restart_ = true;
        break;
      default:
        break;
    }
    if (handle_ == nullptr) return;
  }
  if (rebalance_.leaving() && rd_kafka_consumer_closed(handle_) != 0) {
    DestroyHandle();
    rebalance_.OnClosed();
  }
}

void KafkaConsumerLink::ReadPartitions() {
  for (const auto& [partition, reader] : readers_) {
    if (!reader->asked()) continue;
    LogEvent event;
    absl::Status trouble;
    if (reader->Answer(pool_, event, trouble)) events_.push_back(std::move(event));
    if (!trouble.ok()) Trouble(std::move(trouble));
  }
}

void KafkaConsumerLink::OnError(rd_kafka_resp_err_t error, const std::string& text) {
  last_error_ = text;
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    char why[512];
    error = rd_kafka_fatal_error(handle_, why, sizeof(why));
    last_error_ = why;
  }
  switch (error) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      if (down_) return;
      down_ = true;
      Trouble(absl::UnavailableError("no broker of " + url_.brokers + " can be reached; trying again (" + text + ")"));
      ProbeUntilWell();
      return;
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
      rebalance_.OnRefused(GroupErrorOf(error));
      return;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      Trouble(Refusal("group \"" + options_.group + "\"", error, text));
      return;
    default:
      return;  // one broker of several, or what librdkafka mends by itself
  }
}

void KafkaConsumerLink::Trouble(absl::Status status) {
  LogEvent& event = events_.emplace_back();
  event.kind = LogEventKind::kTrouble;
  event.detail = std::make_unique<LogDetail>();
  event.detail->trouble = std::move(status);
}

std::vector<Partition> KafkaConsumerLink::Partitions(const rd_kafka_topic_partition_list_t* list) const {
  std::vector<Partition> partitions;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const auto at = std::find(topics_.begin(), topics_.end(), list->elems[i].topic);
    if (at == topics_.end()) continue;
    partitions.push_back({static_cast<int32_t>(at - topics_.begin()), list->elems[i].partition});
  }
  return partitions;
}

RdList KafkaConsumerLink::ListOf(const std::set<Partition>& partitions) const {
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (Partition partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topics_[static_cast<size_t>(partition.topic)].c_str(),
                                      partition.number);
  }
  return list;
}

}  // namespace millrace::bus
