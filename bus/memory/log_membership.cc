#include "bus/memory/log_membership.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "bus/memory/assignor.h"

namespace millrace::bus {

LogRequest LogMembership::Request(LogMethod method, uint64_t& id) {
  id = next_id_++;
  return {.method = method,
          .id = id,
          .generation = generation_,
          .group = options_.group,
          .member = member_,
          .instance = options_.static_id};
}

void LogMembership::Join(const std::vector<int32_t>& topics, const std::vector<Partition>& owned, MonotonicTime now) {
  MR_CHECK(connected_ && (state_ == State::kOut || state_ == State::kIn)) << "a join while connected and not under way";
  join_.protocols = {std::string(options_.cooperative ? kCooperativeStickyProtocol : kRangeProtocol)};
  join_.session_timeout = options_.session_timeout;
  join_.rebalance_timeout = options_.rebalance_timeout;
  join_.session_is_connection = options_.session_is_connection;
  join_.topics = topics;
  join_.owned = owned;
  join_.owned_generation = state_ == State::kIn ? generation_ : -1;
  if (state_ == State::kOut) join_twice_ = options_.cooperative && !options_.static_id.empty();
  SendJoin(now);
}

void LogMembership::SendJoin(MonotonicTime now) {
  state_ = State::kJoining;
  must_rejoin_ = false;
  retry_at_ = heartbeat_at_ = MonotonicTime::Infinite();
  heartbeat_id_ = sync_id_ = 0;
  LogRequest request = Request(LogMethod::kJoin, join_id_);
  request.join = &join_;
  link_.Send(request, now);
}

void LogMembership::Leave(MonotonicTime now) {
  const bool nothing_to_say = !connected_ || member_.empty() || !options_.static_id.empty() || state_ == State::kFailed;
  if (state_ != State::kFailed) state_ = State::kLeaving;
  must_rejoin_ = false;
  retry_at_ = heartbeat_at_ = session_ends_ = MonotonicTime::Infinite();
  join_id_ = sync_id_ = heartbeat_id_ = 0;
  if (nothing_to_say) {
    if (state_ == State::kLeaving) state_ = State::kOut;
    host_.OnLeft();
    return;
  }
  link_.Send(Request(LogMethod::kLeave, leave_id_), now);
}

void LogMembership::OnConnected(MonotonicTime now) {
  connected_ = true;
  // Tell the group that we are still there, and learn whether we are.
  if (state_ == State::kIn) heartbeat_at_ = now;
}

void LogMembership::OnDisconnected() {
  connected_ = false;
  join_id_ = sync_id_ = heartbeat_id_ = 0;
  retry_at_ = heartbeat_at_ = MonotonicTime::Infinite();
  if (options_.session_is_connection && state_ != State::kLeaving && state_ != State::kFailed && !member_.empty()) {
    Out(LogError::kUnknownMember);
    return;
  }
  if (state_ == State::kJoining || state_ == State::kSyncing) {
    // In cooperative groups we still hold what we held. Join again with it.
    state_ = generation_ >= 0 ? State::kIn : State::kOut;
    if (state_ == State::kIn) MustRejoin();
  } else if (state_ == State::kLeaving) {
    state_ = State::kOut;
    leave_id_ = 0;
    host_.OnLeft();
  }
}

void LogMembership::MustRejoin() {
  if (must_rejoin_) return;
  must_rejoin_ = true;
  host_.OnMustRejoin();
}

void LogMembership::OnReply(LogEvent& event, MonotonicTime now) {
  switch (event.method) {
    case LogMethod::kJoin:
      if (event.id == join_id_) OnJoined(event, now);
      return;
    case LogMethod::kSync:
      if (event.id == sync_id_) OnSynced(event, now);
      return;
    case LogMethod::kHeartbeat:
      if (event.id != 0 && event.id != heartbeat_id_) return;
      if (event.id == heartbeat_id_) heartbeat_id_ = 0;
      if (event.error == LogError::kNone || event.error == LogError::kRebalanceInProgress) {
        session_ends_ = heartbeat_sent_ + options_.session_timeout;
      }
      OnError(event.error, generation_);
      return;
    case LogMethod::kLeave:
      if (event.id != leave_id_) return;
      leave_id_ = 0;
      state_ = State::kOut;
      member_.clear();
      generation_ = -1;
      host_.OnLeft();
      return;
    default:
      return;
  }
}

void LogMembership::OnJoined(LogEvent& event, MonotonicTime now) {
  join_id_ = 0;
  switch (event.error) {
    case LogError::kNone:
      break;
    case LogError::kMemberIdRequired:
      member_ = event.detail->member;
      SendJoin(now);
      return;
    case LogError::kCoordinatorUnavailable:
    case LogError::kRebalanceInProgress:
      retry_at_ = now + options_.retry_backoff;
      return;
    default:
      Out(event.error);
      return;
  }
  LogDetail& detail = *event.detail;
  member_ = detail.member;
  generation_ = event.generation;
  leader_ = detail.leader == member_;
  state_ = State::kSyncing;
  session_ends_ = now + options_.session_timeout;
  std::vector<LogMemberAssignment> assignments;
  if (leader_) {
    std::vector<TopicPartitions> topics;
    for (const LogTopicInfo& topic : detail.topics) topics.push_back({topic.id, topic.partitions});
    const bool cooperative = detail.protocol == kCooperativeStickyProtocol;
    PartitionLists lists =
        cooperative ? AssignCooperative(detail.members, topics) : AssignRange(detail.members, topics);
    for (size_t i = 0; i < lists.size(); ++i) assignments.push_back({detail.members[i].id, std::move(lists[i])});
  }
  LogRequest request = Request(LogMethod::kSync, sync_id_);
  request.assignments = assignments;
  link_.Send(request, now);
}

void LogMembership::OnSynced(LogEvent& event, MonotonicTime now) {
  sync_id_ = 0;
  if (event.error == LogError::kRebalanceInProgress) {
    // Others joined meanwhile: everybody once more.
    state_ = State::kIn;
    heartbeat_at_ = options_.session_is_connection ? MonotonicTime::Infinite() : now + options_.heartbeat_interval;
    MustRejoin();
    return;
  }
  if (event.error == LogError::kCoordinatorUnavailable) {
    state_ = State::kJoining;
    retry_at_ = now + options_.retry_backoff;
    return;
  }
  if (event.error != LogError::kNone) {
    Out(event.error);
    return;
  }
  state_ = State::kIn;
  session_ends_ = now + options_.session_timeout;
  heartbeat_at_ = options_.session_is_connection ? MonotonicTime::Infinite() : now + options_.heartbeat_interval;
  host_.OnAssignment(event.detail->partitions);
  if (join_twice_) WantRejoin();
  join_twice_ = false;
}

void LogMembership::OnError(LogError error, int32_t generation) {
  if (state_ != State::kIn) return;
  switch (error) {
    case LogError::kRebalanceInProgress:
      MustRejoin();
      return;
    case LogError::kIllegalGeneration:
      // Said about an earlier generation of ours it means nothing.
      if (generation != generation_) return;
      Out(error);
      return;
    case LogError::kUnknownMember:
    case LogError::kFencedInstance:
      Out(error);
      return;
    default:
      return;  // a heartbeat without an answer is just not a sign of life
  }
}

void LogMembership::Out(LogError error) {
  const bool fatal = error == LogError::kFencedInstance || error == LogError::kInconsistentProtocol ||
                     error == LogError::kInvalidSessionTimeout;
  const std::string about = "group \"" + options_.group + "\": " + std::string(NameOf(error)) + ": ";
  absl::Status why;
  if (error == LogError::kFencedInstance) {
    why = absl::FailedPreconditionError(about + "another consumer uses the static id \"" + options_.static_id +
                                        "\"; give each its own");
  } else if (error == LogError::kInconsistentProtocol) {
    why = absl::FailedPreconditionError(
        about + "its members use another way to rebalance; set `cooperative` alike for all of them");
  } else if (error == LogError::kInvalidSessionTimeout) {
    why = absl::InvalidArgumentError(about + "the broker does not allow this session_timeout");
  } else {
    why = absl::AbortedError(about + "the group went on without us; joining again");
  }
  state_ = fatal ? State::kFailed : State::kOut;
  must_rejoin_ = false;
  generation_ = -1;
  if (error == LogError::kUnknownMember || fatal) member_.clear();
  join_id_ = sync_id_ = heartbeat_id_ = 0;
  retry_at_ = heartbeat_at_ = session_ends_ = MonotonicTime::Infinite();
  host_.OnOut(why, fatal);
}

bool LogMembership::Step(MonotonicTime now) {
  if (state_ == State::kJoining && connected_ && now >= retry_at_) SendJoin(now);
  if (std::exchange(unpolled_, false)) {
    member_.clear();
    Out(LogError::kIllegalGeneration);
    return false;
  }
  if (state_ != State::kIn || options_.session_is_connection) return false;
  if (now >= session_ends_) {
    // We cannot know whether somebody else has our partitions, so we have them no more. Nor do we come back under our old
    // name: where the broker still knows it, it would answer with the generation that it is in, and take what is on its
    // way over the old connection as if it were said now.
    member_.clear();
    Out(LogError::kIllegalGeneration);
    return true;
  }
  Beat(now);
  return false;
}

void LogMembership::Beat(MonotonicTime now) {
  if (!connected_ || now < heartbeat_at_) return;
  heartbeat_at_ = now + options_.heartbeat_interval;
  // One at a time: a missing answer is told by the session's end.
  if (heartbeat_id_ != 0) return;
  heartbeat_sent_ = now;
  link_.Send(Request(LogMethod::kHeartbeat, heartbeat_id_), now);
}

void LogMembership::KeepAlive(MonotonicTime now) {
  if (state_ == State::kIn && !options_.session_is_connection && !unpolled_ && now < session_ends_) Beat(now);
}

bool LogMembership::TakeSignOfLife(LogEvent& event) {
  if (event.method != LogMethod::kHeartbeat || event.id == 0 || event.id != heartbeat_id_) return false;
  heartbeat_id_ = 0;
  const bool alive = event.error == LogError::kNone || event.error == LogError::kRebalanceInProgress;
  if (alive) session_ends_ = heartbeat_sent_ + options_.session_timeout;
  if (event.error == LogError::kNone) return true;
  // Who is out sends no more.
  if (!alive && event.error != LogError::kCoordinatorUnavailable) heartbeat_at_ = MonotonicTime::Infinite();
  event.id = 0;  // taken by OnReply for one that nobody asked for
  return false;
}

void LogMembership::StopUnpolled(MonotonicTime now) {
  if (state_ != State::kIn || options_.session_is_connection || std::exchange(unpolled_, true)) return;
  heartbeat_at_ = MonotonicTime::Infinite();
  uint64_t unasked = 0;
  if (connected_ && options_.static_id.empty()) link_.Send(Request(LogMethod::kLeave, unasked), now);
}

MonotonicTime LogMembership::NextTimer() const {
  MonotonicTime next = MonotonicTime::Infinite();
  if (unpolled_) return MonotonicTime();
  if (state_ == State::kJoining) next = retry_at_;
  if (state_ == State::kIn && !options_.session_is_connection) {
    next = session_ends_;
    if (connected_) next = std::min(next, heartbeat_at_);
  }
  return next;
}

}  // namespace millrace::bus
