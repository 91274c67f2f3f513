// A ConsumerDriver over a log broker: group membership (log_membership.h), where each partition starts, fetching in
// turn, committing what was settled.
//
//   LogConsumer consumer(options, {}, std::make_unique<LogDirectLink>(broker, waker), now);
//   consumer.Advance(now);
//   consumer.Poll(handler);          // everything is told in here
//
// How it keeps its promises:
//   * A partition starts at the group's committed offset; where there is none, at the start of the log, explicitly.
//   * Revoked partitions are given back only after Release (or the deadline) and after the answers to their commits:
//   eager groups give up all before
//     they join again, cooperative ones only what moves.
//   * A commit that a rebalance refuses is sent again once we are in again, if the partition is still held under the
//   same epoch. Commits of one
//     partition go out in order and are never repeated after a later one.
//   * Offsets that hold no record are stepped over; once nothing is in flight they are committed too, so that lag
//   reaches 0.
//   * What retention destroyed before the group had settled it is told as DataLoss.
//   * Each commit carries the partition's note along, as it replaces the broker's.
//   * A transactional one commits nothing: what it is asked to settle goes along with its producer's transactions, which
//   the broker fences. What it has stepped over goes along with what is settled next.
//
// Effect, errors: bus/driver.h. OnTrouble(FailedPrecondition or InvalidArgument) is final: fenced, an unknown topic, a group
// that rebalances otherwise, a session time-out that the broker does not allow. Threading: one thread at a time. Handlers may call Settle, Flow and Release from inside their
// calls, but not Poll or Close. Blocking: nothing blocks. Over links with a delay, StartClose and Poll until closed()
// before Close.
#ifndef MILLRACE_BUS_MEMORY_LOG_CONSUMER_H_
#define MILLRACE_BUS_MEMORY_LOG_CONSUMER_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "bus/driver.h"
#include "bus/memory/log_membership.h"
#include "bus/memory/log_wire.h"
#include "bus/memory/queue_ring.h"
#include "bus/memory/troubles.h"

namespace millrace::bus {

struct LogConsumerOptions {
  Duration rebalance_timeout =
      std::chrono::minutes(5);         // max.poll.interval.ms: how long the group waits for us to join again
  bool session_is_connection = false;  // see LogJoin
  // How long this instance stays away after a partition was released unasked.
  Duration away_time = std::chrono::seconds(10);
  Duration reconnect_min = std::chrono::milliseconds(100);
  Duration reconnect_max = std::chrono::seconds(5);
  Duration retry_backoff = std::chrono::milliseconds(100);
  // Commits what was *delivered*, on a timer, finished or not: loses jobs. Here to show that. 0: off.
  Duration auto_commit_interval = Duration::zero();
};

class LogConsumer : public ConsumerDriver, private LogMembership::Host {
 public:
  LogConsumer(const ConsumerOptions& options, const LogConsumerOptions& log_options, std::unique_ptr<LogLink> link,
              MonotonicTime now);
  ~LogConsumer() override;

  // Time, before any other call; never goes back.
  void Advance(MonotonicTime now) { now_ = now; }

  void Poll(ConsumerHandler& handler) override;
  MonotonicTime NextTimer() const override;
  void Settle(const struct Settle& settle) override;
  void Flow(Holding holding, bool on) override;
  void Release(Holding holding) override;
  // What can be had without waiting: see StartClose.
  absl::Status Close(MonotonicTime deadline) override;
  TransactionOffsets Prepare(std::span<const struct Settle> settles) override;

  // What a client library does in a thread of its own while nobody polls, as when the caller is stuck: heartbeats go out and
  // are answered, and what else comes waits for the next Poll. After LogConsumerOptions::rebalance_timeout without a Poll
  // it leaves the group, which the next Poll tells as lost (Kafka: max.poll.interval.ms, KIP-62). It does not connect anew.
  void KeepAlive();

  // Begins to leave: settlements are committed, then the group is told. Poll until closed(). TryClose does both,
  // telling nobody.
  void StartClose();
  bool TryClose();
  bool closed() const { return phase_ == Phase::kClosed; }

  // What waits for what, for people; empty where nothing waits.
  std::string Pending() const;
  const LogMembership& membership() const { return membership_; }
  size_t held() const;

 private:
  enum class Phase : uint8_t { kRunning, kClosing, kLeaving, kClosed };
  enum class SlotState : uint8_t {
    kFree,      // not ours
    kStarting,  // ours; where to start is being asked
    kHeld,      // told as assigned
    kRevoking,  // told as revoking
    kReleased,  // given back by the caller; its commits may be under way
  };
  // One partition as we see it. Fixed places: slot_base_[topic] + number.
  struct Slot {
    Partition partition;  // by subscription
    SlotState state = SlotState::kFree;
    bool flow = true;
    bool queued = false;      // in to_fetch_
    bool settling = false;    // in to_commit_
    bool dirty = false;       // settled, and no commit under way says so
    bool checking = false;    // out of range: finding out what that means
    bool reassigned = false;  // ours again as soon as it is given back
    Epoch epoch = 0;
    uint64_t fetch_id = 0;       // under way; 0: none
    int64_t position = 0;        // next to fetch
    int64_t delivered = 0;       // last delivered + 1
    int64_t settled = 0;         // to be committed
    int64_t committed = -1;      // known to be committed in this epoch
    int64_t prepared = 0;        // transactional: on its way in a transaction
    uint32_t commits = 0;        // under way
    uint32_t notes_waiting = 0;  // settlements with a note that no commit under way carries
    MonotonicTime deadline;      // kRevoking
    std::string note;
    std::string note_taken;  // the last one that the broker has taken
    LogEvent stash;          // came while flow was off
    Holding holding() const { return {partition, epoch}; }
    bool held() const { return state == SlotState::kHeld || state == SlotState::kRevoking; }
  };
  struct CommitUnderWay {
    uint64_t id = 0;
    uint32_t slot = 0;
    Epoch epoch = 0;
    int64_t offset = 0;
    uint32_t notes = 0;  // where there are any, the text is in commit_notes_
  };

  // LogMembership::Host
  void OnMustRejoin() override;
  void OnAssignment(const std::vector<Partition>& partitions) override;
  void OnOut(const absl::Status& why, bool fatal) override;
  void OnLeft() override;

  void Receive();  // into events_

  // log_consumer_replies.cc: what the broker says.
  void Handle(LogEvent& event);
  void OnConnected();
  void OnDisconnected();
  void OnMetadata(const LogEvent& event);
  void OnOffsets(const LogEvent& event);
  void OnStart(Slot& slot, const LogOffsets& offsets);
  void OnRangeChecked(Slot& slot, const LogOffsets& offsets);
  void OnFetched(LogEvent& event);
  void Deliver(Slot& slot, LogEvent& event);
  void WantFetch(Slot& slot);

  // log_consumer_commits.cc: settlements on their way to the broker. What is settled inside Poll goes out together, before
  // Poll looks for answers again.
  void CommitAll();
  void SendCommit(Slot& slot);
  // Into a request that says nothing yet. False where there is nothing to say.
  bool PrepareCommit(Slot& slot, LogRequest& request);
  bool CanCommit(const Slot& slot) const;
  void OnCommitted(const LogEvent& event);
  void OnCommitAnswered(const LogEvent& event);
  void AnswerNotes(Holding holding, uint32_t count, const absl::Status& status);
  static absl::Status Stale();

  // log_consumer_steps.cc: what is due, and what has become possible. Cheap while nothing but deliveries and
  // settlements happens.
  void Step();
  void StepConnection();
  void StepRevoking();
  void StepMembership();
  void StepOffsets();
  void StepCommits();
  void StepClose();
  void AutoCommit();
  void FetchAll();
  // Something else than a delivery or a settlement happened: the next Step looks at everything.
  void Attend() { attention_ = true; }
  void AtLatest(MonotonicTime time) { wake_at_ = std::min(wake_at_, time); }

  void Revoke(Slot& slot);
  // Not ours any more; settlements with a note that no commit carries are answered with `notes`.
  void Free(Slot& slot, const absl::Status& notes);
  void LoseAll();
  // Whether a partition is on its way back.
  bool GivingBack() const;
  void TellAll() {
    if (!troubles_.empty() || !revoking_.empty() || !lost_.empty() || !noted_.empty() || !assigned_.empty()) Tell();
  }
  void Tell();
  Slot* SlotOf(Holding holding);
  Slot* SlotOfBroker(Partition partition);
  Partition BrokerPartition(const Slot& slot) const {
    return {topic_ids_[static_cast<size_t>(slot.partition.topic)], slot.partition.number};
  }
  std::string NameOfSlot(const Slot& slot) const;

  // The time up to which whoever has to give something back may take.
  MonotonicTime RevokeDeadline() const { return now_ + options_.revoke_timeout; }

  const ConsumerOptions options_;
  const LogConsumerOptions log_options_;
  std::unique_ptr<LogLink> link_;
  MonotonicTime now_;
  LogMembership membership_;
  Phase phase_ = Phase::kRunning;

  bool connected_ = false;
  bool connecting_ = false;
  uint32_t failures_ = 0;
  MonotonicTime connect_at_;
  bool failed_ = false;  // for good

  std::vector<int32_t> topic_ids_;  // the broker's, by subscription; empty until known
  std::vector<size_t> slot_base_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> to_fetch_;  // slots, in turn
  std::vector<uint32_t> fetching_;
  std::vector<uint32_t> to_commit_;   // slots
  std::vector<LogRequest> requests_;  // scratch
  Epoch last_epoch_ = 0;

  uint64_t next_id_ = uint64_t{1} << 32;  // above those of the membership
  uint64_t metadata_id_ = 0;
  uint64_t offsets_id_ = 0;
  MonotonicTime offsets_at_;  // not before: after an error
  Ring<CommitUnderWay> commits_;
  Ring<std::string> commit_notes_;  // of those with notes, in their order
  MonotonicTime commit_at_;         // not before: after an error
  MonotonicTime auto_commit_at_ = MonotonicTime::Infinite();

  bool give_up_ = false;  // leaves, to come back later
  MonotonicTime join_at_;
  bool ask_offsets_ = false;
  bool settlements_lost_ = false;  // while closing: settled, and not surely taken by the broker
  bool attention_ = true;
  bool due_ = false;  // there is something to fetch at the next Poll
  MonotonicTime wake_at_ = MonotonicTime::Infinite();

  bool in_poll_ = false;
  MonotonicTime polled_at_;
  std::vector<LogEvent> events_;
  std::vector<LogEvent> waiting_;     // came while nobody polled
  std::vector<Assignment> assigned_;  // to be told
  std::vector<Holding> revoking_;
  std::vector<Holding> lost_;
  std::vector<std::pair<Holding, absl::Status>> noted_;
  Troubles troubles_;
  bool unwell_ = false;  // told Unavailable, and not OK since
  ConsumerHandler* handler_ = nullptr;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_CONSUMER_H_
