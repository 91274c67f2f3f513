// Requests of a group's members, and what an operator does to a group.
#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/scenarios/kafka_calls.h"
#include "tests/scenarios/kafka_wire.h"

namespace millrace::scenarios {

using bus::LogError;
using bus::LogEvent;
using bus::LogEventKind;
using bus::LogMethod;
using bus::LogRequest;
using bus::Partition;

void KafkaWire::JoinGroup(const LogRequest& request) {
  const auto ms = [](Duration d) {
    return static_cast<int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
  };
  KafkaWriter subscription;  // ConsumerProtocolSubscription, version 0
  subscription.I16(0).Count(request.join->topics.size());
  for (int32_t topic : request.join->topics) subscription.Text(TopicName(topic));
  subscription.I32(-1);
  KafkaWriter out;
  out.Text(request.group)
      .I32(ms(request.join->session_timeout))
      .I32(ms(request.join->rebalance_timeout))
      .Text(request.member);
  out.MaybeText(Maybe(request.instance)).Text("consumer").Count(request.join->protocols.size());
  for (const std::string& protocol : request.join->protocols) out.Text(protocol).Bytes(subscription.bytes());
  AskGroup({kJoinGroup, LogMethod::kJoin, request.id, -1, out.bytes()});
}

void KafkaWire::SyncGroup(const LogRequest& request) {
  KafkaWriter out;
  out.Text(request.group).I32(request.generation).Text(request.member).MaybeText(Maybe(request.instance));
  out.Count(request.assignments.size());
  for (const bus::LogMemberAssignment& share : request.assignments) {
    std::map<int32_t, std::vector<int32_t>> by_topic;
    for (const Partition& partition : share.partitions) by_topic[partition.topic].push_back(partition.number);
    KafkaWriter assignment;  // ConsumerProtocolAssignment, version 0
    assignment.I16(0).Count(by_topic.size());
    for (const auto& [topic, numbers] : by_topic) {
      assignment.Text(TopicName(topic)).Count(numbers.size());
      for (int32_t number : numbers) assignment.I32(number);
    }
    assignment.I32(-1);
    out.Text(share.member).Bytes(assignment.bytes());
  }
  AskGroup({kSyncGroup, LogMethod::kSync, request.id, request.generation, out.bytes()});
}

void KafkaWire::AskGroup(Waiting waiting) {
  group_.Send(waiting.call, waiting.body, next_correlation_);
  waiting_[next_correlation_++] = std::move(waiting);
}

void KafkaWire::TakeGroupAnswers() {
  while (!waiting_.empty() && group_.open()) {
    int32_t correlation = waiting_.begin()->first;  // a connection's requests are answered in order
    const Waiting waiting = waiting_.begin()->second;
    const std::string answer = group_.Receive(waiting.call, correlation, 0);
    if (answer.empty()) {
      if (!group_.open()) events_.push_back(LogEvent{.kind = LogEventKind::kDisconnected});
      return;
    }
    waiting_.erase(waiting_.begin());
    KafkaReader in(answer);
    in.I32();  // throttle
    const int16_t code = in.I16();
    if (PassesByItself(code)) {
      AskGroup(waiting);
      return;
    }
    LogEvent event{
        .method = waiting.method, .error = ErrorOfKafka(code), .generation = waiting.generation, .id = waiting.id};
    event.detail = std::make_unique<bus::LogDetail>();
    if (waiting.method == LogMethod::kJoin) {
      event.generation = in.I32();
      event.detail->protocol = in.Text();
      event.detail->leader = in.Text();
      event.detail->member = in.Text();
      for (size_t n = in.Count(); n > 0; --n) {
        bus::GroupMember& member = event.detail->members.emplace_back();
        member.id = in.Text();
        member.instance = in.Text();
        in.Bytes();
      }
    } else {
      const std::string assignment = in.Bytes();
      KafkaReader share(assignment);
      if (!assignment.empty()) share.I16();
      for (size_t topics = assignment.empty() ? 0 : share.Count(); topics > 0; --topics) {
        const std::string name = share.Text();
        const auto id = static_cast<int32_t>(std::find(topics_.begin(), topics_.end(), name) - topics_.begin());
        for (size_t n = share.Count(); n > 0; --n) event.detail->partitions.push_back({id, share.I32()});
      }
    }
    events_.push_back(std::move(event));
  }
}

void KafkaWire::Heartbeat(const LogRequest& request) {
  KafkaWriter out;
  out.Text(request.group).I32(request.generation).Text(request.member).MaybeText(Maybe(request.instance));
  const std::string answer = AskUntil(kHeartbeat, out.bytes(), 4);
  KafkaReader in(answer);
  in.I32();
  Reply(request, ErrorOfKafka(in.I16()));
}

void KafkaWire::LeaveGroup(const LogRequest& request) {
  KafkaWriter out;
  out.Text(request.group).Count(1).Text(request.member).MaybeText(Maybe(request.instance));
  const std::string answer = AskUntil(kLeaveGroup, out.bytes(), 4);
  KafkaReader in(answer);
  in.I32();
  int16_t error = in.I16();
  if (error == 0 && in.Count() > 0) {
    in.Text(), in.Text();
    error = in.I16();
  }
  Reply(request, ErrorOfKafka(error));
}

bool KafkaWire::Expel(const std::string& group) {
  AwaitCoordinator(group, 0);
  const std::string answer = Ask(kDescribeGroups, KafkaWriter().Count(1).Text(group).bytes());
  KafkaReader in(answer);
  if (in.Count() != 1) return false;
  in.I16(), in.Text(), in.Text(), in.Text(), in.Text();
  for (size_t n = in.Count(); n > 0 && in.ok(); --n) {
    const std::string member = in.Text();
    in.Text(), in.Text(), in.Bytes(), in.Bytes();
    Ask(kLeaveGroup, KafkaWriter().Text(group).Count(1).Text(member).MaybeText(std::nullopt).bytes());
  }
  return in.ok();
}

LogError KafkaWire::DeleteGroup(const std::string& group) {
  AwaitCoordinator(group, 0);
  const std::string answer = Ask(kDeleteGroups, KafkaWriter().Count(1).Text(group).bytes());
  KafkaReader in(answer);
  in.I32();
  if (in.Count() != 1) return LogError::kRefused;
  in.Text();
  return ErrorOfKafka(in.I16());
}

}  // namespace millrace::scenarios
