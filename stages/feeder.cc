#include "stages/feeder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/check.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "bus/partition.h"

namespace millrace::stages {
namespace {

constexpr size_t kReadMax = 256;                           // records in one call of the source
constexpr size_t kPublishMax = 256;                        // messages in one call of the driver
constexpr size_t kSlotBytesKept = 64 << 10;                // a slot that held a larger record gives its memory back
constexpr Duration kIdle = std::chrono::milliseconds(50);  // until a source that had to wait is asked again

Duration Backoff(Duration initial, Duration max, uint32_t failures) {
  Duration wait = initial;
  for (uint32_t i = 0; i < failures && wait < max; ++i) wait *= 2;
  return std::min(wait, max);
}

bool IsPermanent(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument || status.code() == absl::StatusCode::kFailedPrecondition;
}

absl::Status Explain(const absl::Status& status, const std::string& what) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

}  // namespace

bus::Message Feeder::Entry::message() const {
  const std::string_view all = bytes;
  bus::Message message;
  if (has_key) message.key = all.substr(id_size, key_size);
  message.body = all.substr(id_size + key_size, body_size);
  message.headers = bus::Headers(all.substr(id_size + key_size + body_size));
  message.timestamp_ms = timestamp_ms;
  return message;
}

Feeder::Feeder(FeederOptions options, Source* source, std::unique_ptr<bus::ProducerDriver> driver, Journal* journal,
               std::string checkpoint_path, const Clock* clock)
    : options_(std::move(options)),
      source_(source),
      producer_(std::move(driver)),
      journal_(journal),
      checkpoint_path_(std::move(checkpoint_path)),
      clock_(clock),
      slots_(options_.window_messages),
      lanes_(static_cast<size_t>(options_.partitions)) {
  MR_CHECK(options_.window_messages > 0 && options_.partitions > 0)
      << "a feed has a window and a topic with partitions";
}

Feeder::~Feeder() = default;

absl::Status Feeder::Start(From from) {
  absl::StatusOr<std::optional<Checkpoint>> loaded = LoadCheckpoint(checkpoint_path_);
  if (!loaded.ok()) return loaded.status();
  if (loaded->has_value() && journal_->bytes() < (*loaded)->journal_bytes) {
    return absl::DataLossError(absl::StrCat(
        "the journal holds ", journal_->bytes(), " bytes, but ", (*loaded)->journal_bytes, " were on the disk when ",
        checkpoint_path_,
        " was written: it was damaged or exchanged, and can't tell which jobs were accepted. Use a new output folder"));
  }
  if (from == From::kCheckpoint && loaded->has_value()) checkpoint_ = **loaded;
  if (absl::Status sought = source_->Seek(checkpoint_.position); !sought.ok()) return sought;
  saved_records_ = checkpoint_.records;
  checkpoint_.finished = false;
  saved_at_ = clock_->Now();
  return absl::OkStatus();
}

// ---------------------------------------------------------------- reading

void Feeder::Fill(const SourceRecord& record, Entry* entry) {
  headers_.clear();
  bus::HeaderBuilder headers(&headers_);
  bus::WriteEnvelope({.id = record.id,
                      .source = options_.source,
                      .type = record.type,
                      .subject = record.subject,
                      .content_type = record.content_type,
                      .root = record.id},
                     headers);
  headers.AddAll(record.headers);

  entry->state = State::kWaiting;
  entry->has_key = record.key.has_value();
  const std::string_view key = record.key.value_or(std::string_view());
  entry->id_size = static_cast<uint32_t>(record.id.size());
  entry->key_size = static_cast<uint32_t>(key.size());
  entry->body_size = static_cast<uint32_t>(record.body.size());
  entry->bytes.clear();
  entry->bytes.reserve(record.id.size() + key.size() + record.body.size() + headers_.size());
  entry->bytes.append(record.id).append(key).append(record.body).append(headers_);
  entry->position.assign(record.position);
  entry->timestamp_ms = clock_->Wall().ns / 1'000'000;
  if (entry->has_key) {
    entry->partition = bus::PartitionOfKey(key, options_.partitions);
    entry->key_digest = bus::Digest64(key);
  } else {
    entry->partition = static_cast<int32_t>(bus::Digest64(record.id) % static_cast<uint64_t>(options_.partitions));
  }
}

void Feeder::Add(const SourceRecord& record) {
  MR_CHECK(tail_ - head_ < slots_.size()) << "the source gave more records than it was asked for";
  const uint64_t number = tail_++;
  Entry& entry = At(number);
  Fill(record, &entry);
  ++stats_.read;
  stats_.bytes += record.body.size();
  window_bytes_used_ += entry.bytes.size();
  largest_read_ = std::max(largest_read_, entry.bytes.size());
  if (options_.settled != nullptr && options_.settled(record.id)) {
    ++stats_.skipped;
    Accept(&entry);
    return;
  }
  Lane& lane = lanes_[static_cast<size_t>(entry.partition)];
  lane.queue.push(number);
  MoveReady(&lane);
}

void Feeder::Read() {
  if (stopping_ || source_ended_ || !source_status_.ok() || now_ < source_retry_at_) return;
  size_t room = slots_.size() - static_cast<size_t>(tail_ - head_);
  if (window_bytes_used_ >= options_.window_bytes) return;
  // Records may all be as large as the largest seen lately.
  room =
      std::min({room, kReadMax, (options_.window_bytes - window_bytes_used_) / std::max<size_t>(largest_read_, 1) + 1});
  if (room == 0) return;

  largest_read_ = 0;
  const uint64_t before = tail_;
  const absl::StatusOr<bool> more = source_->Read(room, *this);
  const bool got = tail_ != before;
  if (!more.ok()) {
    if (more.status().code() == absl::StatusCode::kUnavailable) {
      trouble_ = more.status();
      source_retry_at_ = now_ + Backoff(options_.backoff_initial, options_.backoff_max, source_failures_++);
    } else {
      source_status_ = more.status();
    }
    return;
  }
  if (got && source_failures_ > 0) {
    source_failures_ = 0;
    trouble_ = absl::OkStatus();
  }
  source_ended_ = !*more;
  if (!got && !source_ended_) source_retry_at_ = now_ + kIdle;
  if (got || source_ended_) worked_ = true;
}

// ---------------------------------------------------------------- publishing

bool Feeder::KeyIsFree(const Entry& entry) const {
  return options_.gapless_publish || !entry.has_key ||
         !lanes_[static_cast<size_t>(entry.partition)].keys_out.contains(entry.key_digest);
}

void Feeder::MoveReady(Lane* lane) {
  if (lane->held) return;
  while (!lane->queue.empty() && KeyIsFree(At(lane->queue.front()))) {
    Entry& entry = At(lane->queue.front());
    entry.state = State::kReady;
    if (entry.has_key && !options_.gapless_publish) lane->keys_out.insert(entry.key_digest);
    ready_.push(lane->queue.pop());
  }
}

void Feeder::PublishReady() {
  while (!blocked_ && !ready_.empty()) {
    outgoing_.clear();
    for (size_t i = 0; i < std::min(ready_.size(), kPublishMax); ++i) {
      const Entry& entry = At(ready_[i]);
      outgoing_.push_back({.topic = 0, .partition = entry.partition, .message = entry.message()});
    }
    const bus::Producer::Taken taken = producer_.Publish(outgoing_);
    for (size_t i = 0; i < taken.count; ++i) {
      const uint64_t number = ready_.pop();
      Entry& entry = At(number);
      entry.state = State::kSent;
      ++lanes_[static_cast<size_t>(entry.partition)].outstanding;
      sent_.push({.number = number});
    }
    stats_.published += taken.count;
    if (taken.count > 0) worked_ = true;
    if (taken.count < outgoing_.size()) blocked_ = true;
  }
}

void Feeder::OnConfirmed(const bus::Confirm& confirm) {
  for (uint64_t token = confirm.first; token < confirm.first + confirm.count; ++token) {
    Sent& sent = sent_[token - base_token_];
    sent.answered = true;
    Answer(sent.number, confirm.status);
  }
  while (!sent_.empty() && sent_.front().answered) {
    sent_.pop();
    ++base_token_;
  }
  worked_ = true;
}

void Feeder::Answer(uint64_t number, const absl::Status& status) {
  Entry& entry = At(number);
  Lane& lane = lanes_[static_cast<size_t>(entry.partition)];
  --lane.outstanding;
  if (status.ok()) {
    lane.failures = 0;
    if (entry.has_key && !options_.gapless_publish) lane.keys_out.erase(entry.key_digest);
    Accept(&entry);
    MoveReady(&lane);
  } else if (IsPermanent(status)) {
    entry.state = State::kFailed;
    Fail(Explain(status, absl::StrCat("the bus refuses record ", std::string(entry.id()))));
  } else {
    entry.state = State::kFailed;
    lane.failed.push_back(number);
    trouble_ = status;
    HoldLane(entry.partition);
  }
  if (lane.held && lane.outstanding == 0 && lane.retry_at == MonotonicTime::Infinite()) {
    // Back-pressure passes sooner than an outage.
    const bool pressure = trouble_.code() == absl::StatusCode::kResourceExhausted;
    lane.retry_at = now_ + Backoff(pressure ? options_.backoff_initial / 10 : options_.backoff_initial,
                                   options_.backoff_max, lane.failures++);
  }
}

void Feeder::HoldLane(int32_t partition) {
  Lane& lane = lanes_[static_cast<size_t>(partition)];
  if (lane.held) return;
  lane.held = true;
  // What was about to be handed over goes back, in front of what was waiting: it must not overtake what failed.
  Ring<uint64_t> others, mine;
  while (!ready_.empty()) {
    const uint64_t number = ready_.pop();
    Entry& entry = At(number);
    if (entry.partition != partition) {
      others.push(number);
      continue;
    }
    entry.state = State::kWaiting;
    if (entry.has_key && !options_.gapless_publish) lane.keys_out.erase(entry.key_digest);
    mine.push(number);
  }
  ready_ = std::move(others);
  while (!lane.queue.empty()) mine.push(lane.queue.pop());
  lane.queue = std::move(mine);
}

void Feeder::ReleaseLanes() {
  for (Lane& lane : lanes_) {
    if (!lane.held || lane.retry_at > now_) continue;
    lane.held = false;
    lane.retry_at = MonotonicTime::Infinite();
    std::sort(lane.failed.begin(), lane.failed.end());
    for (uint64_t number : lane.failed) {
      At(number).state = State::kReady;
      ready_.push(number);
    }
    stats_.republished += lane.failed.size();
    lane.failed.clear();
    MoveReady(&lane);
    worked_ = true;
    const bool all_well = std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& l) { return l.held; });
    if (all_well && source_failures_ == 0) trouble_ = absl::OkStatus();
  }
}

// ---------------------------------------------------------------- the account

void Feeder::Accept(Entry* entry) {
  // What can't be written down is not accepted, and comes again.
  if (account_failed_) return;
  entry->state = State::kAccepted;
  journal_->Append(entry->id());
  ++stats_.accepted;
}

void Feeder::Advance() {
  while (head_ != tail_ && At(head_).state == State::kAccepted) {
    Entry& entry = At(head_++);
    window_bytes_used_ -= entry.bytes.size();
    checkpoint_.position.swap(entry.position);
    ++checkpoint_.records;
    dirty_ = true;
    if (entry.bytes.capacity() > kSlotBytesKept) std::string().swap(entry.bytes);
  }
}

void Feeder::Save(bool at_end) {
  if (absl::Status written = Write(at_end); !written.ok()) {
    account_failed_ = true;
    Fail(std::move(written));
  }
}

absl::Status Feeder::Write(bool at_end) {
  if (absl::Status flushed = journal_->Flush(); !flushed.ok())
    return Explain(flushed, "the feed stops: accepted jobs can't be written down");
  const bool due = dirty_ && (checkpoint_.records - saved_records_ >= options_.checkpoint_records ||
                              now_ >= saved_at_ + options_.checkpoint_interval);
  if (!due && !at_end) return absl::OkStatus();
  if (absl::Status synced = journal_->Sync(); !synced.ok())
    return Explain(synced, "the feed stops: accepted jobs can't be written down");
  checkpoint_.journal_bytes = journal_->bytes();
  checkpoint_.finished = source_ended_ && head_ == tail_;
  if (absl::Status saved = SaveCheckpoint(checkpoint_path_, checkpoint_); !saved.ok()) {
    return Explain(saved, "the feed stops: its checkpoint can't be written");
  }
  saved_records_ = checkpoint_.records;
  saved_at_ = now_;
  dirty_ = false;
  return absl::OkStatus();
}

void Feeder::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
  finished_ = true;
}

// ---------------------------------------------------------------- the loop's face

bool Feeder::Pump(MonotonicTime now) {
  if (finished_) return false;
  now_ = now;
  worked_ = false;
  producer_.Poll(*this);
  if (finished_) {  // refused for good: what was accepted before that counts all the same
    Advance();
    Save(/*at_end=*/true);
    return false;
  }
  ReleaseLanes();
  Read();
  PublishReady();
  Advance();
  const bool no_more = source_ended_ || stopping_ || !source_status_.ok();
  const bool at_end = no_more && head_ == tail_;
  Save(at_end);
  if (at_end && status_.ok()) {
    status_ = source_status_;
    finished_ = true;
  }
  return worked_ && !finished_;
}

MonotonicTime Feeder::NextTimer() const {
  if (finished_) return MonotonicTime::Infinite();
  MonotonicTime next = producer_.NextTimer();
  for (const Lane& lane : lanes_) next = std::min(next, lane.retry_at);
  if (dirty_) next = std::min(next, saved_at_ + options_.checkpoint_interval);
  const bool may_read = !stopping_ && !source_ended_ && source_status_.ok() && tail_ - head_ < slots_.size() &&
                        window_bytes_used_ < options_.window_bytes;
  if (may_read) next = std::min(next, source_retry_at_);
  return next;
}

absl::Status Feeder::Close(MonotonicTime deadline) {
  stopping_ = true;
  now_ = clock_->Now();
  const absl::Status closed = producer_.Close(*this, deadline);
  if (!account_failed_) {
    Advance();
    Save(/*at_end=*/true);
  }
  finished_ = true;
  if (!status_.ok()) return status_;
  if (head_ != tail_) {
    return absl::DeadlineExceededError(absl::StrCat(
        tail_ - head_, " records were read but are not accepted up to here; the next start publishes them again",
        closed.ok() ? "" : ": ", closed.message()));
  }
  return source_status_;
}

FeederStats Feeder::stats() const {
  FeederStats stats = stats_;
  stats.in_window = tail_ - head_;
  stats.checkpoint_records = saved_records_;
  stats.progress = source_->Progress();
  return stats;
}

}  // namespace millrace::stages
