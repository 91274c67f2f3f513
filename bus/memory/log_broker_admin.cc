// LogBroker: topics, the operator's side, faults.
#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "bus/memory/log_broker.h"
#include "bus/memory/log_broker_state.h"

namespace millrace::bus {
namespace {

constexpr int32_t kPartitionsMax = 100'000;

absl::Status CheckSpec(const TopicSpec& spec) {
  const auto bad = [&](const std::string& why) {
    return absl::InvalidArgumentError("topic \"" + spec.name + "\": " + why);
  };
  if (spec.name.empty()) return bad("a topic needs a name");
  if (spec.partitions < 1 || spec.partitions > kPartitionsMax) {
    return bad("partitions = " + std::to_string(spec.partitions) + " is not between 1 and " +
               std::to_string(kPartitionsMax));
  }
  for (size_t i = 0; i < spec.groups.size(); ++i) {
    if (spec.groups[i].empty()) return bad("a group needs a name");
    if (std::find(spec.groups.begin(), spec.groups.begin() + static_cast<ptrdiff_t>(i), spec.groups[i]) !=
        spec.groups.begin() + static_cast<ptrdiff_t>(i)) {
      return bad("group \"" + spec.groups[i] + "\" is named twice");
    }
  }
  if (spec.backlog_bytes_max > 0 && spec.groups.empty()) {
    return bad(
        "it has a bound on its backlog and no group that would ever settle it: name the groups, or drop "
        "backlog_bytes_max");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int32_t> LogBroker::CreateTopic(const TopicSpec& spec) {
  if (absl::Status status = CheckSpec(spec); !status.ok()) return status;
  if (const int32_t id = TopicId(spec.name); id >= 0) {
    Topic& topic = *topics_[static_cast<size_t>(id)];
    if (topic.spec.partitions != spec.partitions) {
      return absl::FailedPreconditionError(
          "topic \"" + spec.name + "\" has " + std::to_string(topic.spec.partitions) + " partitions, not " +
          std::to_string(spec.partitions) +
          ": keys would move between partitions; use another topic name, or the old number");
    }
    topic.spec.ordered = spec.ordered;
    // What was promised to be kept stays kept.
    topic.spec.keep = topic.spec.keep || spec.keep;
    topic.spec.backlog_bytes_max = spec.backlog_bytes_max;
    for (const std::string& group : spec.groups) AddGroup(topic, group);
    if (topic.spec.backlog_bytes_max == 0 || !topic.starved.empty()) Writable(topic);
    return id;
  }
  const int32_t id = topics();
  auto topic = std::make_unique<Topic>();
  topic->spec = spec;
  topic->spec.groups.clear();
  topic->partitions.reserve(static_cast<size_t>(spec.partitions));
  for (int32_t n = 0; n < spec.partitions; ++n) topic->partitions.emplace_back(topic.get(), Partition{id, n}, pool_);
  topics_.push_back(std::move(topic));
  topic_ids_.emplace(spec.name, id);
  for (const std::string& group : spec.groups) AddGroup(*topics_.back(), group);
  return id;
}

void LogBroker::AddGroup(Topic& topic, const std::string& name) {
  if (std::find(topic.spec.groups.begin(), topic.spec.groups.end(), name) != topic.spec.groups.end()) return;
  const LogGroup& group = GroupFor(name);
  topic.spec.groups.push_back(name);
  topic.groups.push_back(&group);
  for (PartitionState& state : topic.partitions) {
    state.settled.push_back(group.CommittedOf(state.partition).offset);
    Recount(state);
  }
}

int32_t LogBroker::TopicId(std::string_view name) const {
  auto at = topic_ids_.find(name);
  return at == topic_ids_.end() ? -1 : at->second;
}

const TopicSpec& LogBroker::Spec(int32_t topic) const {
  MR_CHECK(topic >= 0 && topic < topics()) << "no topic has id " << topic;
  return topics_[static_cast<size_t>(topic)]->spec;
}

const LogPartition& LogBroker::Log(Partition partition) const {
  const PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  return state->log;
}

const LogGroup* LogBroker::Group(std::string_view name) const {
  auto at = groups_.find(name);
  return at == groups_.end() ? nullptr : at->second.get();
}

int64_t LogBroker::SettledUpTo(std::string_view group, Partition partition) const {
  const LogPartition& log = Log(partition);
  const LogGroup* found = Group(group);
  const int64_t committed = found == nullptr ? -1 : found->CommittedOf(partition).offset;
  return std::clamp(committed, log.start(), log.end());
}

uint64_t LogBroker::Backlog(int32_t topic) const {
  MR_CHECK(topic >= 0 && topic < topics()) << "no topic has id " << topic;
  return topics_[static_cast<size_t>(topic)]->backlog;
}

int64_t LogBroker::Append(Partition partition, const Message& message) {
  PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  const size_t footprint = LogPartition::Footprint(message);
  const int64_t offset = state->log.Append(message, footprint);
  state->topic->backlog += footprint;
  Touch(*state);
  FlushTouched();
  return offset;
}

void LogBroker::AppendGap(Partition partition, int64_t count) {
  PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr && count >= 0)
      << "no partition " << partition.number << " of topic " << partition.topic << ", or a gap of " << count;
  state->log.AppendGap(count);
  Touch(*state);
  FlushTouched();
}

void LogBroker::ResetLog(Partition partition, int64_t start) {
  PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  state->log.ResetTo(start);
  Recount(*state);
}

LogError LogBroker::SetCommitted(std::string_view group, Partition partition, int64_t offset, std::string_view note) {
  PartitionState* state = StateOf(partition);
  if (state == nullptr || offset < 0) return LogError::kUnknownTopic;
  LogGroup& found = GroupFor(group);
  if (!found.Members().empty()) return LogError::kGroupNotEmpty;
  found.Commit(partition, offset, note);
  NoteSettled(*state, found, offset);
  return LogError::kNone;
}

LogError LogBroker::DeleteGroup(std::string_view name) {
  auto at = groups_.find(name);
  // One that only a topic names is none yet.
  if (at == groups_.end() || !at->second->Used()) return LogError::kGroupNotFound;
  if (LogError error = at->second->Delete(); error != LogError::kNone) return error;
  // Topics that name it wait for a new group of that name, from where the log starts.
  const LogGroup* old = at->second.get();
  auto fresh = std::make_unique<LogGroup>(std::string(name), options_.groups);
  for (const auto& topic : topics_) {
    for (size_t g = 0; g < topic->groups.size(); ++g) {
      if (topic->groups[g] != old) continue;
      topic->groups[g] = fresh.get();
      for (PartitionState& state : topic->partitions) {
        state.settled[g] = -1;
        Recount(state);
      }
    }
  }
  for (const auto& connection : connections_) connection->last_group = nullptr;
  at->second = std::move(fresh);
  return LogError::kNone;
}

void LogBroker::DeleteRecordsBefore(Partition partition, int64_t offset) {
  PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  Destroy(*state, offset);
  Touch(*state);
  FlushTouched();
}

// ---------------------------------------------------------------- faults

void LogBroker::Stop() {
  up_ = false;
  for (const auto& topic : topics_) {
    topic->starved.clear();
    for (PartitionState& state : topic->partitions) state.waiting.clear();
  }
  for (const auto& connection : connections_) {
    if (connection->ended) continue;
    connection->outbox.clear();
    connection->ended = true;
    Tell(*connection, LogEventKind::kDisconnected);
  }
  UpdateTimer();
}

void LogBroker::Start(MonotonicTime now) {
  up_ = true;
  now = At(now);
  for (auto& [name, group] : groups_) group->Reloaded(now);
  UpdateTimer();
}

void LogBroker::Disconnect(LogConnectionId id, MonotonicTime now) {
  Connection* connection = Find(id);
  if (connection == nullptr || connection->ended) return;
  connection->outbox.clear();
  connection->ended = true;
  Tell(*connection, LogEventKind::kDisconnected);
  now = At(now);
  for (auto& [name, group] : groups_) group->ConnectionGone(id, now, answers_);
  Deliver();
}

std::vector<LogConnectionId> LogBroker::Connections() const {
  std::vector<LogConnectionId> ids;
  for (const auto& connection : connections_) ids.push_back(connection->id);
  return ids;
}

void LogBroker::SetCoordinator(bool available, MonotonicTime now) {
  if (available == coordinator_) return;
  coordinator_ = available;
  now = At(now);
  for (auto& [name, group] : groups_) {
    if (available) {
      group->Reloaded(now);
    } else {
      group->Unloaded(answers_);
    }
  }
  Deliver();
}

int64_t LogBroker::LoseCommits(std::string_view name, Partition partition, int64_t records) {
  const auto at = groups_.find(name);
  const PartitionState* state = StateOf(partition);
  if (!up_ || at == groups_.end() || state == nullptr || records <= 0) return -1;
  LogGroup& group = *at->second;
  const int64_t committed = group.CommittedOf(partition).offset;
  const int64_t back = std::max(committed - records, state->log.start());
  if (back >= committed) return -1;
  group.Commit(partition, back, "");
  group.Forgotten(answers_);
  Deliver();
  return back;
}

void LogBroker::RefuseNext(int32_t topic, uint64_t count) {
  MR_CHECK(topic >= 0 && topic < topics()) << "no topic has id " << topic;
  topics_[static_cast<size_t>(topic)]->refuse_next = count;
}

uint64_t LogBroker::RefusalsLeft(int32_t topic) const {
  MR_CHECK(topic >= 0 && topic < topics()) << "no topic has id " << topic;
  return topics_[static_cast<size_t>(topic)]->refuse_next;
}

bool LogBroker::Knows(LogConnectionId id) const {
  const auto at = std::lower_bound(connections_.begin(), connections_.end(), id,
                                   [](const auto& c, LogConnectionId i) { return c->id < i; });
  return at != connections_.end() && (*at)->id == id && !(*at)->ended;
}

}  // namespace millrace::bus
