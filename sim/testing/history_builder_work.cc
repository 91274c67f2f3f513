// HistoryBuilder: transactions, and several records at once.
#include "sim/testing/history_builder.h"

namespace millrace::sim {

// ---------------------------------------------------------------- transactions

HistoryBuilder& HistoryBuilder::AppendIn(uint64_t transaction, uint32_t message) {
  Append(message);
  record(last()).value = transaction;
  written_[transaction].emplace(record(last()).topic, record(last()).partition);
  return *this;
}

HistoryBuilder& HistoryBuilder::Transact(uint16_t process, std::string_view stage_name, bool commit) {
  Of(Kind::kTransact, process, stage_name).attempt = commit ? 1 : 0;
  return *this;
}

HistoryBuilder& HistoryBuilder::Ended(uint64_t transaction, uint16_t process, std::string_view stage_name, bool commit,
                                      TransactionEnd why) {
  Record& record = Of(Kind::kEnded, process, stage_name);
  record.value = transaction;
  record.attempt = commit ? 1 : 0;
  record.count = static_cast<uint32_t>(why);
  for (const auto& place : written_[transaction]) ++appended_[place];
  return *this;
}

HistoryBuilder& HistoryBuilder::CommittedIn(uint64_t transaction, std::string_view stage_name, uint16_t partition,
                                            uint64_t next) {
  Committed(stage_name, partition, next);
  record(last()).epoch = transaction;
  return *this;
}

HistoryBuilder& HistoryBuilder::Transacted(uint16_t process, std::string_view stage_name, bool commit, uint64_t code) {
  Record& record = Of(Kind::kTransacted, process, stage_name);
  record.attempt = commit ? 1 : 0;
  record.value = code;
  return *this;
}

HistoryBuilder& HistoryBuilder::SentIn(uint64_t transaction, uint16_t process, std::string_view stage_name,
                                       uint32_t message) {
  return Publish(process, stage_name, message).AppendIn(transaction, message).Confirm(process, stage_name, message);
}

HistoryBuilder& HistoryBuilder::SettledIn(uint64_t transaction, uint16_t process, std::string_view stage_name,
                                          uint32_t message) {
  const uint16_t partition = partition_[message];
  const uint64_t next = sequence_[message] + 1;
  Commit(process, stage_name, partition, next).Transact(process, stage_name);
  Ended(transaction, process, stage_name).CommittedIn(transaction, stage_name, partition, next);
  return Transacted(process, stage_name).Settle(process, stage_name, message);
}

HistoryBuilder& HistoryBuilder::WorkIn(uint64_t transaction, uint16_t process, std::string_view stage_name,
                                       uint32_t message, std::initializer_list<uint32_t> outputs) {
  Deliver(process, stage_name, message).Dispatch(process, stage_name, message);
  Attempt(process, stage_name, message, outputs);
  for (uint32_t output : outputs) SentIn(transaction, process, stage_name, output);
  return SettledIn(transaction, process, stage_name, message);
}

// ---------------------------------------------------------------- all of it

HistoryBuilder& HistoryBuilder::Sent(uint16_t process, std::string_view stage_name, uint32_t message) {
  return Publish(process, stage_name, message).Append(message).Confirm(process, stage_name, message);
}

HistoryBuilder& HistoryBuilder::Settled(uint16_t process, std::string_view stage_name, uint32_t message) {
  Settle(process, stage_name, message);
  if (history_.topology.queue) return Acked(stage_name, message);
  const uint64_t next = sequence_[message] + 1;
  return Commit(process, stage_name, partition_[message], next).Committed(stage_name, partition_[message], next);
}

HistoryBuilder& HistoryBuilder::Work(uint16_t process, std::string_view stage_name, uint32_t message,
                                     std::initializer_list<uint32_t> outputs) {
  Deliver(process, stage_name, message).Dispatch(process, stage_name, message);
  if (history_.topology.stages[stage(stage_name)].sink) Effect(process, stage_name, message);
  Attempt(process, stage_name, message, outputs);
  for (uint32_t output : outputs) Sent(process, stage_name, output);
  return Settled(process, stage_name, message);
}

}  // namespace millrace::sim
