#include "bus/kafka/transactions.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "bus/kafka/refusal.h"

namespace millrace::bus {
namespace {

constexpr int kCallMs = 500;
// Longer, so that two calls in a row are not given up before librdkafka has begun with them: what it then does for them could be
// taken for the end of the third (rd_kafka_txn_op_req of 2.0.2).
constexpr int kCommitMs = 5000;
// What takes it longer librdkafka aborts: so it is given time, but whoever closes waits for it, and for the request under way.
constexpr int kOffsetsMs = 5000;
constexpr int kCloseMs = 1000;
constexpr int kAskTimeoutMs = 1000;
constexpr Duration kAskAgain = std::chrono::milliseconds(100);
// A request is waited for as long, whatever time-out its call has.
constexpr Duration kRequestMax = std::chrono::seconds(10);
// Beyond the broker's own time-out: by then it has ended the transaction.
constexpr Duration kPatience = std::chrono::seconds(5);

std::string Milliseconds(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

bool Fenced(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__FENCED || error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

KafkaTransactionAnswer AnswerOf(const rd_kafka_error_t* error) {
  if (error == nullptr) return {};
  return {.failed = true,
          .timed_out = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT,
          .retriable = rd_kafka_error_is_retriable(error) != 0,
          .requires_abort = rd_kafka_error_txn_requires_abort(error) != 0,
          .fatal = rd_kafka_error_is_fatal(error) != 0 || Fenced(rd_kafka_error_code(error))};
}

// Fills in what is committed. Errors: not known yet.
absl::Status LookUpCommitted(KafkaGroupOffsets& committed, const std::string& group,
                             const std::vector<std::string>& topics, std::vector<LogOffsets>& offsets) {
  const auto name = [&](const LogOffsets& of) { return topics[static_cast<size_t>(of.partition.topic)].c_str(); };
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size()))), found;
  for (const LogOffsets& of : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), name(of), of.partition.number);
  }
  const std::string what =
      "whether a commit was taken is not known yet, as the offsets of group \"" + group + "\" are not told";
  const rd_kafka_resp_err_t error = committed.Find(group, list, /*stable=*/true, kAskTimeoutMs, found);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Refusal(what, error);
  for (LogOffsets& of : offsets) {
    const rd_kafka_topic_partition_t* element =
        rd_kafka_topic_partition_list_find(found.get(), name(of), of.partition.number);
    if (element == nullptr) return Refusal(what, RD_KAFKA_RESP_ERR__PARTIAL);
    if (element->offset < 0) continue;
    of.committed = element->offset;
    if (element->metadata != nullptr)
      of.note.assign(static_cast<const char*>(element->metadata), element->metadata_size);
  }
  return absl::OkStatus();
}

}  // namespace

KafkaTransactions::KafkaTransactions(const KafkaUrl& url, const TransactionOptions& options, const Clock& clock,
                                     KafkaBackground& background, const std::vector<std::string>& topics,
                                     std::vector<LogEvent>& events)
    : options_(options), clock_(clock), background_(background), topics_(topics), events_(events), committed_(url) {}

MonotonicTime KafkaTransactions::GiveUp() const { return clock_.Now() + options_.timeout + kPatience; }

KafkaProperties KafkaTransactions::Properties() const {
  KafkaProperties properties = {
      {"transactional.id", options_.id},
      {"transaction.timeout.ms", Milliseconds(options_.timeout)},
      // A publish that fails leaves only abort, and so leaves no gap.
      {"enable.gapless.guarantee", "false"},
  };
  // It follows the transaction's else.
  if (options_.timeout > kRequestMax) properties.emplace_back("socket.timeout.ms", Milliseconds(kRequestMax));
  return properties;
}

void KafkaTransactions::Open(rd_kafka_t* handle) {
  handle_ = handle;
  begun_ = aborting_ = lost_ = false;
  lost_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  lost_text_.clear();
}

void KafkaTransactions::Close() {
  // Else readers would wait for the time-out. With reports not taken it would wait for those.
  if (aborting_ && !lost_ && rd_kafka_outq_len(handle_) == 0)
    RdError(rd_kafka_abort_transaction(handle_, kCloseMs)).reset();
  handle_ = nullptr;
}

// ---------------------------------------------------------------- the core's requests

void KafkaTransactions::Send(std::span<const LogRequest> requests) {
  for (size_t i = 0; i < requests.size(); ++i) {
    const LogRequest& request = requests[i];
    Call call{.id = request.id, .give_up = GiveUp()};
    switch (request.method) {
      case LogMethod::kInitProducer:
        call.kind = KafkaTransactionCall::kInit;
        Ask(std::move(call), Duration::zero());
        break;
      case LogMethod::kTransactOffset: {
        size_t end = i + 1;
        while (end < requests.size() && requests[end].method == LogMethod::kTransactOffset) ++end;
        SendOffsets(requests.subspan(i, end - i));
        i = end - 1;
        break;
      }
      case LogMethod::kEndTransaction:
        if (!begun_) {
          Answer(LogMethod::kEndTransaction, request.id, LogError::kTransactionState);
          break;
        }
        call.kind = request.commit ? KafkaTransactionCall::kCommit : KafkaTransactionCall::kAbort;
        aborting_ = !request.commit;
        Ask(std::move(call), Duration::zero());
        break;
      case LogMethod::kOffsets:
        AskCommitted(request);
        break;
      default:
        break;
    }
  }
}

bool KafkaTransactions::Begin() {
  if (lost_) return false;
  if (begun_) return true;
  const RdError error(rd_kafka_begin_transaction(handle_));
  begun_ = error == nullptr;
  ++number_;
  if (!begun_) Lose(rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get()));
  return begun_;
}

void KafkaTransactions::SendOffsets(std::span<const LogRequest> requests) {
  Call call{
      .kind = KafkaTransactionCall::kOffsets, .id = requests.front().id, .count = requests.size(), .give_up = GiveUp()};
  // Whose member bytes are none is no member (consumer_link.h), and a broker would not notice.
  rd_kafka_consumer_group_metadata_t* group = nullptr;
  const std::string_view member = requests.front().member;
  if (!member.empty()) RdError(rd_kafka_consumer_group_metadata_read(&group, member.data(), member.size())).reset();
  if (group == nullptr) {
    for (uint64_t n = 0; n < call.count; ++n) Answer(LogMethod::kTransactOffset, call.id + n, LogError::kUnknownMember);
    return;
  }
  call.group.reset(group, &rd_kafka_consumer_group_metadata_destroy);
  if (!Begin()) return;
  call.offsets.reset(rd_kafka_topic_partition_list_new(static_cast<int>(requests.size())),
                     &rd_kafka_topic_partition_list_destroy);
  for (const LogRequest& request : requests) {
    rd_kafka_topic_partition_t* element = rd_kafka_topic_partition_list_add(
        call.offsets.get(), topics_[static_cast<size_t>(request.partition.topic)].c_str(), request.partition.number);
    element->offset = request.offset;
    if (request.note.empty()) continue;
    // The list frees it as librdkafka frees its own memory.
    element->metadata = rd_kafka_mem_malloc(handle_, request.note.size());
    element->metadata_size = request.note.size();
    std::memcpy(element->metadata, request.note.data(), request.note.size());
  }
  Ask(std::move(call), Duration::zero());
}

// What a group has committed, once no transaction has anything to say there.
void KafkaTransactions::AskCommitted(const LogRequest& request) {
  std::vector<LogOffsets> offsets;
  for (Partition partition : request.partitions) offsets.emplace_back().partition = partition;
  background_.Run([this, id = request.id, group = std::string(request.group), topics = topics_,
                   offsets]() mutable -> KafkaBackground::Then {
    const absl::Status known = LookUpCommitted(committed_, group, topics, offsets);
    return [this, id, offsets, known] {
      if (!known.ok()) return Answer(LogMethod::kOffsets, id, LogError::kCoordinatorUnavailable, known);
      LogEvent& event = events_.emplace_back();
      event.method = LogMethod::kOffsets;
      event.id = id;
      event.detail = std::make_unique<LogDetail>();
      event.detail->offsets = offsets;
    };
  });
}

// ---------------------------------------------------------------- librdkafka's calls

void KafkaTransactions::Ask(Call call, Duration pause) {
  background_.Run(
      [this, handle = handle_, call]() -> KafkaBackground::Then {
        RdError error;
        switch (call.kind) {
          case KafkaTransactionCall::kInit:
            error.reset(rd_kafka_init_transactions(handle, kCallMs));
            break;
          case KafkaTransactionCall::kOffsets:
            error.reset(rd_kafka_send_offsets_to_transaction(handle, call.offsets.get(), call.group.get(), kOffsetsMs));
            break;
          case KafkaTransactionCall::kCommit:
            error.reset(rd_kafka_commit_transaction(handle, kCommitMs));
            break;
          case KafkaTransactionCall::kAbort:
            error.reset(rd_kafka_abort_transaction(handle, kCallMs));
            break;
        }
        const KafkaTransactionAnswer answer = AnswerOf(error.get());
        const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
        const std::string text = answer.failed ? rd_kafka_error_string(error.get()) : "";
        return [this, call, answer, code, text] { OnAnswer(call, answer, code, text); };
      },
      pause);
}

void KafkaTransactions::OnAnswer(Call call, const KafkaTransactionAnswer& answer, rd_kafka_resp_err_t error,
                                 const std::string& text) {
  if (lost_) return;
  const bool offsets = call.kind == KafkaTransactionCall::kOffsets;
  const bool ends = call.kind == KafkaTransactionCall::kCommit || call.kind == KafkaTransactionCall::kAbort;
  switch (Judge(call.kind, answer, call.give_up - clock_.Now())) {
    case KafkaTransactionVerdict::kDone:
      if (ends) begun_ = aborting_ = false;
      for (uint64_t n = 0; n < call.count; ++n) {
        Answer(offsets ? LogMethod::kTransactOffset
               : ends  ? LogMethod::kEndTransaction
                       : LogMethod::kInitProducer,
               call.id + n, LogError::kNone);
      }
      return;
    case KafkaTransactionVerdict::kAgain:
      return Ask(std::move(call), answer.timed_out ? Duration::zero() : kAskAgain);
    case KafkaTransactionVerdict::kRefused:
      for (uint64_t n = 0; n < call.count; ++n)
        Answer(LogMethod::kTransactOffset, call.id + n, GroupErrorOf(error), Refusal("offsets", error, text));
      return;
    case KafkaTransactionVerdict::kLost:
      return Lose(error, text);
  }
}

void KafkaTransactions::Answer(LogMethod method, uint64_t id, LogError error, const absl::Status& words) {
  LogEvent& event = events_.emplace_back();
  event.method = method;
  event.id = id;
  event.error = error;
  if (words.ok()) return;
  event.detail = std::make_unique<LogDetail>();
  event.detail->trouble = words;
}

void KafkaTransactions::Lose(rd_kafka_resp_err_t error, std::string text) {
  if (lost_) return;
  lost_ = true;
  lost_error_ = error;
  lost_text_ = std::move(text);
}

LogEvent KafkaTransactions::Disconnected() const {
  LogEvent event;
  event.kind = LogEventKind::kDisconnected;
  char why[512] = "";
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(handle_, why, sizeof(why));
  const rd_kafka_resp_err_t error = fatal != RD_KAFKA_RESP_ERR_NO_ERROR ? fatal : lost_error_;
  if (Fenced(error)) {
    event.error = LogError::kProducerFenced;
    return event;
  }
  event.error = LogError::kCoordinatorUnavailable;
  event.detail = std::make_unique<LogDetail>();
  event.detail->trouble = Refusal("the broker has ended the session", error,
                                  fatal != RD_KAFKA_RESP_ERR_NO_ERROR ? std::string_view(why) : lost_text_);
  return event;
}

}  // namespace millrace::bus
