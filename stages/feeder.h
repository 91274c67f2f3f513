// Carries records from a source onto the bus, and keeps the account of it: a job is accepted when the broker has
// confirmed it; then its id goes into the journal, and the checkpoint moves behind it once everything before it is
// accepted too.
//
//   Feeder feeder({.source = "/orders/feed", .partitions = 8}, source, std::move(driver), journal, checkpoint, clock);
//   if (absl::Status s = feeder.Start(Feeder::From::kCheckpoint); !s.ok()) return s;
//   while (!feeder.Finished()) {
//     if (!feeder.Pump(clock.Now())) waker.WaitUntil(feeder.NextTimer());
//   }
//   absl::Status result = feeder.Close(clock.Now() + std::chrono::seconds(10));
//
// What holds, wherever the process dies:
//   - every id in the journal was confirmed by the broker before;
//   - everything before the checkpoint is in the journal, on the disk: journal first, then checkpoint;
//   - what is behind the checkpoint is read and published again at the next start, under the same ids:
//     duplicates, no losses.
// A bus that dies with the process (mem:) has lost what was on it: start with From::kBeginning and a `settled` that
// knows the jobs that had ended.
//
// Order: per key, the first copies of records go out in the source's order. After a failed publish the partition waits
// until all it has out is answered and backs off; what failed is then published again in order, before anything new.
// Where the backend is not gapless one record per key is out at a time. Memory: the window (records read and not yet
// accepted up to the checkpoint's place) is bounded in messages and bytes.
//
// Errors      outages of bus or source are waited out (trouble() says which). What can't get better ends the feed, and
//             status() says why: a journal or checkpoint that can't be written (disk full, read-only), a source that is
//             not what it was, a record or topic that the broker refuses. Nothing is journaled after a journal error.
// Blocking    Pump waits for nothing but the disk; Close up to its deadline.
// Threading   one thread at a time.
// Ownership   owns the driver; source, journal and clock outlive it.
#ifndef MILLRACE_STAGES_FEEDER_H_
#define MILLRACE_STAGES_FEEDER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/producer.h"
#include "stages/checkpoint.h"
#include "stages/journal.h"
#include "stages/ring.h"
#include "stages/source.h"

namespace millrace::stages {

struct FeederOptions {
  std::string source;             // ce_source of the jobs, "/<pipeline>/<source>"
  int32_t partitions = 1;         // of the topic; the driver's only topic
  bool gapless_publish = false;   // the backend's capability
  size_t window_messages = 4096;  // at least 1
  size_t window_bytes = 8 << 20;
  uint64_t checkpoint_records = 50'000;  // a checkpoint after that many, or
  Duration checkpoint_interval = std::chrono::seconds(1);
  Duration backoff_initial = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(30);
  // Whether the job of this id is known to have ended: then it is accepted as it stands, and not published again. May
  // be null.
  std::function<bool(std::string_view id)> settled = nullptr;
};

struct FeederStats {
  uint64_t read = 0;         // records taken from the source since Start
  uint64_t published = 0;    // messages handed to the bus, repeats included
  uint64_t accepted = 0;     // confirmed since Start, or skipped
  uint64_t skipped = 0;      // not published, because `settled` knew them
  uint64_t republished = 0;  // handed over again after a failure
  uint64_t bytes = 0;        // of the records read
  uint64_t in_window = 0;
  uint64_t checkpoint_records = 0;  // from the beginning of the input to the saved checkpoint
  std::optional<double> progress;   // of reading, 0 … 1
};

class Feeder final : private bus::ProducerHandler, private SourceSink {
 public:
  enum class From { kCheckpoint, kBeginning };

  Feeder(FeederOptions options, Source* source, std::unique_ptr<bus::ProducerDriver> driver, Journal* journal,
         std::string checkpoint_path, const Clock* clock);
  ~Feeder() override;

  // Call first, once. DataLoss: the journal is shorter than the checkpoint says. InvalidArgument: the checkpoint is
  // damaged, or the input is not what it was.
  absl::Status Start(From from);

  // One step: learn confirms, write journal and checkpoint, publish, read. True when another step may do more at once;
  // else wait for a Wake of the driver's waker or NextTimer().
  bool Pump(MonotonicTime now);
  MonotonicTime NextTimer() const;

  // Reads nothing more: Finished once everything read is accepted and checkpointed.
  void Stop() { stopping_ = true; }
  // Nothing is left to do: the end of the source was reached, or Stop, or an error.
  bool Finished() const { return finished_; }
  // Why the feed ended; OK while it runs and at its good end.
  const absl::Status& status() const { return status_; }
  // What is being waited out; OK where nothing is.
  const absl::Status& trouble() const { return trouble_; }

  // Waits for what is out, at most until `deadline`, and writes the last checkpoint. status(), or DeadlineExceeded
  // where records are left unconfirmed (they will be published again). Call once.
  absl::Status Close(MonotonicTime deadline);

  FeederStats stats() const;

 private:
  enum class State : uint8_t { kWaiting, kReady, kSent, kFailed, kAccepted };
  // A record in the window. Its memory is reused.
  struct Entry {
    State state = State::kWaiting;
    bool has_key = false;
    int32_t partition = 0;
    uint32_t id_size = 0, key_size = 0, body_size = 0;
    uint64_t key_digest = 0;
    int64_t timestamp_ms = 0;
    std::string bytes;  // id, key, body, header block
    std::string position;

    std::string_view id() const { return std::string_view(bytes).substr(0, id_size); }
    bus::Message message() const;
  };
  struct Lane {
    uint32_t outstanding = 0;
    bool held = false;  // something failed: nothing new goes out
    uint32_t failures = 0;
    MonotonicTime retry_at = MonotonicTime::Infinite();
    std::vector<uint64_t> failed;
    Ring<uint64_t> queue;                    // not yet ready, in order
    absl::flat_hash_set<uint64_t> keys_out;  // digests of keys that are ready, sent or failed; only where not gapless
  };
  struct Sent {
    uint64_t number = 0;
    bool answered = false;
  };

  void Add(const SourceRecord& record) override;
  void OnConfirmed(const bus::Confirm& confirm) override;
  void OnWritable() override { blocked_ = false; }

  Entry& At(uint64_t number) { return slots_[number % slots_.size()]; }
  void Fill(const SourceRecord& record, Entry* entry);
  void Answer(uint64_t number, const absl::Status& status);
  void Accept(Entry* entry);
  void HoldLane(int32_t partition);
  void ReleaseLanes();
  void MoveReady(Lane* lane);
  bool KeyIsFree(const Entry& entry) const;
  void Read();
  void PublishReady();
  void Advance();
  void Save(bool at_end);
  absl::Status Write(bool at_end);
  void Fail(absl::Status status);

  const FeederOptions options_;
  Source* const source_;
  bus::Producer producer_;
  Journal* const journal_;
  const std::string checkpoint_path_;
  const Clock* const clock_;

  MonotonicTime now_;
  std::vector<Entry> slots_;  // entries head_ … tail_ - 1, by number modulo the window
  uint64_t head_ = 0, tail_ = 0;
  size_t window_bytes_used_ = 0;
  size_t largest_read_ = 0;  // bytes of the largest record in the last read
  std::vector<Lane> lanes_;
  Ring<uint64_t> ready_;  // in the order to hand over
  Ring<Sent> sent_;       // by token from base_token_
  uint64_t base_token_ = 1;
  std::vector<bus::Outgoing> outgoing_;
  std::string headers_;

  Checkpoint checkpoint_;  // behind the accepted prefix; saved_records_ and saved_at_ of the one on the disk
  uint64_t saved_records_ = 0;
  bool dirty_ = false;
  MonotonicTime saved_at_;

  MonotonicTime source_retry_at_;
  uint32_t source_failures_ = 0;
  bool blocked_ = false;
  bool source_ended_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  bool worked_ = false;
  bool account_failed_ = false;  // journal or checkpoint could not be written
  absl::Status status_, source_status_, trouble_;
  FeederStats stats_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_FEEDER_H_
