// LogBroker: transactions. One coordinator for all of them, which ends a transaction in one step: offsets, what readers see
// and the markers. (Kafka answers when it has decided, and writes markers soon after; who comes in between is told to try
// again.)
#include <algorithm>
#include <chrono>
#include <utility>

#include "bus/check.h"
#include "bus/memory/log_broker.h"
#include "bus/memory/log_broker_state.h"

namespace millrace::bus {

LogError LogBroker::CheckProducer(const Connection& connection) const {
  const Transactions* producer = connection.producer;
  if (producer == nullptr) return LogError::kTransactionState;
  if (connection.producer_epoch == producer->epoch) return LogError::kNone;
  const bool own_time_out = producer->timed_out && connection.producer_epoch + 1 == producer->epoch;
  return own_time_out ? LogError::kProducerEpoch : LogError::kProducerFenced;
}

void LogBroker::OnInitProducer(Connection& connection, const LogRequest& request, MonotonicTime) {
  if (!coordinator_) {
    Reply(connection, request, LogError::kCoordinatorUnavailable);
    return;
  }
  auto at = transactions_.find(request.instance);
  if (at == transactions_.end()) {
    at = transactions_.emplace(std::string(request.instance), std::make_unique<Transactions>()).first;
    at->second->producer = transactions_.size();
  }
  Transactions& producer = *at->second;
  if (producer.open) EndTransaction(producer, /*commit=*/false, LogTransactionEnd::Why::kFenced);
  producer.timeout = std::chrono::milliseconds(request.timeout_ms);
  producer.timed_out = false;
  connection.producer = &producer;
  connection.producer_epoch = ++producer.epoch;
  Reply(connection, request, LogError::kNone).generation = producer.epoch;
}

void LogBroker::BeginTransaction(Transactions& transactions) {
  if (transactions.open) return;
  transactions.open = true;
  transactions.number = ++transactions_begun_;
  transactions.ends = now_ + transactions.timeout;
  next_timer_ = std::min(next_timer_, transactions.ends);
}

size_t LogBroker::ProduceInTransaction(Connection& connection, std::span<const int32_t> topics,
                                       std::span<const Outgoing> messages, uint64_t first_token) {
  if (const LogError error = CheckProducer(connection); error != LogError::kNone) {
    Confirm(connection, first_token, first_token + messages.size(), error);
    return messages.size();
  }
  Transactions& producer = *connection.producer;
  // Only before it begins: in the middle it would wait for readers who wait for its end.
  if (!producer.open && !HasRoom(topics, connection.id)) return 0;
  BeginTransaction(producer);
  for (size_t i = 0; i < messages.size(); ++i) {
    const Outgoing& out = messages[i];
    const bool known = out.topic >= 0 && static_cast<size_t>(out.topic) < topics.size();
    PartitionState* state = known ? StateOf({topics[static_cast<size_t>(out.topic)], out.partition}) : nullptr;
    const LogError error = state == nullptr ? LogError::kUnknownTopic : Admit(*state, out.message);
    if (error == LogError::kNone) {
      const size_t footprint = LogPartition::Footprint(out.message);
      if (state->isolation == nullptr) state->isolation = std::make_unique<LogIsolation>();
      state->isolation->Append(producer.producer, state->log.Append(out.message, footprint));
      state->topic->backlog += footprint;
      if (std::find(producer.written.begin(), producer.written.end(), state) == producer.written.end())
        producer.written.push_back(state);
      Touch(*state);
    }
    Confirm(connection, first_token + i, first_token + i + 1, error);
  }
  FlushTouched();
  return messages.size();
}

bool LogBroker::HasRoom(std::span<const int32_t> topics, LogConnectionId connection) {
  bool room = true;
  for (int32_t id : topics) {
    if (id < 0 || id >= this->topics()) continue;
    Topic& topic = *topics_[static_cast<size_t>(id)];
    if (topic.spec.backlog_bytes_max == 0 || topic.backlog < topic.spec.backlog_bytes_max) continue;
    room = false;
    if (std::find(topic.starved.begin(), topic.starved.end(), connection) == topic.starved.end())
      topic.starved.push_back(connection);
  }
  return room;
}

void LogBroker::OnTransactOffset(Connection& connection, const LogRequest& request, MonotonicTime now) {
  LogError error = CheckProducer(connection);
  if (!coordinator_) {
    error = LogError::kCoordinatorUnavailable;
  } else if (error == LogError::kNone && (StateOf(request.partition) == nullptr || request.offset < 0)) {
    error = LogError::kUnknownTopic;
  } else if (error == LogError::kNone && request.note.size() > options_.note_bytes_max) {
    error = LogError::kNoteTooLarge;
  }
  if (error == LogError::kNone) {
    // The transaction has begun with the group being added to it, whatever that one says then (AddOffsetsToTxn).
    BeginTransaction(*connection.producer);
    error = GroupFor(request.group).CheckTransactionalCommit(request, now);
  }
  if (error == LogError::kNone) {
    Transactions& producer = *connection.producer;
    auto at = std::find_if(producer.offsets.begin(), producer.offsets.end(), [&](const Transactions::Offset& o) {
      return o.group == request.group && o.partition == request.partition;
    });
    if (at == producer.offsets.end()) at = producer.offsets.emplace(at);
    *at = {.group = std::string(request.group),
           .partition = request.partition,
           .offset = request.offset,
           .note = std::string(request.note)};
  }
  Reply(connection, request, error).generation = request.generation;
}

void LogBroker::OnEndTransaction(Connection& connection, const LogRequest& request) {
  LogError error = CheckProducer(connection);
  if (!coordinator_) error = LogError::kCoordinatorUnavailable;
  if (error == LogError::kNone && !connection.producer->open) error = LogError::kTransactionState;
  if (error == LogError::kNone) EndTransaction(*connection.producer, request.commit, LogTransactionEnd::Why::kAsked);
  Reply(connection, request, error);
}

void LogBroker::EndTransaction(Transactions& transactions, bool commit, LogTransactionEnd::Why why) {
  std::vector<LogTransactionEnd::Offset> moved;
  for (PartitionState* state : transactions.written) {
    if (commit) {
      state->isolation->Commit(transactions.producer);
    } else {
      state->isolation->Abort(transactions.producer);
    }
    state->log.AppendGap(1);
    Touch(*state);
  }
  if (commit) {
    for (const Transactions::Offset& offset : transactions.offsets) {
      LogGroup& group = GroupFor(offset.group);
      if (on_transaction_) {
        moved.push_back({.group = group.name(),
                         .partition = offset.partition,
                         .before = group.CommittedOf(offset.partition).offset,
                         .after = offset.offset});
      }
      group.Commit(offset.partition, offset.offset, offset.note);
      NoteSettled(*StateOf(offset.partition), group, offset.offset);
    }
  }
  if (on_transaction_) {
    std::vector<Partition> written;
    for (const PartitionState* state : transactions.written) written.push_back(state->partition);
    on_transaction_(
        {.number = transactions.number, .committed = commit, .why = why, .written = written, .offsets = moved});
  }
  transactions.written.clear();
  transactions.offsets.clear();
  transactions.open = false;
  transactions.ends = MonotonicTime::Infinite();
  FlushTouched();
}

// Whoever comes back late finds its epoch gone: what it has still to say belongs to a transaction that is over.
void LogBroker::TimeOutTransactions(MonotonicTime now) {
  for (auto& [id, transactions] : transactions_) {
    if (!transactions->open || transactions->ends > now) continue;
    EndTransaction(*transactions, /*commit=*/false, LogTransactionEnd::Why::kTimedOut);
    ++transactions->epoch;
    transactions->timed_out = true;
  }
}

bool LogBroker::Unstable(std::string_view group, Partition partition) const {
  for (const auto& [id, transactions] : transactions_) {
    for (const Transactions::Offset& offset : transactions->offsets) {
      if (offset.partition == partition && offset.group == group) return true;
    }
  }
  return false;
}

bool LogBroker::InTransaction(std::string_view transactional_id) const {
  const auto at = transactions_.find(transactional_id);
  return at != transactions_.end() && at->second->open;
}

uint64_t LogBroker::TransactionOf(LogConnectionId connection) const {
  const Connection* found = Find(connection);
  if (found == nullptr || CheckProducer(*found) != LogError::kNone || !found->producer->open) return 0;
  return found->producer->number;
}

bool LogBroker::Transactional(LogConnectionId connection) const {
  const Connection* found = Find(connection);
  return found != nullptr && found->producer != nullptr;
}

int64_t LogBroker::StableEnd(Partition partition) const {
  const PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  return state->isolation == nullptr ? state->log.end() : state->isolation->StableEnd(state->log);
}

LogPartition::Slice LogBroker::ReadCommitted(Partition partition, int64_t offset, size_t max) const {
  const PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  return state->isolation == nullptr ? state->log.Read(offset, max) : state->isolation->Read(state->log, offset, max);
}

void LogBroker::ForEachOnceAborted(Partition partition, const std::function<void(const Delivery&)>& visit) const {
  const PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  const LogIsolation isolation = state->isolation == nullptr ? LogIsolation() : state->isolation->WithoutOpen();
  for (int64_t at = state->log.start(); at < state->log.end();) {
    const LogPartition::Slice slice = isolation.Read(state->log, at, SIZE_MAX);
    for (const Delivery& record : slice.records) visit(record);
    at = slice.next;
  }
}

uint64_t LogBroker::CommittedFrom(Partition partition, int64_t offset) const {
  const PartitionState* state = StateOf(partition);
  MR_CHECK(state != nullptr) << "no partition " << partition.number << " of topic " << partition.topic;
  if (state->isolation != nullptr) return state->isolation->VisibleFrom(state->log, offset);
  return state->log.records() - state->log.RecordsBefore(offset);
}

}  // namespace millrace::bus
