#include "tests/scenarios/kafka_wire.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/scenarios/kafka_calls.h"

namespace millrace::scenarios {

using bus::LogError;
using bus::LogEvent;
using bus::LogEventKind;
using bus::LogMethod;
using bus::LogRequest;

// Kafka's codes, Errors.java.
LogError ErrorOfKafka(int16_t code) {
  switch (code) {
    case 0:
      return LogError::kNone;
    case 1:
      return LogError::kOffsetOutOfRange;
    case 3:
      return LogError::kUnknownTopic;
    case 10:
      return LogError::kMessageTooLarge;
    case 12:
      return LogError::kNoteTooLarge;
    case 14:
    case 15:
    case 16:
      return LogError::kCoordinatorUnavailable;
    case 22:
      return LogError::kIllegalGeneration;
    case 23:
      return LogError::kInconsistentProtocol;
    case 25:
      return LogError::kUnknownMember;
    case 26:
      return LogError::kInvalidSessionTimeout;
    case 27:
      return LogError::kRebalanceInProgress;
    case 47:
      return LogError::kProducerEpoch;
    case 48:
      return LogError::kTransactionState;
    case 68:
      return LogError::kGroupNotEmpty;
    case 69:
      return LogError::kGroupNotFound;
    case 79:
      return LogError::kMemberIdRequired;
    case 82:
      return LogError::kFencedInstance;
    case 88:
      return LogError::kUnstableOffset;
    case 90:
      return LogError::kProducerFenced;
    default:
      return LogError::kRefused;
  }
}

// What clients try again: a coordinator that moves or loads (14 to 16), a partition made a moment ago, whose leader does
// not know that it is (5, 6), a transaction whose markers are being written (51), and NOT_ENOUGH_REPLICAS (19): so a broker
// answers older clients as long as it asks the coordinator whether a transaction is under way (KIP-890).
bool PassesByItself(int16_t code) {
  return code == 5 || code == 6 || (code >= 14 && code <= 16) || code == 19 || code == 51;
}

void KafkaWire::Connect(MonotonicTime) {
  const bool open = data_.Open(port_) && group_.Open(port_);
  events_.push_back(LogEvent{.kind = open ? LogEventKind::kConnected : LogEventKind::kDisconnected});
  waker_.Wake();
}

void KafkaWire::Drop(MonotonicTime) {
  data_.Close();
  group_.Close();
  waiting_.clear();
  events_.clear();
}

void KafkaWire::Receive(std::vector<LogEvent>& events) {
  TakeGroupAnswers();
  events.clear();
  events.swap(events_);
}

LogEvent& KafkaWire::Reply(const LogRequest& request, LogError error) {
  events_.push_back(
      LogEvent{.method = request.method, .error = error, .generation = request.generation, .id = request.id});
  waker_.Wake();
  return events_.back();
}

std::string KafkaWire::Ask(const KafkaCall& call, const std::string& body) {
  int32_t correlation = next_correlation_++;
  if (!data_.Send(call, body, correlation)) return "";
  return data_.Receive(call, correlation, kAnswerMs);
}

std::string KafkaWire::AskUntil(const KafkaCall& call, const std::string& body, size_t error_at) {
  for (const auto end = std::chrono::steady_clock::now() + kPassing;;) {
    std::string answer = Ask(call, body);
    if (answer.size() < error_at + 2) return answer;
    if (!PassesByItself(KafkaReader(std::string_view(answer).substr(error_at)).I16()) ||
        std::chrono::steady_clock::now() > end) {
      return answer;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// Asking is what makes a broker that was never asked before create the topics that coordinators keep their state in.
void KafkaWire::AwaitCoordinator(const std::string& key, int8_t kind) {
  if (!coordinators_up_.insert(key).second) return;
  AskUntil(kFindCoordinator, KafkaWriter().Text(key).I8(kind).bytes(), 4);
}

void KafkaWire::Send(const LogRequest& request, MonotonicTime) {
  if (!request.group.empty()) AwaitCoordinator(std::string(request.group), 0);
  switch (request.method) {
    case LogMethod::kMetadata:
      return Metadata(request);
    case LogMethod::kJoin:
      return JoinGroup(request);
    case LogMethod::kSync:
      return SyncGroup(request);
    case LogMethod::kHeartbeat:
      return Heartbeat(request);
    case LogMethod::kLeave:
      return LeaveGroup(request);
    case LogMethod::kOffsets:
      return Offsets(request);
    case LogMethod::kCommit:
      return Commit(request);
    case LogMethod::kInitProducer:
      return InitProducer(request);
    case LogMethod::kTransactOffset:
      return TransactOffset(request);
    case LogMethod::kEndTransaction:
      return EndTransaction(request);
    case LogMethod::kFetch:
      return;  // what readers see the drivers' members tell
  }
}

void KafkaWire::Metadata(const LogRequest& request) {
  KafkaWriter out;
  out.Count(request.topics.size());
  for (const std::string& topic : request.topics) out.Text(topic);
  const std::string answer = Ask(kMetadata, out.bytes());
  KafkaReader in(answer);
  for (size_t brokers = in.Count(); brokers > 0; --brokers) {
    in.I32(), in.Text(), in.I32(), in.Text();
  }
  in.I32();  // the controller
  LogEvent& event = Reply(request, LogError::kNone);
  event.detail = std::make_unique<bus::LogDetail>();
  for (size_t topics = in.Count(); topics > 0; --topics) {
    const int16_t error = in.I16();
    bus::LogTopicInfo& info = event.detail->topics.emplace_back();
    info.name = in.Text();
    in.I8();
    const size_t partitions = in.Count();
    for (size_t p = 0; p < partitions; ++p) {
      in.I16(), in.I32(), in.I32();
      for (int list = 0; list < 2; ++list) {
        for (size_t n = in.Count(); n > 0; --n) in.I32();
      }
    }
    if (error != 0) continue;
    info.partitions = static_cast<int32_t>(partitions);
    const auto at = std::find(topics_.begin(), topics_.end(), info.name);
    info.id = static_cast<int32_t>(at - topics_.begin());
    if (at == topics_.end()) topics_.push_back(info.name);
  }
}

}  // namespace millrace::scenarios
