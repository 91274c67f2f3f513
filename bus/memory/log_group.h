// The coordinator's side of one consumer group: who is in it, in which generation, who waits for what. Kafka's classic
// protocol, with static members (KIP-345), member ids asked for before joining (KIP-394), and committed offsets with
// notes.
//
//   Empty ─join→ PreparingRebalance ─all joined, or time is up→ CompletingRebalance ─leader's sync→ Stable ─join,
//   leave, time-out→ Preparing…
//
// Pure: requests and time come in, answers go into `answers`, for the broker to deliver. A join waits until everybody
// has joined, a sync until the leader's has come.
//
// What it does not check is on purpose, as a real broker does not either: a commit is taken from any current member for
// any partition, owned or not. In CompletingRebalance it is refused with kRebalanceInProgress, in PreparingRebalance
// taken.
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_MEMORY_LOG_GROUP_H_
#define MILLRACE_BUS_MEMORY_LOG_GROUP_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bus/clock.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

using LogConnectionId = uint64_t;  // 0: none

struct LogGroupOptions {
  // How long the first join of an empty group waits for others (group.initial.rebalance.delay.ms).
  Duration initial_rebalance_delay = Duration::zero();
  // A first join without a member id is answered with one, and nothing else.
  bool require_member_id = true;
  // What a session time-out may be; kInvalidSessionTimeout outside.
  Duration session_timeout_min = Duration::zero();
  Duration session_timeout_max = std::chrono::minutes(30);
};

class LogGroup {
 public:
  enum class State : uint8_t { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };
  struct Answer {
    LogConnectionId connection = 0;
    LogEvent event;
  };
  struct Committed {
    int64_t offset = -1;  // -1: none
    std::string note;
  };

  LogGroup(std::string name, const LogGroupOptions& options) : name_(std::move(name)), options_(options) {}

  // The four requests of a member. The answer goes into `answers` now or in a later call; `request` is kJoin, kSync,
  // kHeartbeat or kLeave.
  void Handle(LogConnectionId connection, const LogRequest& request, MonotonicTime now, std::vector<Answer>& answers);
  // Whether a commit of (member, instance, generation) is taken; it counts as a sign of life.
  LogError CheckCommit(const LogRequest& request, MonotonicTime now);
  // The same for one that is part of a transaction: between two generations a member of the new one may.
  LogError CheckTransactionalCommit(const LogRequest& request, MonotonicTime now);
  // Whether anybody has ever joined or committed.
  bool Used() const { return generation_ > 0 || !members_.empty() || !CommittedPartitions().empty(); }
  // Ends the group where nobody is in it: kDead from then on.
  LogError Delete();

  // The client's end of a connection is gone. Dynamic members that made it their session are out at once; others when
  // their session's time is up.
  void ConnectionGone(LogConnectionId connection, MonotonicTime now, std::vector<Answer>& answers);
  // The coordinator goes away: who waits is told so.
  void Unloaded(std::vector<Answer>& answers);
  // It is back, from a restart or a move: nobody waits any more, sessions start again.
  void Reloaded(MonotonicTime now);

  // It is back, and knows of no member any more: who says something is told so, and has to join again.
  void Forgotten(std::vector<Answer>& answers);

  void Advance(MonotonicTime now, std::vector<Answer>& answers);
  // Never later than what is due next; may be earlier.
  MonotonicTime NextTimer() const { return next_timer_; }

  void Commit(Partition partition, int64_t offset, std::string_view note);
  const Committed& CommittedOf(Partition partition) const;
  // All that were committed, in order of partitions.
  std::vector<Partition> CommittedPartitions() const;

  const std::string& name() const { return name_; }
  State state() const { return state_; }
  int32_t generation() const { return generation_; }
  const std::string& leader() const { return leader_; }
  const std::string& protocol() const { return protocol_; }
  std::vector<std::string> Members() const;

 private:
  struct Waiting {
    LogConnectionId connection = 0;  // 0: does not wait
    uint64_t id = 0;
    explicit operator bool() const { return connection != 0; }
  };
  struct Member {
    std::string id;
    std::string instance;
    LogJoin join;  // as last sent
    LogConnectionId connection = 0;
    Waiting joining;
    Waiting syncing;
    bool owes_sync = false;  // has the answer to its join and has not asked for the assignment
    uint64_t order = 0;      // of its arrival
    std::vector<Partition> assignment;
    MonotonicTime expires;
  };

  // log_group_join.cc
  void Join(LogConnectionId connection, const LogRequest& request, MonotonicTime now, std::vector<Answer>& answers);
  LogError CheckJoin(const LogJoin& join, const Member* self) const;
  void JoinNew(LogConnectionId connection, const LogRequest& request, MonotonicTime now, std::vector<Answer>& answers);
  void ReplaceStatic(Member& old, LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                     std::vector<Answer>& answers);
  void JoinAgain(Member& member, LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                 std::vector<Answer>& answers);
  Member& AddMember(std::string id, LogConnectionId connection, const LogRequest& request, MonotonicTime now);
  void AnswerJoin(Member& member, std::vector<Answer>& answers);
  void PrepareRebalance(MonotonicTime now, std::vector<Answer>& answers);
  void MaybeCompleteJoin(MonotonicTime now, std::vector<Answer>& answers);
  void CompleteJoin(MonotonicTime now, std::vector<Answer>& answers);
  std::string CommonProtocol() const;

  void Sync(LogConnectionId connection, const LogRequest& request, MonotonicTime now, std::vector<Answer>& answers);
  void Heartbeat(LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                 std::vector<Answer>& answers);
  void Leave(LogConnectionId connection, const LogRequest& request, MonotonicTime now, std::vector<Answer>& answers);
  void AnswerSync(Member& member, std::vector<Answer>& answers);
  void AnswerError(LogConnectionId connection, uint64_t id, LogMethod method, LogError error,
                   std::vector<Answer>& answers) const;
  void Remove(const std::string& id, MonotonicTime now, std::vector<Answer>& answers);

  // The member that a request speaks for, or why there is none.
  LogError Find(const LogRequest& request, Member** found);
  Member* FindInstance(std::string_view instance);
  void Alive(Member& member, MonotonicTime now);
  void UpdateTimer();

  const std::string name_;
  const LogGroupOptions options_;
  State state_ = State::kEmpty;
  int32_t generation_ = 0;
  std::string protocol_;
  std::string leader_;
  uint64_t arrivals_ = 0;
  std::map<std::string, Member, std::less<>> members_;
  // Given an id and not come back with it yet: until when, and over which connection.
  struct Pending {
    MonotonicTime expires;
    LogConnectionId connection = 0;
  };
  std::map<std::string, Pending, std::less<>> pending_;
  MonotonicTime rebalance_ends_ = MonotonicTime::Infinite();  // Preparing
  MonotonicTime rebalance_opens_;                             // Preparing: not complete before (initial delay)
  MonotonicTime sync_ends_ = MonotonicTime::Infinite();       // Completing, Stable: who owes a sync then is out
  MonotonicTime next_timer_ = MonotonicTime::Infinite();
  std::vector<std::vector<Committed>> committed_;  // by topic, partition
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_GROUP_H_
