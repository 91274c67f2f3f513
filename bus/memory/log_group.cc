#include "bus/memory/log_group.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {

void LogGroup::Handle(LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                      std::vector<Answer>& answers) {
  if (state_ == State::kDead) {
    AnswerError(connection, request.id, request.method, LogError::kCoordinatorUnavailable, answers);
    return;
  }
  switch (request.method) {
    case LogMethod::kJoin:
      Join(connection, request, now, answers);
      break;
    case LogMethod::kSync:
      Sync(connection, request, now, answers);
      break;
    case LogMethod::kHeartbeat:
      Heartbeat(connection, request, now, answers);
      break;
    case LogMethod::kLeave:
      Leave(connection, request, now, answers);
      break;
    default:
      MR_CHECK(false) << "not a request of a member";
  }
  UpdateTimer();
}

LogError LogGroup::Find(const LogRequest& request, Member** found) {
  *found = nullptr;
  if (!request.instance.empty()) {
    Member* holder = FindInstance(request.instance);
    if (holder == nullptr) return LogError::kUnknownMember;
    if (holder->id != request.member) return LogError::kFencedInstance;
    *found = holder;
    return LogError::kNone;
  }
  auto at = members_.find(request.member);
  if (at == members_.end()) return LogError::kUnknownMember;
  *found = &at->second;
  return LogError::kNone;
}

LogGroup::Member* LogGroup::FindInstance(std::string_view instance) {
  for (auto& [id, member] : members_) {
    if (member.instance == instance) return &member;
  }
  return nullptr;
}

LogError LogGroup::CheckCommit(const LogRequest& request, MonotonicTime now) {
  if (state_ == State::kDead) return LogError::kCoordinatorUnavailable;
  // A commit outside of any membership: only while nobody is in the group.
  if (request.generation < 0 && request.member.empty())
    return members_.empty() ? LogError::kNone : LogError::kUnknownMember;
  Member* member = nullptr;
  if (LogError error = Find(request, &member); error != LogError::kNone) return error;
  if (request.generation != generation_) return LogError::kIllegalGeneration;
  if (state_ == State::kCompletingRebalance) return LogError::kRebalanceInProgress;
  Alive(*member, now);
  return LogError::kNone;
}

LogError LogGroup::CheckTransactionalCommit(const LogRequest& request, MonotonicTime now) {
  if (state_ == State::kDead) return LogError::kCoordinatorUnavailable;
  if (request.generation < 0 && request.member.empty())
    return members_.empty() ? LogError::kNone : LogError::kUnknownMember;
  Member* member = nullptr;
  if (LogError error = Find(request, &member); error != LogError::kNone) return error;
  if (request.generation != generation_) return LogError::kIllegalGeneration;
  Alive(*member, now);
  return LogError::kNone;
}

LogError LogGroup::Delete() {
  if (!members_.empty() || !pending_.empty()) return LogError::kGroupNotEmpty;
  state_ = State::kDead;
  committed_.clear();
  next_timer_ = MonotonicTime::Infinite();
  return LogError::kNone;
}

void LogGroup::Heartbeat(LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                         std::vector<Answer>& answers) {
  Member* member = nullptr;
  LogError error = Find(request, &member);
  if (error == LogError::kNone && request.generation != generation_) error = LogError::kIllegalGeneration;
  if (error == LogError::kNone) {
    member->connection = connection;
    Alive(*member, now);
    if (state_ == State::kPreparingRebalance) error = LogError::kRebalanceInProgress;
  }
  AnswerError(connection, request.id, LogMethod::kHeartbeat, error, answers);
}

void LogGroup::Sync(LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                    std::vector<Answer>& answers) {
  Member* member = nullptr;
  LogError error = Find(request, &member);
  if (error == LogError::kNone && request.generation != generation_) error = LogError::kIllegalGeneration;
  if (error == LogError::kNone && state_ == State::kPreparingRebalance) error = LogError::kRebalanceInProgress;
  if (error != LogError::kNone) {
    AnswerError(connection, request.id, LogMethod::kSync, error, answers);
    return;
  }
  member->connection = connection;
  member->syncing = {connection, request.id};
  member->owes_sync = false;
  Alive(*member, now);
  if (state_ == State::kStable) {
    AnswerSync(*member, answers);
    return;
  }
  if (member->id != leader_) return;
  for (auto& [id, other] : members_) other.assignment.clear();
  for (const LogMemberAssignment& assignment : request.assignments) {
    auto at = members_.find(assignment.member);
    if (at != members_.end()) at->second.assignment = assignment.partitions;
  }
  state_ = State::kStable;
  for (auto& [id, other] : members_) {
    if (!other.syncing) continue;
    Alive(other, now);
    AnswerSync(other, answers);
  }
}

void LogGroup::AnswerSync(Member& member, std::vector<Answer>& answers) {
  LogEvent event{.method = LogMethod::kSync, .generation = generation_, .id = member.syncing.id};
  event.detail = std::make_unique<LogDetail>();
  event.detail->partitions = member.assignment;
  answers.push_back({member.syncing.connection, std::move(event)});
  member.syncing = {};
}

void LogGroup::AnswerError(LogConnectionId connection, uint64_t id, LogMethod method, LogError error,
                           std::vector<Answer>& answers) const {
  answers.push_back({connection, LogEvent{.method = method, .error = error, .generation = generation_, .id = id}});
}

void LogGroup::Leave(LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                     std::vector<Answer>& answers) {
  auto pending = pending_.find(request.member);
  if (pending != pending_.end()) {
    pending_.erase(pending);
    AnswerError(connection, request.id, LogMethod::kLeave, LogError::kNone, answers);
    MaybeCompleteJoin(now, answers);
    return;
  }
  Member* member = nullptr;
  const LogError error = Find(request, &member);
  AnswerError(connection, request.id, LogMethod::kLeave, error, answers);
  if (error == LogError::kNone) Remove(std::string(member->id), now, answers);
}

void LogGroup::Remove(const std::string& id, MonotonicTime now, std::vector<Answer>& answers) {
  auto at = members_.find(id);
  if (at == members_.end()) return;
  Member& member = at->second;
  if (member.joining)
    AnswerError(member.joining.connection, member.joining.id, LogMethod::kJoin, LogError::kUnknownMember, answers);
  if (member.syncing)
    AnswerError(member.syncing.connection, member.syncing.id, LogMethod::kSync, LogError::kUnknownMember, answers);
  members_.erase(at);
  if (leader_ == id) leader_.clear();
  if (state_ == State::kStable || state_ == State::kCompletingRebalance) {
    PrepareRebalance(now, answers);
  } else {
    MaybeCompleteJoin(now, answers);
  }
}

void LogGroup::ConnectionGone(LogConnectionId connection, MonotonicTime now, std::vector<Answer>& answers) {
  std::vector<std::string> gone;
  for (const auto& [id, pending] : pending_) {
    if (pending.connection == connection) gone.push_back(id);
  }
  for (const std::string& id : gone) pending_.erase(id);
  if (!gone.empty()) MaybeCompleteJoin(now, answers);
  gone.clear();
  for (auto& [id, member] : members_) {
    if (member.connection != connection || !member.join.session_is_connection) continue;
    member.joining = member.syncing = {};
    // A static member may come back, which is what it is static for: it has its session's time.
    if (member.instance.empty()) {
      gone.push_back(id);
    } else {
      member.expires = now + member.join.session_timeout;
    }
  }
  for (const std::string& id : gone) Remove(id, now, answers);
  UpdateTimer();
}

void LogGroup::Unloaded(std::vector<Answer>& answers) {
  for (auto& [id, member] : members_) {
    if (member.joining)
      AnswerError(member.joining.connection, member.joining.id, LogMethod::kJoin, LogError::kCoordinatorUnavailable,
                  answers);
    if (member.syncing)
      AnswerError(member.syncing.connection, member.syncing.id, LogMethod::kSync, LogError::kCoordinatorUnavailable,
                  answers);
    member.joining = member.syncing = {};
  }
}

void LogGroup::Reloaded(MonotonicTime now) {
  pending_.clear();
  for (auto& [id, member] : members_) {
    member.joining = member.syncing = {};
    // Connections broke too: time decides who comes back, also for those whose connection was their session.
    member.expires = now + member.join.session_timeout;
  }
  if (state_ == State::kPreparingRebalance) {
    rebalance_ends_ = now;
    for (auto& [id, member] : members_)
      rebalance_ends_ = std::max(rebalance_ends_, now + member.join.rebalance_timeout);
  }
  UpdateTimer();
}

void LogGroup::Forgotten(std::vector<Answer>& answers) {
  for (const auto& [id, member] : members_) {
    if (member.joining)
      AnswerError(member.joining.connection, member.joining.id, LogMethod::kJoin, LogError::kUnknownMember, answers);
    if (member.syncing)
      AnswerError(member.syncing.connection, member.syncing.id, LogMethod::kSync, LogError::kUnknownMember, answers);
  }
  members_.clear();
  pending_.clear();
  protocol_.clear();
  leader_.clear();
  state_ = State::kEmpty;
  ++generation_;
  rebalance_ends_ = sync_ends_ = MonotonicTime::Infinite();
  UpdateTimer();
}

void LogGroup::Advance(MonotonicTime now, std::vector<Answer>& answers) {
  if (now < next_timer_) return;
  std::vector<std::string> gone;
  for (const auto& [id, pending] : pending_) {
    if (pending.expires <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) pending_.erase(id);
  if (!gone.empty()) MaybeCompleteJoin(now, answers);
  gone.clear();
  for (const auto& [id, member] : members_) {
    // Who waits for an answer of ours cannot be late.
    if (!member.joining && !member.syncing && member.expires <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) Remove(id, now, answers);
  gone.clear();
  if (sync_ends_ <= now) {
    sync_ends_ = MonotonicTime::Infinite();
    for (const auto& [id, member] : members_) {
      if (member.owes_sync) gone.push_back(id);
    }
    for (const std::string& id : gone) Remove(id, now, answers);
  }
  if (state_ == State::kPreparingRebalance) {
    if (rebalance_ends_ <= now) {
      CompleteJoin(now, answers);
    } else {
      MaybeCompleteJoin(now, answers);
    }
  }
  UpdateTimer();
}

void LogGroup::Alive(Member& member, MonotonicTime now) {
  member.expires = member.join.session_is_connection ? MonotonicTime::Infinite() : now + member.join.session_timeout;
}

void LogGroup::UpdateTimer() {
  MonotonicTime next = sync_ends_;
  for (const auto& [id, pending] : pending_) next = std::min(next, pending.expires);
  for (const auto& [id, member] : members_) {
    if (!member.joining && !member.syncing) next = std::min(next, member.expires);
  }
  if (state_ == State::kPreparingRebalance) {
    next = std::min(next, rebalance_ends_);
    const bool all = pending_.empty() && std::all_of(members_.begin(), members_.end(),
                                                     [](const auto& m) { return bool{m.second.joining}; });
    if (all) next = std::min(next, rebalance_opens_);
  }
  next_timer_ = next;
}

void LogGroup::Commit(Partition partition, int64_t offset, std::string_view note) {
  const size_t topic = static_cast<size_t>(partition.topic), number = static_cast<size_t>(partition.number);
  if (committed_.size() <= topic) committed_.resize(topic + 1);
  if (committed_[topic].size() <= number) committed_[topic].resize(number + 1);
  committed_[topic][number].offset = offset;
  committed_[topic][number].note.assign(note);
}

const LogGroup::Committed& LogGroup::CommittedOf(Partition partition) const {
  static const Committed kNone;
  const size_t topic = static_cast<size_t>(partition.topic), number = static_cast<size_t>(partition.number);
  if (topic >= committed_.size() || number >= committed_[topic].size()) return kNone;
  return committed_[topic][number];
}

std::vector<Partition> LogGroup::CommittedPartitions() const {
  std::vector<Partition> all;
  for (size_t t = 0; t < committed_.size(); ++t) {
    for (size_t n = 0; n < committed_[t].size(); ++n) {
      if (committed_[t][n].offset >= 0) all.push_back({static_cast<int32_t>(t), static_cast<int32_t>(n)});
    }
  }
  return all;
}

std::vector<std::string> LogGroup::Members() const {
  std::vector<std::string> ids;
  for (const auto& [id, member] : members_) ids.push_back(id);
  return ids;
}

}  // namespace millrace::bus
