#include "bus/kafka/core/rebalance.h"

#include <memory>
#include <utility>

namespace millrace::bus {
namespace {

// Any name will do: the core leads nothing, and librdkafka puts the true one into what it sends.
constexpr char kMember[] = "librdkafka";

}  // namespace

void KafkaRebalance::OnRequest(const LogRequest& request) {
  LogEvent event;
  event.method = request.method;
  event.id = request.id;
  switch (request.method) {
    case LogMethod::kJoin:
      if (request.member.empty()) {
        // As a broker does first. From now on the core says when it leaves, even while it waits to be in.
        event.error = LogError::kMemberIdRequired;
        event.detail = std::make_unique<LogDetail>();
        event.detail->member = kMember;
        events_.push_back(std::move(event));
        return;
      }
      OnJoin(request.id);
      return;
    case LogMethod::kSync: {
      event.detail = std::make_unique<LogDetail>();
      for (Partition partition : owned_) {
        if (revoking_.count(partition) == 0) event.detail->partitions.push_back(partition);
      }
      events_.push_back(std::move(event));
      core_in_ = true;
      asked_ = false;
      if (revoke_open_ && cooperative_) revoke_told_ = true;
      // What has changed since the join was answered.
      if (news_ || (revoke_open_ && !revoke_told_)) Ask();
      return;
    }
    case LogMethod::kHeartbeat:
      events_.push_back(std::move(event));
      return;
    case LogMethod::kLeave:
      leave_id_ = request.id;
      join_id_ = 0;
      core_in_ = false;
      if (subscribed_) {
        client_.Close();
      } else {
        OnClosed();
      }
      return;
    default:
      return;
  }
}

void KafkaRebalance::OnJoin(uint64_t id) {
  core_in_ = asked_ = false;
  if (refused_ != LogError::kNone) {
    AnswerJoin(id, std::exchange(refused_, LogError::kNone));
    return;
  }
  join_id_ = id;
  if (!subscribed_) {
    subscribed_ = true;
    client_.Subscribe();
    return;
  }
  if (revoke_open_) {
    if (cooperative_ && !revoke_told_) {
      // It learns from the answer what it has to give back, and joins again when it has.
      AnswerJoin(std::exchange(join_id_, 0), LogError::kNone);
      return;
    }
    GiveBack();
  }
  // Else this waits for the next assignment. In a cooperative group what is left goes on meanwhile; and a core that
  // thinks itself out, while librdkafka is in, is given what there is.
  if (assigned_) AnswerJoin(std::exchange(join_id_, 0), LogError::kNone);
}

void KafkaRebalance::GiveBack() {
  const std::set<Partition> going = std::exchange(revoking_, {});
  for (Partition partition : going) owned_.erase(partition);
  revoke_open_ = revoke_told_ = false;
  if (!cooperative_) assigned_ = news_ = false;
  client_.Unassign(going);
}

void KafkaRebalance::AnswerJoin(uint64_t id, LogError error) {
  LogEvent event;
  event.method = LogMethod::kJoin;
  event.id = id;
  event.error = error;
  event.detail = std::make_unique<LogDetail>();
  event.detail->member = kMember;
  event.generation = generation_;
  if (error == LogError::kNone) news_ = false;
  events_.push_back(std::move(event));
}

void KafkaRebalance::Tell(LogError error) {
  LogEvent event;
  event.method = LogMethod::kHeartbeat;
  event.error = error;
  events_.push_back(std::move(event));
}

void KafkaRebalance::Ask() {
  if (!core_in_ || asked_) return;
  asked_ = true;
  Tell(LogError::kRebalanceInProgress);
}

void KafkaRebalance::OnAssigned(const std::vector<Partition>& partitions) {
  if (!cooperative_) owned_.clear();
  owned_.insert(partitions.begin(), partitions.end());
  ++generation_;
  assigned_ = news_ = true;
  if (leaving()) return;
  if (join_id_ != 0) {
    AnswerJoin(std::exchange(join_id_, 0), LogError::kNone);
  } else {
    Ask();
  }
}

void KafkaRebalance::OnRevoke(const std::vector<Partition>& partitions, bool lost) {
  revoke_open_ = true;
  revoke_told_ = false;
  revoking_.insert(partitions.begin(), partitions.end());
  if (!cooperative_) revoking_ = owned_;
  if (leaving()) {
    GiveBack();
    return;
  }
  if (!lost) {
    // Whoever is just joining holds nothing in an eager group.
    if (join_id_ != 0 && !cooperative_) {
      GiveBack();
    } else if (join_id_ != 0) {
      AnswerJoin(std::exchange(join_id_, 0), LogError::kNone);
    } else {
      Ask();
    }
    return;
  }
  GiveBack();
  owned_.clear();
  assigned_ = news_ = false;
  ++generation_;
  if (join_id_ != 0) {
    // The core may hold what it was given before (cooperative): it is out, and asks again.
    if (cooperative_) AnswerJoin(std::exchange(join_id_, 0), LogError::kUnknownMember);
  } else {
    core_in_ = asked_ = false;
    Tell(LogError::kUnknownMember);
  }
}

void KafkaRebalance::OnRefused(LogError error) {
  if (leaving()) return;
  if (join_id_ != 0) {
    AnswerJoin(std::exchange(join_id_, 0), error);
  } else if (core_in_) {
    core_in_ = asked_ = false;
    Tell(error);
  } else {
    refused_ = error;
  }
}

void KafkaRebalance::OnClosed() {
  const uint64_t id = std::exchange(leave_id_, 0);
  owned_.clear();
  revoking_.clear();
  revoke_open_ = revoke_told_ = subscribed_ = assigned_ = news_ = core_in_ = asked_ = false;
  refused_ = LogError::kNone;
  if (id == 0) return;
  LogEvent event;
  event.method = LogMethod::kLeave;
  event.id = id;
  events_.push_back(std::move(event));
}

}  // namespace millrace::bus
