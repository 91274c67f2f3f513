// A consumer's side of its group: joins, takes part in rebalances (as leader too), sends heartbeats, leaves. What it
// holds is its host's business.
//
//   kOut ─Join→ kJoining ─→ kSyncing ─→ kIn ─OnMustRejoin, host: Join→ kJoining …
//
// Threading: one thread at a time; host calls come from inside OnReply and Step only.
#ifndef MILLRACE_BUS_MEMORY_LOG_MEMBERSHIP_H_
#define MILLRACE_BUS_MEMORY_LOG_MEMBERSHIP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

struct LogMembershipOptions {
  std::string group;
  std::string static_id;  // empty: dynamic membership
  bool cooperative = false;
  Duration session_timeout = std::chrono::seconds(45);
  Duration rebalance_timeout = std::chrono::minutes(5);
  Duration heartbeat_interval = std::chrono::seconds(3);
  Duration retry_backoff = std::chrono::milliseconds(100);
  bool session_is_connection = false;  // see LogJoin
};

class LogMembership {
 public:
  enum class State : uint8_t { kOut, kJoining, kSyncing, kIn, kLeaving, kFailed };

  class Host {
   public:
    virtual ~Host() = default;
    // The group wants everybody to join again: call Join when what has to be given up before is given up.
    virtual void OnMustRejoin() = 0;
    // We are in, and these are ours.
    virtual void OnAssignment(const std::vector<Partition>& partitions) = 0;
    // What was ours may be somebody else's already. Join again, unless `fatal`.
    virtual void OnOut(const absl::Status& why, bool fatal) = 0;
    virtual void OnLeft() = 0;
  };

  LogMembership(const LogMembershipOptions& options, LogLink& link, Host& host)
      : options_(options), link_(link), host_(host) {}

  // Asks to join, holding `owned`. From kOut or kIn, while connected.
  void Join(const std::vector<int32_t>& topics, const std::vector<Partition>& owned, MonotonicTime now);
  // For cooperative members that have given partitions back: must_rejoin() until they join.
  void WantRejoin() { must_rejoin_ = state_ == State::kIn; }
  // Leaves; static members just stop. OnLeft follows, at once where there is nothing to wait for.
  void Leave(MonotonicTime now);

  void OnConnected(MonotonicTime now);
  // Requests under way are void; who was joining is out, who is in stays in until the session's time is up.
  void OnDisconnected();
  void OnReply(LogEvent& event, MonotonicTime now);
  // Whoever sees the answer to another request of this member tells it here: generation and membership may be over.
  void OnError(LogError error, int32_t generation);
  // Heartbeats and time-outs that are due. True: the server has been silent for a session's length, the connection
  // should be made anew.
  bool Step(MonotonicTime now);
  MonotonicTime NextTimer() const;

  // What goes on in a client library's own thread while nobody calls Step: heartbeats. Takes in answers to them and calls
  // no host; false: this one is for OnReply, later.
  void KeepAlive(MonotonicTime now);
  bool TakeSignOfLife(LogEvent& event);
  // Nobody has called Step for too long: leaves (static members fall silent); the next Step finds that we are out.
  void StopUnpolled(MonotonicTime now);

  State state() const { return state_; }
  // Whether a commit has a chance: it has until the group is between two generations, which a member that waits for
  // others to join cannot know.
  bool CanCommit() const {
    return connected_ && generation_ >= 0 && (state_ == State::kIn || state_ == State::kJoining);
  }
  bool must_rejoin() const { return must_rejoin_; }
  const std::string& member() const { return member_; }
  const std::string& static_id() const { return options_.static_id; }
  const std::string& group() const { return options_.group; }
  int32_t generation() const { return generation_; }
  bool leader() const { return leader_; }

 private:
  void SendJoin(MonotonicTime now);
  void OnJoined(LogEvent& event, MonotonicTime now);
  void OnSynced(LogEvent& event, MonotonicTime now);
  void Out(LogError error);
  void MustRejoin();
  void Beat(MonotonicTime now);
  LogRequest Request(LogMethod method, uint64_t& id);

  const LogMembershipOptions options_;
  LogLink& link_;
  Host& host_;
  State state_ = State::kOut;
  bool connected_ = false;
  bool must_rejoin_ = false;
  bool leader_ = false;
  bool unpolled_ = false;  // see StopUnpolled
  // A static member of a cooperative group may be given its predecessor's assignment without a rebalance. Had that one
  // owed the group another, to hand on what it had been told to give back, nobody else would ask for it: so we do, once
  // we are in.
  bool join_twice_ = false;
  std::string member_;
  int32_t generation_ = -1;
  LogJoin join_;
  uint64_t next_id_ = 1;
  uint64_t join_id_ = 0;  // 0: none under way; so for the others
  uint64_t sync_id_ = 0;
  uint64_t heartbeat_id_ = 0;
  uint64_t leave_id_ = 0;
  MonotonicTime retry_at_ = MonotonicTime::Infinite();  // of a join
  MonotonicTime heartbeat_at_ = MonotonicTime::Infinite();
  MonotonicTime heartbeat_sent_;
  MonotonicTime session_ends_ = MonotonicTime::Infinite();
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_MEMBERSHIP_H_
