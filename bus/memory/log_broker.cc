// LogBroker: clients' requests and records. Topics, the operator's side and faults are in log_broker_admin.cc,
// transactions in log_broker_transactions.cc.
#include "bus/memory/log_broker.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "bus/memory/log_broker_state.h"

namespace millrace::bus {

LogBroker::LogBroker(const LogBrokerOptions& options)
    : options_(options), pool_(options.segment_bytes, options.segments_kept) {}

LogBroker::~LogBroker() = default;

// ---------------------------------------------------------------- connections

LogConnectionId LogBroker::Open(Waker& ready, MonotonicTime) {
  auto connection = std::make_unique<Connection>();
  connection->id = next_connection_++;
  connection->ready = &ready;
  connections_.push_back(std::move(connection));
  Connection& opened = *connections_.back();
  Tell(opened, up_ ? LogEventKind::kConnected : LogEventKind::kDisconnected);
  opened.ended = !up_;
  return opened.id;
}

LogBroker::Connection* LogBroker::Find(LogConnectionId id) {
  auto at = std::lower_bound(connections_.begin(), connections_.end(), id,
                             [](const auto& c, LogConnectionId i) { return c->id < i; });
  return at == connections_.end() || (*at)->id != id ? nullptr : at->get();
}

void LogBroker::TakeEvents(LogConnectionId id, std::vector<LogEvent>& into) {
  into.clear();
  Connection* connection = Find(id);
  if (connection == nullptr) return;
  connection->told = false;
  std::swap(into, connection->outbox);
}

void LogBroker::Drop(LogConnectionId id, MonotonicTime now) {
  auto at = std::lower_bound(connections_.begin(), connections_.end(), id,
                             [](const auto& c, LogConnectionId i) { return c->id < i; });
  if (at == connections_.end() || (*at)->id != id) return;
  const bool ended = (*at)->ended;
  connections_.erase(at);
  for (const auto& topic : topics_) {
    std::erase(topic->starved, id);
    for (PartitionState& state : topic->partitions) {
      std::erase_if(state.waiting, [id](const WaitingFetch& w) { return w.connection == id; });
    }
  }
  if (ended) return;  // the groups were told when the broker ended it
  now = At(now);
  for (auto& [name, group] : groups_) group->ConnectionGone(id, now, answers_);
  Deliver();
}

LogEvent& LogBroker::Tell(Connection& connection, LogEventKind kind, bool wake) {
  LogEvent& event = connection.outbox.emplace_back();
  event.kind = kind;
  if (wake && !connection.told) {
    connection.told = true;
    connection.ready->Wake();
  }
  return event;
}

LogEvent& LogBroker::Reply(Connection& connection, const LogRequest& request, LogError error, bool wake) {
  LogEvent& event = Tell(connection, LogEventKind::kReply, wake);
  event.method = request.method;
  event.error = error;
  event.id = request.id;
  event.partition = request.partition;
  event.offset = request.offset;
  return event;
}

void LogBroker::Receive(LogConnectionId id, std::span<const LogRequest> requests, MonotonicTime now) {
  now = At(now);
  Advance(now);
  Connection* connection = Find(id);
  for (const LogRequest& request : requests) {
    if (connection == nullptr || connection->ended) return;
    Take(*connection, request, now);
  }
}

void LogBroker::Take(Connection& connection, const LogRequest& request, MonotonicTime now) {
  switch (request.method) {
    case LogMethod::kFetch:
      return OnFetch(connection, request);
    case LogMethod::kCommit:
      return OnCommit(connection, request, now);
    case LogMethod::kOffsets:
      return OnOffsets(connection, request);
    case LogMethod::kMetadata:
      return OnMetadata(connection, request);
    case LogMethod::kJoin:
    case LogMethod::kSync:
    case LogMethod::kHeartbeat:
    case LogMethod::kLeave:
      return OnGroup(connection, request, now);
    case LogMethod::kInitProducer:
      return OnInitProducer(connection, request, now);
    case LogMethod::kTransactOffset:
      return OnTransactOffset(connection, request, now);
    case LogMethod::kEndTransaction:
      return OnEndTransaction(connection, request);
  }
}

void LogBroker::Advance(MonotonicTime now) {
  now = At(now);
  if (now < next_timer_ || !up_ || !coordinator_) return;
  for (auto& [name, group] : groups_) group->Advance(now, answers_);
  TimeOutTransactions(now);
  Deliver();
}

// ---------------------------------------------------------------- groups

void LogBroker::OnGroup(Connection& connection, const LogRequest& request, MonotonicTime now) {
  if (!coordinator_) {
    Reply(connection, request, LogError::kCoordinatorUnavailable);
    return;
  }
  GroupFor(request.group).Handle(connection.id, request, now, answers_);
  Deliver();
}

void LogBroker::Deliver() {
  for (LogGroup::Answer& answer : answers_) {
    Connection* connection = Find(answer.connection);
    if (connection == nullptr || connection->ended) continue;
    LogDetail* detail = answer.event.detail.get();
    if (detail != nullptr && !detail->members.empty()) FillTopics(*detail);
    Tell(*connection, LogEventKind::kReply) = std::move(answer.event);
  }
  answers_.clear();
  UpdateTimer();
}

// The leader shares out all topics that anybody subscribes to.
void LogBroker::FillTopics(LogDetail& detail) const {
  std::vector<int32_t> ids;
  for (const GroupMember& member : detail.members) ids.insert(ids.end(), member.topics.begin(), member.topics.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (int32_t id : ids) {
    if (id < 0 || id >= topics()) continue;
    detail.topics.push_back({Spec(id).name, id, Spec(id).partitions});
  }
}

LogGroup& LogBroker::GroupFor(std::string_view name) {
  auto at = groups_.find(name);
  if (at == groups_.end()) {
    at = groups_.emplace(std::string(name), std::make_unique<LogGroup>(std::string(name), options_.groups)).first;
  }
  return *at->second;
}

void LogBroker::UpdateTimer() {
  MonotonicTime next = MonotonicTime::Infinite();
  if (up_ && coordinator_) {
    for (const auto& [name, group] : groups_) next = std::min(next, group->NextTimer());
    for (const auto& [id, transactions] : transactions_) next = std::min(next, transactions->ends);
  }
  next_timer_ = next;
}

void LogBroker::OnMetadata(Connection& connection, const LogRequest& request) {
  LogEvent& event = Reply(connection, request, LogError::kNone);
  event.detail = std::make_unique<LogDetail>();
  for (const std::string& name : request.topics) {
    const int32_t id = TopicId(name);
    event.detail->topics.push_back({name, id, id < 0 ? 0 : Spec(id).partitions});
  }
}

void LogBroker::OnOffsets(Connection& connection, const LogRequest& request) {
  if (!coordinator_) {
    Reply(connection, request, LogError::kCoordinatorUnavailable);
    return;
  }
  const LogGroup* group = Group(request.group);
  LogEvent& event = Reply(connection, request, LogError::kNone);
  event.detail = std::make_unique<LogDetail>();
  for (Partition partition : request.partitions) {
    LogOffsets& offsets = event.detail->offsets.emplace_back();
    offsets.partition = partition;
    const PartitionState* state = StateOf(partition);
    if (state == nullptr) {
      event.error = LogError::kUnknownTopic;
      continue;
    }
    offsets.start = state->log.start();
    offsets.end = state->log.end();
    if (group == nullptr) continue;
    // Whoever began at what is committed now would redo what a transaction under way has done.
    if (Unstable(request.group, partition)) event.error = LogError::kUnstableOffset;
    const LogGroup::Committed& committed = group->CommittedOf(partition);
    offsets.committed = committed.offset;
    offsets.note = committed.note;
  }
}

void LogBroker::OnCommit(Connection& connection, const LogRequest& request, MonotonicTime now) {
  LogError error = LogError::kNone;
  PartitionState* state = StateOf(request.partition);
  LogGroup* group = nullptr;
  if (!coordinator_) {
    error = LogError::kCoordinatorUnavailable;
  } else if (state == nullptr || request.offset < 0) {
    error = LogError::kUnknownTopic;
  } else if (request.note.size() > options_.note_bytes_max) {
    error = LogError::kNoteTooLarge;
  } else {
    group = connection.last_group != nullptr && connection.last_group->name() == request.group
                ? connection.last_group
                : &GroupFor(request.group);
    connection.last_group = group;
    error = group->CheckCommit(request, now);
  }
  if (error == LogError::kNone) {
    group->Commit(request.partition, request.offset, request.note);
    NoteSettled(*state, *group, request.offset);
  }
  if (error == LogError::kNone && request.quiet) {
    // Neighbours share an answer that nobody is woken for.
    LogEvent* last = connection.outbox.empty() ? nullptr : &connection.outbox.back();
    const bool follows = last != nullptr && last->kind == LogEventKind::kReply && last->method == LogMethod::kCommit &&
                         last->count > 0 && last->id + last->count == request.id;
    if (follows) {
      ++last->count;
      return;
    }
    Reply(connection, request, error, false).count = 1;
    return;
  }
  LogEvent& event = Reply(connection, request, error);
  event.generation = request.generation;
}

// ---------------------------------------------------------------- records

std::vector<LogBroker::PartitionState>* LogBroker::PartitionsOf(int32_t topic) const {
  return topic >= 0 && topic < topics() ? &topics_[static_cast<size_t>(topic)]->partitions : nullptr;
}

LogBroker::PartitionState* LogBroker::StateIn(std::vector<PartitionState>& partitions, int32_t number) {
  const size_t index = static_cast<uint32_t>(number);  // a negative one is too large
  return index < partitions.size() ? partitions.data() + index : nullptr;
}

LogBroker::PartitionState* LogBroker::StateOf(Partition partition) const {
  std::vector<PartitionState>* partitions = PartitionsOf(partition.topic);
  return partitions != nullptr ? StateIn(*partitions, partition.number) : nullptr;
}

void LogBroker::OnFetch(Connection& connection, const LogRequest& request) {
  PartitionState* state = StateOf(request.partition);
  if (state == nullptr) {
    Reply(connection, request, LogError::kUnknownTopic);
    return;
  }
  auto at = std::find_if(state->waiting.begin(), state->waiting.end(),
                         [&](const WaitingFetch& w) { return w.connection == connection.id; });
  const bool answered = AnswerFetch(connection, *state, request.id, request.offset, request.max);
  if (answered) {
    if (at != state->waiting.end()) state->waiting.erase(at);
    return;
  }
  const WaitingFetch fetch{connection.id, request.id, request.offset, request.max};
  if (at != state->waiting.end()) {
    *at = fetch;
  } else {
    state->waiting.push_back(fetch);
  }
}

bool LogBroker::AnswerFetch(Connection& connection, PartitionState& state, uint64_t id, int64_t offset, uint32_t max) {
  const LogPartition& log = state.log;
  LogPartition::Slice slice;
  LogError error = LogError::kNone;
  if (offset < log.start() || offset > log.end()) {
    error = LogError::kOffsetOutOfRange;
    slice.next = log.start();
  } else {
    slice = state.isolation == nullptr ? log.Read(offset, max) : state.isolation->Read(log, offset, max);
    if (slice.records.empty() && slice.next == offset) return false;
  }
  LogEvent& event = Tell(connection, LogEventKind::kReply);
  event.method = LogMethod::kFetch;
  event.error = error;
  event.id = id;
  event.partition = state.partition;
  event.offset = slice.next;
  event.end = log.end();
  event.records = slice.records;
  event.segment = std::move(slice.segment);
  return true;
}

LogError LogBroker::Admit(PartitionState& state, const Message& message) const {
  if (message.Bytes() > options_.message_bytes_max) return LogError::kMessageTooLarge;
  if (state.topic->refuse_next > 0) {
    --state.topic->refuse_next;
    return LogError::kRefused;
  }
  return LogError::kNone;
}

size_t LogBroker::Produce(LogConnectionId id, std::span<const int32_t> topics, std::span<const Outgoing> messages,
                          uint64_t first_token) {
  Connection* connection = Find(id);
  if (connection == nullptr || connection->ended) return 0;
  if (connection->producer != nullptr) return ProduceInTransaction(*connection, topics, messages, first_token);
  size_t taken = 0;
  size_t run = 0;  // messages from here on were appended and not confirmed yet
  // Neighbours often go to the same place: `partitions` are of the producer's topic place.topic, `state` is of place.
  Partition place{-1, -1};
  std::vector<PartitionState>* partitions = nullptr;
  PartitionState* state = nullptr;
  for (; taken < messages.size(); ++taken) {
    const Outgoing& out = messages[taken];
    if (out.topic != place.topic) {
      const bool known = out.topic >= 0 && static_cast<size_t>(out.topic) < topics.size();
      partitions = known ? PartitionsOf(topics[static_cast<size_t>(out.topic)]) : nullptr;
      place = {out.topic, -1};
      state = nullptr;
    }
    if (out.partition != place.number) {
      place.number = out.partition;
      state = partitions != nullptr ? StateIn(*partitions, out.partition) : nullptr;
    }
    const LogError error = state == nullptr ? LogError::kUnknownTopic : Admit(*state, out.message);
    if (error != LogError::kNone) {
      Confirm(*connection, first_token + run, first_token + taken, LogError::kNone);
      Confirm(*connection, first_token + taken, first_token + taken + 1, error);
      run = taken + 1;
      continue;
    }
    Topic& topic = *state->topic;
    const size_t footprint = LogPartition::Footprint(out.message);
    // One message is always taken, however large: else it would wait for ever.
    if (topic.spec.backlog_bytes_max > 0 && topic.backlog > 0 &&
        topic.backlog + footprint > topic.spec.backlog_bytes_max) {
      if (std::find(topic.starved.begin(), topic.starved.end(), id) == topic.starved.end()) topic.starved.push_back(id);
      break;
    }
    state->log.Append(out.message, footprint);
    topic.backlog += footprint;
    Touch(*state);
  }
  Confirm(*connection, first_token + run, first_token + taken, LogError::kNone);
  FlushTouched();
  return taken;
}

// Neighbours with the same outcome share an answer.
void LogBroker::Confirm(Connection& connection, uint64_t first, uint64_t end, LogError error) {
  if (first == end) return;
  if (!connection.outbox.empty()) {
    LogEvent& last = connection.outbox.back();
    if (last.kind == LogEventKind::kProduced && last.error == error && last.id + last.count == first) {
      last.count += end - first;
      return;
    }
  }
  LogEvent& event = Tell(connection, LogEventKind::kProduced);
  event.error = error;
  event.id = first;
  event.count = end - first;
}

void LogBroker::Touch(PartitionState& state) {
  if (state.touched) return;
  state.touched = true;
  touched_.push_back(&state);
}

void LogBroker::FlushTouched() {
  for (PartitionState* state : touched_) {
    state->touched = false;
    if (options_.retention_bytes > 0 && !state->topic->spec.keep) {
      const int64_t keep = state->log.TrimPoint(options_.retention_bytes);
      if (keep > state->log.start()) Destroy(*state, keep);
    }
    std::erase_if(state->waiting, [&](const WaitingFetch& w) {
      Connection* connection = Find(w.connection);
      return connection == nullptr || AnswerFetch(*connection, *state, w.id, w.offset, w.max);
    });
  }
  touched_.clear();
}

// ---------------------------------------------------------------- settling

void LogBroker::Destroy(PartitionState& state, int64_t before) {
  const Topic& topic = *state.topic;
  // A transaction that is open is seen whole or not at all.
  before = std::min(before, state.isolation == nullptr ? state.log.end() : state.isolation->StableEnd(state.log));
  for (size_t g = 0; on_destroyed_ && g < topic.groups.size(); ++g) {
    int64_t at = std::max(state.settled[g], state.log.start());
    while (at < before) {
      const LogPartition::Slice slice = ReadCommitted(state.partition, at, SIZE_MAX);
      if (slice.next == at) break;
      for (const Delivery& record : slice.records) {
        if (record.offset < before) on_destroyed_(topic.spec.groups[g], state.partition, record);
      }
      at = slice.next;
    }
  }
  state.log.DropBefore(before);
  if (state.isolation != nullptr) state.isolation->DropBefore(before);
  Recount(state);
}

void LogBroker::NoteSettled(PartitionState& state, const LogGroup& group, int64_t offset) {
  const Topic& topic = *state.topic;
  for (size_t g = 0; g < topic.groups.size(); ++g) {
    if (topic.groups[g] != &group || offset <= state.settled[g]) continue;
    state.settled[g] = offset;
    Recount(state);
  }
}

void LogBroker::Recount(PartitionState& state) {
  Topic& topic = *state.topic;
  int64_t least = topic.groups.empty() ? state.log.start() : INT64_MAX;
  for (int64_t offset : state.settled) least = std::min(least, offset);
  least = std::clamp(least, state.log.start(), state.log.end());
  const uint64_t position = state.log.PositionOf(least);
  topic.backlog -= position - state.settled_position;
  state.settled_position = position;
  if (!topic.spec.keep && !topic.groups.empty()) {
    state.log.DropBefore(least);
    if (state.isolation != nullptr) state.isolation->DropBefore(least);
  }
  if (!topic.starved.empty()) Writable(topic);
}

// Told only when there is room worth coming back for.
void LogBroker::Writable(Topic& topic) {
  const uint64_t most = topic.spec.backlog_bytes_max;
  if (topic.backlog > most - most / 8) return;
  for (LogConnectionId id : topic.starved) {
    Connection* connection = Find(id);
    if (connection != nullptr && !connection->ended) Tell(*connection, LogEventKind::kWritable);
  }
  topic.starved.clear();
}

}  // namespace millrace::bus
