#include "bus/memory/log_wire.h"

namespace millrace::bus {

std::string_view NameOf(LogError error) {
  switch (error) {
    case LogError::kNone:
      return "NONE";
    case LogError::kOffsetOutOfRange:
      return "OFFSET_OUT_OF_RANGE";
    case LogError::kUnknownTopic:
      return "UNKNOWN_TOPIC_OR_PARTITION";
    case LogError::kMessageTooLarge:
      return "MESSAGE_TOO_LARGE";
    case LogError::kCoordinatorUnavailable:
      return "COORDINATOR_NOT_AVAILABLE";
    case LogError::kIllegalGeneration:
      return "ILLEGAL_GENERATION";
    case LogError::kInconsistentProtocol:
      return "INCONSISTENT_GROUP_PROTOCOL";
    case LogError::kUnknownMember:
      return "UNKNOWN_MEMBER_ID";
    case LogError::kInvalidSessionTimeout:
      return "INVALID_SESSION_TIMEOUT";
    case LogError::kRebalanceInProgress:
      return "REBALANCE_IN_PROGRESS";
    case LogError::kNoteTooLarge:
      return "OFFSET_METADATA_TOO_LARGE";
    case LogError::kGroupNotEmpty:
      return "NON_EMPTY_GROUP";
    case LogError::kMemberIdRequired:
      return "MEMBER_ID_REQUIRED";
    case LogError::kFencedInstance:
      return "FENCED_INSTANCE_ID";
    case LogError::kGroupNotFound:
      return "GROUP_ID_NOT_FOUND";
    case LogError::kRefused:
      return "NOT_ENOUGH_REPLICAS";
    case LogError::kUnstableOffset:
      return "UNSTABLE_OFFSET_COMMIT";
    case LogError::kProducerFenced:
      return "PRODUCER_FENCED";
    case LogError::kProducerEpoch:
      return "INVALID_PRODUCER_EPOCH";
    case LogError::kTransactionState:
      return "INVALID_TXN_STATE";
  }
  return "UNKNOWN";
}

void StoredLogRequest::Assign(const LogRequest& request) {
  fixed_ = request;
  group_ = request.group;
  member_ = request.member;
  instance_ = request.instance;
  note_ = request.note;
  has_join_ = request.join != nullptr;
  if (has_join_) join_ = *request.join;
  assignments_.assign(request.assignments.begin(), request.assignments.end());
  partitions_.assign(request.partitions.begin(), request.partitions.end());
  topics_.assign(request.topics.begin(), request.topics.end());
  fixed_.group = fixed_.member = fixed_.instance = fixed_.note = {};
  fixed_.join = nullptr;
  fixed_.assignments = {};
  fixed_.partitions = {};
  fixed_.topics = {};
}

LogRequest StoredLogRequest::View() const {
  LogRequest view = fixed_;
  view.group = group_;
  view.member = member_;
  view.instance = instance_;
  view.note = note_;
  view.join = has_join_ ? &join_ : nullptr;
  view.assignments = assignments_;
  view.partitions = partitions_;
  view.topics = topics_;
  return view;
}

}  // namespace millrace::bus
