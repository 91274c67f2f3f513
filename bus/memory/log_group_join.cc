// LogGroup: joining, and what ends a rebalance.
#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "bus/memory/log_group.h"

namespace millrace::bus {
namespace {

bool SameSubscription(const LogJoin& a, const LogJoin& b) {
  return a.protocols == b.protocols && a.topics == b.topics && a.owned == b.owned &&
         a.owned_generation == b.owned_generation;
}

}  // namespace

void LogGroup::Join(LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                    std::vector<Answer>& answers) {
  MR_CHECK(request.join != nullptr) << "a join says what it joins with";
  const auto refuse = [&](LogError error) { AnswerError(connection, request.id, LogMethod::kJoin, error, answers); };
  Member* self = nullptr;
  if (!request.member.empty()) {
    auto at = members_.find(request.member);
    if (at != members_.end()) self = &at->second;
    // Under its static id somebody else has come since.
    const Member* holder = request.instance.empty() ? nullptr : FindInstance(request.instance);
    if (holder != nullptr && holder->id != request.member) return refuse(LogError::kFencedInstance);
    if (self == nullptr && pending_.find(request.member) == pending_.end()) return refuse(LogError::kUnknownMember);
  } else if (!request.instance.empty()) {
    if (Member* old = FindInstance(request.instance); old != nullptr) {
      if (LogError error = CheckJoin(*request.join, old); error != LogError::kNone) return refuse(error);
      ReplaceStatic(*old, connection, request, now, answers);
      return;
    }
  }
  if (LogError error = CheckJoin(*request.join, self); error != LogError::kNone) return refuse(error);
  if (self != nullptr) {
    JoinAgain(*self, connection, request, now, answers);
  } else {
    JoinNew(connection, request, now, answers);
  }
}

LogError LogGroup::CheckJoin(const LogJoin& join, const Member* self) const {
  if (join.session_timeout < options_.session_timeout_min || join.session_timeout > options_.session_timeout_max) {
    return LogError::kInvalidSessionTimeout;
  }
  // There must stay a protocol that everybody has.
  const bool common = std::any_of(join.protocols.begin(), join.protocols.end(), [&](const std::string& protocol) {
    return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
      const std::vector<std::string>& others = entry.second.join.protocols;
      return &entry.second == self || std::find(others.begin(), others.end(), protocol) != others.end();
    });
  });
  return common ? LogError::kNone : LogError::kInconsistentProtocol;
}

void LogGroup::JoinNew(LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                       std::vector<Answer>& answers) {
  if (!request.member.empty()) {
    pending_.erase(std::string(request.member));
    AddMember(std::string(request.member), connection, request, now);
    PrepareRebalance(now, answers);
    return;
  }
  std::string id =
      (request.instance.empty() ? name_ : std::string(request.instance)) + "-" + std::to_string(++arrivals_);
  if (request.instance.empty() && options_.require_member_id) {
    pending_[id] = {now + request.join->session_timeout, connection};
    AnswerError(connection, request.id, LogMethod::kJoin, LogError::kMemberIdRequired, answers);
    answers.back().event.detail = std::make_unique<LogDetail>();
    answers.back().event.detail->member = std::move(id);
    return;
  }
  AddMember(std::move(id), connection, request, now);
  PrepareRebalance(now, answers);
}

LogGroup::Member& LogGroup::AddMember(std::string id, LogConnectionId connection, const LogRequest& request,
                                      MonotonicTime now) {
  Member& member = members_[id];
  member.id = std::move(id);
  member.instance = std::string(request.instance);
  member.join = *request.join;
  member.connection = connection;
  member.joining = {connection, request.id};
  member.order = ++arrivals_;
  Alive(member, now);
  return member;
}

// A static member came back under a new id: it takes the place of the old one, which is fenced from now on. While
// nothing has changed for the others they need not notice: it gets the assignment that its predecessor had.
void LogGroup::ReplaceStatic(Member& old, LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                             std::vector<Answer>& answers) {
  if (old.joining)
    AnswerError(old.joining.connection, old.joining.id, LogMethod::kJoin, LogError::kFencedInstance, answers);
  if (old.syncing)
    AnswerError(old.syncing.connection, old.syncing.id, LogMethod::kSync, LogError::kFencedInstance, answers);
  const std::string old_id = old.id;
  Member moved = std::move(old);
  members_.erase(old_id);
  std::string id = std::string(request.instance) + "-" + std::to_string(++arrivals_);
  if (leader_ == old_id) leader_ = id;
  // What it owns is gone with its process; that alone is no change of the subscription.
  const bool same = moved.join.protocols == request.join->protocols && moved.join.topics == request.join->topics;
  moved.id = id;
  moved.join = *request.join;
  moved.connection = connection;
  moved.joining = {connection, request.id};
  moved.syncing = {};
  moved.owes_sync = false;
  Member& member = members_[id] = std::move(moved);
  Alive(member, now);
  if (state_ == State::kStable && same) {
    // Not told as leader even where it is: it must not assign anew.
    AnswerJoin(member, answers);
    LogDetail& detail = *answers.back().event.detail;
    if (detail.leader == id) detail.leader = old_id;
    detail.members.clear();
    return;
  }
  if (state_ == State::kPreparingRebalance) {
    MaybeCompleteJoin(now, answers);
  } else {
    PrepareRebalance(now, answers);
  }
}

void LogGroup::JoinAgain(Member& member, LogConnectionId connection, const LogRequest& request, MonotonicTime now,
                         std::vector<Answer>& answers) {
  const bool same = SameSubscription(member.join, *request.join);
  if (member.joining && (member.joining.connection != connection || member.joining.id != request.id)) {
    AnswerError(member.joining.connection, member.joining.id, LogMethod::kJoin, LogError::kUnknownMember, answers);
  }
  member.join = *request.join;
  member.connection = connection;
  member.joining = {connection, request.id};
  Alive(member, now);
  switch (state_) {
    case State::kPreparingRebalance:
      MaybeCompleteJoin(now, answers);
      return;
    case State::kCompletingRebalance:
      // It may have missed the answer.
      if (same) {
        AnswerJoin(member, answers);
      } else {
        PrepareRebalance(now, answers);
      }
      return;
    case State::kStable:
      // A follower with nothing new to say gets the generation that it is in; a leader who joins wants a rebalance.
      if (same && member.id != leader_) {
        AnswerJoin(member, answers);
      } else {
        PrepareRebalance(now, answers);
      }
      return;
    case State::kEmpty:
    case State::kDead:
      MR_CHECK(false) << "group " << name_ << " has a member, but is in a state without";
  }
}

void LogGroup::AnswerJoin(Member& member, std::vector<Answer>& answers) {
  LogEvent event{.method = LogMethod::kJoin, .generation = generation_, .id = member.joining.id};
  event.detail = std::make_unique<LogDetail>();
  event.detail->member = member.id;
  event.detail->leader = leader_;
  event.detail->protocol = protocol_;
  if (member.id == leader_) {
    for (const auto& [id, other] : members_) {
      event.detail->members.push_back(
          {id, other.instance, other.join.topics, other.join.owned, other.join.owned_generation});
    }
  }
  answers.push_back({member.joining.connection, std::move(event)});
  member.joining = {};
}

void LogGroup::PrepareRebalance(MonotonicTime now, std::vector<Answer>& answers) {
  for (auto& [id, member] : members_) {
    if (!member.syncing) continue;
    AnswerError(member.syncing.connection, member.syncing.id, LogMethod::kSync, LogError::kRebalanceInProgress,
                answers);
    member.syncing = {};
    Alive(member, now);
  }
  if (state_ != State::kPreparingRebalance) {
    rebalance_opens_ = state_ == State::kEmpty ? now + options_.initial_rebalance_delay : now;
    state_ = State::kPreparingRebalance;
    sync_ends_ = MonotonicTime::Infinite();
    rebalance_ends_ = rebalance_opens_;
    for (auto& [id, member] : members_) {
      member.owes_sync = false;
      rebalance_ends_ = std::max(rebalance_ends_, now + member.join.rebalance_timeout);
      // Who sends no heartbeats is told at once; others learn it from the answer to their next one.
      if (member.join.session_is_connection && !member.joining) {
        AnswerError(member.connection, 0, LogMethod::kHeartbeat, LogError::kRebalanceInProgress, answers);
      }
    }
  }
  MaybeCompleteJoin(now, answers);
}

void LogGroup::MaybeCompleteJoin(MonotonicTime now, std::vector<Answer>& answers) {
  if (state_ != State::kPreparingRebalance || now < rebalance_opens_ || !pending_.empty()) return;
  for (const auto& [id, member] : members_) {
    if (!member.joining) return;
  }
  CompleteJoin(now, answers);
}

void LogGroup::CompleteJoin(MonotonicTime now, std::vector<Answer>& answers) {
  // Time is up for who has not come. Static members stay until their session ends.
  std::erase_if(members_, [](const auto& entry) { return !entry.second.joining && entry.second.instance.empty(); });
  if (members_.empty()) {
    state_ = State::kEmpty;
    ++generation_;
    protocol_.clear();
    leader_.clear();
    return;
  }
  // The leader must be one who is waiting for the answer; else it stays, as assignments hardly change then.
  auto leader = members_.find(leader_);
  if (leader == members_.end() || !leader->second.joining) {
    const Member* first = nullptr;
    for (const auto& [id, member] : members_) {
      if (member.joining && (first == nullptr || member.order < first->order)) first = &member;
    }
    if (first == nullptr) {
      // Only static members that are away: wait on.
      for (const auto& [id, member] : members_)
        rebalance_ends_ = std::max(rebalance_ends_, now + member.join.rebalance_timeout);
      return;
    }
    leader_ = first->id;
  }
  ++generation_;
  protocol_ = CommonProtocol();
  state_ = State::kCompletingRebalance;
  rebalance_ends_ = MonotonicTime::Infinite();
  Duration longest = Duration::zero();
  for (const auto& [id, member] : members_) longest = std::max(longest, member.join.rebalance_timeout);
  sync_ends_ = now + longest;
  for (auto& [id, member] : members_) {
    if (!member.joining) continue;
    member.owes_sync = true;
    Alive(member, now);
    AnswerJoin(member, answers);
  }
}

// The one that everybody has and most prefer (by their first common one); ties go to the first by name.
std::string LogGroup::CommonProtocol() const {
  std::map<std::string, int> votes;
  const auto everybody_has = [&](const std::string& protocol) {
    return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
      const std::vector<std::string>& all = entry.second.join.protocols;
      return std::find(all.begin(), all.end(), protocol) != all.end();
    });
  };
  for (const auto& [id, member] : members_) {
    auto choice = std::find_if(member.join.protocols.begin(), member.join.protocols.end(), everybody_has);
    if (choice != member.join.protocols.end()) ++votes[*choice];
  }
  std::string best;
  int most = 0;
  for (const auto& [protocol, count] : votes) {
    if (count > most) {
      best = protocol;
      most = count;
    }
  }
  return best;
}

}  // namespace millrace::bus
