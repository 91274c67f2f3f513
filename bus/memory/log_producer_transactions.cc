// LogProducer: transactions. One at a time; what the broker says of the session decides what may still be said in it.
#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "bus/memory/log_producer.h"

namespace millrace::bus {
namespace {

constexpr char kOffsets[] = "the broker did not take the transaction's offsets";
constexpr char kEnd[] = "the broker did not commit the transaction";

absl::Status NotTaken(std::string_view what, const LogEvent& event) {
  const bool said = event.detail != nullptr && !event.detail->trouble.ok();
  return absl::AbortedError(said ? std::string(what) + ": " + std::string(event.detail->trouble.message())
                                 : std::string(what) + " (" + std::string(NameOf(event.error)) + ")");
}

}  // namespace

bool LogProducer::Fences(LogError error) {
  return error == LogError::kProducerFenced || error == LogError::kProducerEpoch;
}

void LogProducer::Begun() {
  if (!begun_) began_ = now_;
  begun_ = true;
}

void LogProducer::Trouble(const absl::Status& why) {
  if (why.ok()) return;
  const std::string who = transactional() ? "transactional.id \"" + options_.transaction.id + "\": " : "";
  absl::Status told(why.code(), who + std::string(why.message()));
  if (troubles_.empty() || troubles_.back() != told) troubles_.push_back(std::move(told));
}

// ---------------------------------------------------------------- the caller's verbs

void LogProducer::Commit(const TransactionOffsets& offsets) {
  MR_CHECK(transactional() && ending_ == Ending::kNone && !closed_) << "nothing to commit";
  due_ = due_ || in_poll_;
  if (gone_) return Ended(absl::AbortedError("the transaction was over before it was to be committed"));
  offsets_ = offsets;
  for (TransactionOffsets::Offset& offset : offsets_.offsets) {
    if (offset.note.size() > note_bytes_max_) offset.note.clear();
  }
  ending_ = Ending::kOffsets;
  committing_ = true;
  refused_ = absl::OkStatus();
  offsets_open_ = 0;
  first_offset_ = 0;
  if (connected()) SendOffsets();
}

void LogProducer::Abort() {
  MR_CHECK(transactional() && ending_ == Ending::kNone && !closed_) << "nothing to abort";
  due_ = due_ || in_poll_;
  // Whoever initialises aborts what was open.
  if (gone_ || !begun_) return Ended(absl::OkStatus());
  committing_ = false;
  SendEnd(/*commit=*/false);
}

// ---------------------------------------------------------------- requests

Partition LogProducer::BrokerPartition(const TransactionOffsets::Offset& offset) const {
  const auto topic = static_cast<size_t>(offset.partition.topic);
  MR_CHECK(topic < input_ids_.size()) << "no input topic " << offset.partition.topic;
  return {input_ids_[topic], offset.partition.number};
}

void LogProducer::SendOffsets() {
  std::vector<LogRequest> requests;
  first_offset_ = next_id_;
  for (const TransactionOffsets::Offset& offset : offsets_.offsets) {
    LogRequest& request = requests.emplace_back();
    request.method = LogMethod::kTransactOffset;
    request.id = next_id_++;
    request.generation = offsets_.generation;
    request.partition = BrokerPartition(offset);
    request.offset = offset.next;
    request.group = offsets_.group;
    request.member = offsets_.member;
    request.instance = offsets_.static_id;
    request.note = offset.note;
  }
  offsets_open_ = requests.size();
  Begun();
  link_->SendAll(requests, now_);
}

void LogProducer::SendEnd(bool commit) {
  ending_ = Ending::kEnd;
  asked_id_ = next_id_++;
  link_->Send({.method = LogMethod::kEndTransaction, .commit = commit, .id = asked_id_}, now_);
}

void LogProducer::RetryLater() {
  asked_id_ = 0;
  retry_at_ =
      now_ + std::min(options_.retry_max, options_.retry_min * (int64_t{1} << std::min(retries_, uint32_t{16})));
  ++retries_;
}

bool LogProducer::WantsStep() const {
  if (!transactional() || !connected_ || topic_ids_.empty() || asked_id_ != 0) return false;
  return session_ == Session::kNone || ending_ == Ending::kEnd || ending_ == Ending::kResolve ||
         (ending_ == Ending::kOffsets && first_offset_ == 0);
}

void LogProducer::StepTransaction() {
  if (!WantsStep() || now_ < retry_at_) return;
  if (session_ == Session::kNone) {
    session_ = Session::kAsked;
    asked_id_ = next_id_++;
    const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options_.transaction.timeout).count();
    link_->Send({.method = LogMethod::kInitProducer,
                 .id = asked_id_,
                 .timeout_ms = static_cast<uint32_t>(timeout),
                 .instance = options_.transaction.id},
                now_);
    return;
  }
  if (ending_ == Ending::kOffsets) {
    SendOffsets();
  } else if (ending_ == Ending::kEnd) {
    SendEnd(committing_ && refused_.ok());
  } else if (ending_ == Ending::kResolve) {
    std::vector<Partition> partitions;
    for (const TransactionOffsets::Offset& offset : offsets_.offsets) partitions.push_back(BrokerPartition(offset));
    asked_id_ = next_id_++;
    link_->Send({.method = LogMethod::kOffsets, .id = asked_id_, .group = offsets_.group, .partitions = partitions},
                now_);
  }
}

// ---------------------------------------------------------------- what the broker says

void LogProducer::OnTransactionReply(const LogEvent& event) {
  switch (event.method) {
    case LogMethod::kInitProducer:
      if (event.id == asked_id_) OnInitialised(event);
      return;
    case LogMethod::kTransactOffset:
      if (ending_ == Ending::kOffsets && event.id >= first_offset_ && offsets_open_ > 0) OnOffsetTaken(event);
      return;
    case LogMethod::kEndTransaction:
      if (event.id == asked_id_) OnEndAnswered(event);
      return;
    case LogMethod::kOffsets:
      if (event.id == asked_id_) OnResolved(event);
      return;
    default:
      return;
  }
}

void LogProducer::OnInitialised(const LogEvent& event) {
  asked_id_ = 0;
  if (event.error != LogError::kNone) {
    session_ = Session::kNone;
    if (event.detail != nullptr) Trouble(event.detail->trouble);
    return RetryLater();
  }
  session_ = Session::kReady;
  writable_ = true;
  StepTransaction();
}

void LogProducer::OnOffsetTaken(const LogEvent& event) {
  if (Fences(event.error)) return OnFenced(event.error);
  --offsets_open_;
  if (event.error != LogError::kNone && refused_.ok()) {
    refused_ = NotTaken(kOffsets, event);
    if (event.error == LogError::kNoteTooLarge) {
      OnNoteRefused();
    } else if (StandsInTheWay(event)) {
      Trouble(absl::UnavailableError(refused_.message()));
    }
  }
  if (offsets_open_ == 0) SendEnd(refused_.ok());
}

// A group that changes is told by its consumer, and a coordinator that is away comes back.
bool LogProducer::StandsInTheWay(const LogEvent& event) {
  switch (event.error) {
    case LogError::kIllegalGeneration:
    case LogError::kUnknownMember:
    case LogError::kRebalanceInProgress:
    case LogError::kFencedInstance:
      return false;
    case LogError::kCoordinatorUnavailable:
      return event.detail != nullptr;
    default:
      return true;
  }
}

// Jobs go on without it: what is lost is what the next owner should have known.
void LogProducer::OnNoteRefused() {
  size_t longest = 0;
  for (const TransactionOffsets::Offset& offset : offsets_.offsets) longest = std::max(longest, offset.note.size());
  note_bytes_max_ = std::min(note_bytes_max_, std::max<size_t>(longest, 1) - 1);
  Trouble(absl::UnavailableError(
      "the broker takes no notes of that length with offsets (OFFSET_METADATA_TOO_LARGE), so they are left out: who "
      "has "
      "these partitions next does not know which keys are parked and which messages may have killed a process; raise "
      "offset.metadata.max.bytes of the brokers to 4096, then start this process again"));
}

void LogProducer::OnEndAnswered(const LogEvent& event) {
  asked_id_ = 0;
  if (Fences(event.error)) return OnFenced(event.error);
  if (event.error == LogError::kCoordinatorUnavailable) return RetryLater();
  // Nothing to abort: nothing was begun, as the offsets were not even sent.
  const bool aborts = !committing_ || !refused_.ok();
  if (event.error == LogError::kNone || (event.error == LogError::kTransactionState && aborts)) {
    // Two of one id: either gets something done between two fences, which is no reason to hurry.
    if (committing_ && refused_.ok() && now_ >= retry_at_ + options_.retry_max) retries_ = 0;
    return Ended(refused_);
  }
  const absl::Status why = NotTaken(kEnd, event);
  Trouble(absl::UnavailableError(why.message()));
  Ended(why);
}

// The session that asks this has fenced all before it: what is committed now is how the transaction ended.
void LogProducer::OnResolved(const LogEvent& event) {
  asked_id_ = 0;
  if (event.error != LogError::kNone) {
    if (event.detail != nullptr) Trouble(event.detail->trouble);
    return RetryLater();
  }
  // All of them moved, or none. Where a partition is further on, or just as far with another note, somebody else owns it by
  // now, and what was there between is not to be seen.
  bool proven = false, refuted = false;
  for (const LogOffsets& now : event.detail->offsets) {
    const auto ours = std::find_if(offsets_.offsets.begin(), offsets_.offsets.end(),
                                   [&](const auto& o) { return BrokerPartition(o) == now.partition; });
    refuted = refuted || now.committed < ours->next;
    proven = proven || (now.committed == ours->next && now.note == ours->note);
  }
  Ended(proven && !refuted ? absl::OkStatus()
                           : absl::AbortedError("the connection went before the transaction was committed"));
}

void LogProducer::OnSessionLost(const absl::Status& why) {
  session_ = Session::kNone;
  asked_id_ = 0;
  gone_ = begun_;
  switch (ending_) {
    case Ending::kNone:
    case Ending::kResolve:
      return;
    case Ending::kOffsets:
      // Not begun: it is still to be sent.
      if (begun_) Ended(absl::AbortedError("not committed: " + std::string(why.message())));
      return;
    case Ending::kEnd:
      if (committing_ && refused_.ok()) {
        ending_ = Ending::kResolve;
      } else {
        Ended(refused_);
      }
      return;
  }
}

// By a time-out, or by another producer of the same id. Either way the transaction was aborted, and a commit that is
// told so was not taken.
void LogProducer::OnFenced(LogError error) {
  if (session_ != Session::kReady) return;
  session_ = Session::kNone;
  RetryLater();
  Trouble(StatusOf(error));
  gone_ = begun_;
  if (ending_ == Ending::kNone || ending_ == Ending::kResolve) return;
  Ended(committing_ ? StatusOf(error) : absl::OkStatus());
}

void LogProducer::Ended(const absl::Status& status) {
  ended_ = status;  // first: it may be refused_
  ending_ = Ending::kNone;
  begun_ = gone_ = committing_ = false;
  offsets_ = {};
  refused_ = absl::OkStatus();
}

}  // namespace millrace::bus
